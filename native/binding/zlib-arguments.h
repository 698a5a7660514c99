// Owns the reading of arguments that zlib's classes get from JavaScript: each function throws and returns nothing if a
// value is not what it must be. Must not know the classes.
#pragma once

#include <node_api.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace hotsocket {

// No typed array of Node 20 is longer; the JavaScript twin has the same limit.
constexpr std::size_t kMaxResultBytes = 0xffff'ffff;

template <std::size_t count>
struct Call {
  napi_value self = nullptr;
  std::array<napi_value, count> arguments{};  // undefined where the caller gave fewer
};

template <std::size_t count>
Call<count> read_call(napi_env env, napi_callback_info info) {
  Call<count> call;
  std::size_t given = count;
  napi_get_cb_info(env, info, &given, call.arguments.data(), &call.self, nullptr);
  return call;
}

inline std::optional<std::span<const std::uint8_t>> read_bytes(napi_env env, napi_value value,
                                                        const char* message = "piece must be a Uint8Array") {
  bool is_typed_array = false;
  napi_typedarray_type type = napi_int8_array;
  std::size_t length = 0;
  void* data = nullptr;
  if (napi_is_typedarray(env, value, &is_typed_array) != napi_ok || !is_typed_array ||
      napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
    return std::nullopt;
  }
  if (data == nullptr) length = 0;  // detached
  return std::span(static_cast<const std::uint8_t*>(data), length);
}

// Where a result is written to if it fits; null: nowhere.
inline std::optional<std::span<std::uint8_t>> read_target(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  if (type == napi_null) return std::span<std::uint8_t>();
  const auto bytes = read_bytes(env, value, "target must be a Uint8Array or null");
  if (!bytes) return std::nullopt;
  return std::span(const_cast<std::uint8_t*>(bytes->data()), bytes->size());
}

constexpr const char* kIsFinal = "isFinal must be a boolean";
constexpr const char* kKeepsWindow = "keepsWindow must be a boolean";

inline std::optional<bool> read_boolean(napi_env env, napi_value value, const char* message) {
  bool boolean = false;
  if (napi_get_value_bool(env, value, &boolean) == napi_ok) return boolean;
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
  return std::nullopt;
}

// A number of bytes.
struct Count {
  double least;
  const char* type_message;
  const char* range_message;
};
constexpr Count kMaxBytes = {0, "maxBytes must be a number", "maxBytes must be a non-negative integer or Infinity"};
constexpr Count kBudget = {1, "budget must be a number", "budget must be a positive integer or Infinity"};
constexpr Count kOffset = {0, "offset must be a number", "offset must be a non-negative integer"};

inline std::optional<std::size_t> read_count(napi_env env, napi_value value, const Count& count) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", count.type_message);
    return std::nullopt;
  }
  if (!(number >= count.least) || number != std::floor(number)) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", count.range_message);
    return std::nullopt;
  }
  return number >= static_cast<double>(kMaxResultBytes) ? kMaxResultBytes : static_cast<std::size_t>(number);
}

// Undefined: no limit.
inline std::optional<std::size_t> read_budget(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  return type == napi_undefined ? kMaxResultBytes : read_count(env, value, kBudget);
}

struct Range {
  int least;
  int most;
  const char* message;
};
constexpr Range kInflateWindowBits = {8, 15, "windowBits must be an integer from 8 to 15"};
constexpr Range kDeflateWindowBits = {9, 15, "windowBits must be an integer from 9 to 15"};
constexpr Range kLevel = {0, 9, "level must be an integer from 0 to 9"};
constexpr Range kMemLevel = {1, 9, "memLevel must be an integer from 1 to 9"};

inline std::optional<int> read_integer(napi_env env, napi_value value, const Range& range) {
  double number = 0;
  const bool is_number = napi_get_value_double(env, value, &number) == napi_ok;
  if (!is_number || !(number >= range.least && number <= range.most) || number != std::floor(number)) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", range.message);
    return std::nullopt;
  }
  return static_cast<int>(number);
}

}  // namespace hotsocket
