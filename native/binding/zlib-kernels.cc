#include "zlib-kernels.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "../kernels/deflater.h"
#include "../kernels/inflater.h"
#include "../kernels/malloc-allocated.h"
#include "instance.h"

namespace hotsocket {
namespace {

// No typed array of Node 20 is longer; the JavaScript twin has the same limit.
constexpr std::size_t kMaxResultBytes = 0xffff'ffff;
// What the scratch buffer may keep between two calls.
constexpr std::size_t kKeptScratchBytes = 64 * 1024;

// A JavaScript object's context. `kernel` is null once it is closed.
struct InflaterContext : MallocAllocated {
  static constexpr napi_type_tag kTag = {0x5f0c6e1b7ad24c8e, 0xb1d94f7023a65e10};
  static constexpr const char* kForeign = "this is not an Inflater";
  static constexpr const char* kClosed = "the inflater is closed";

  std::unique_ptr<Inflater> kernel;
  std::int64_t memory_bytes = 0;
  InflateStatus status = InflateStatus::kOk;
};

struct DeflaterContext : MallocAllocated {
  static constexpr napi_type_tag kTag = {0x2ce870d5419f4b36, 0x9a3be5c8f0714d27};
  static constexpr const char* kForeign = "this is not a Deflater";
  static constexpr const char* kClosed = "the deflater is closed";

  std::unique_ptr<Deflater> kernel;
  std::int64_t memory_bytes = 0;
};

// ---- Arguments. Each of these throws and returns nothing if the value is not what it must be.

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

std::optional<std::span<const std::uint8_t>> read_bytes(napi_env env, napi_value value) {
  bool is_typed_array = false;
  napi_typedarray_type type = napi_int8_array;
  std::size_t length = 0;
  void* data = nullptr;
  if (napi_is_typedarray(env, value, &is_typed_array) != napi_ok || !is_typed_array ||
      napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "piece must be a Uint8Array");
    return std::nullopt;
  }
  if (data == nullptr) length = 0;  // detached
  return std::span(static_cast<const std::uint8_t*>(data), length);
}

std::optional<bool> read_is_final(napi_env env, napi_value value) {
  bool is_final = false;
  if (napi_get_value_bool(env, value, &is_final) == napi_ok) return is_final;
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "isFinal must be a boolean");
  return std::nullopt;
}

std::optional<std::size_t> read_max_bytes(napi_env env, napi_value value) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "maxBytes must be a number");
    return std::nullopt;
  }
  if (!(number >= 0) || number != std::floor(number)) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "maxBytes must be a non-negative integer or Infinity");
    return std::nullopt;
  }
  return number >= static_cast<double>(kMaxResultBytes) ? kMaxResultBytes : static_cast<std::size_t>(number);
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

std::optional<int> read_integer(napi_env env, napi_value value, const Range& range) {
  double number = 0;
  const bool is_number = napi_get_value_double(env, value, &number) == napi_ok;
  if (!is_number || !(number >= range.least && number <= range.most) || number != std::floor(number)) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", range.message);
    return std::nullopt;
  }
  return static_cast<int>(number);
}

// ---- Contexts.

// Returns the context behind `self`, or null with an exception pending: methods can be called on any object.
template <typename Context>
Context* unwrap(napi_env env, napi_value self) {
  bool has_tag = false;
  void* data = nullptr;
  if (napi_check_object_type_tag(env, self, &Context::kTag, &has_tag) != napi_ok || !has_tag ||
      napi_unwrap(env, self, &data) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_THIS", Context::kForeign);
    return nullptr;
  }
  return static_cast<Context*>(data);
}

template <typename Context>
Context* unwrap_open(napi_env env, napi_value self) {
  Context* const context = unwrap<Context>(env, self);
  if (context != nullptr && context->kernel == nullptr) {
    napi_throw_error(env, "ERR_INVALID_STATE", Context::kClosed);
    return nullptr;
  }
  return context;
}

InflaterContext* unwrap_working(napi_env env, napi_value self) {
  InflaterContext* const context = unwrap_open<InflaterContext>(env, self);
  if (context != nullptr && context->status != InflateStatus::kOk) {
    napi_throw_error(env, "ERR_INVALID_STATE", "the inflater has failed: only close may be called");
    return nullptr;
  }
  return context;
}

template <typename Context>
void release(napi_env env, Context& context) {
  if (context.kernel == nullptr) return;
  context.kernel.reset();
  std::int64_t total = 0;
  napi_adjust_external_memory(env, -context.memory_bytes, &total);
}

// Ties `context` to `self`, whose finalizer frees it.
template <typename Context>
bool wrap(napi_env env, napi_value self, std::unique_ptr<Context> context) {
  const auto finalize = [](napi_env env, void* data, void*) {
    const std::unique_ptr<Context> owned(static_cast<Context*>(data));
    release(env, *owned);
  };
  if (napi_wrap(env, self, context.get(), finalize, nullptr, nullptr) != napi_ok) return false;
  Context* const wrapped = context.release();
  std::int64_t total = 0;
  napi_adjust_external_memory(env, wrapped->memory_bytes, &total);
  return napi_type_tag_object(env, self, &Context::kTag) == napi_ok;
}

const ZlibApi* zlib_of_constructor(napi_env env, napi_callback_info info) {
  napi_value target = nullptr;
  napi_get_new_target(env, info, &target);
  if (target == nullptr) {
    napi_throw_type_error(env, "ERR_CONSTRUCT_CALL_REQUIRED", "a class is called with new");
    return nullptr;
  }
  const ZlibApi* const zlib = instance_of(env).zlib;
  if (zlib == nullptr) napi_throw_error(env, "ERR_INVALID_STATE", "loadZlib has not returned true");
  return zlib;
}

void throw_no_memory(napi_env env) {
  napi_throw_error(env, "ERR_MEMORY_ALLOCATION_FAILED", "there is no memory for zlib");
}

// Copies the scratch buffer's bytes into a Uint8Array, which the collector owns. (Memory of the addon's own must not
// be handed out: Electron's memory cage forbids it.)
napi_value take_result(napi_env env, ByteBuffer& scratch) {
  const std::span<const std::uint8_t> bytes = scratch.bytes();
  napi_value buffer = nullptr;
  napi_value array = nullptr;
  void* data = nullptr;
  if (bytes.size() > kMaxResultBytes) {
    napi_throw_range_error(env, "ERR_BUFFER_TOO_LARGE", "the result is longer than a Uint8Array can be");
  } else if (napi_create_arraybuffer(env, bytes.size(), &data, &buffer) == napi_ok) {
    if (!bytes.empty()) std::memcpy(data, bytes.data(), bytes.size());
    napi_create_typedarray(env, napi_uint8_array, bytes.size(), buffer, 0, &array);
  }
  scratch.release(kKeptScratchBytes);
  return array;
}

// ---- Inflater.

napi_value construct_inflater(napi_env env, napi_callback_info info) {
  const ZlibApi* const zlib = zlib_of_constructor(env, info);
  if (zlib == nullptr) return nullptr;
  const auto call = read_call<1>(env, info);
  const auto window_bits = read_integer(env, call.arguments[0], kInflateWindowBits);
  if (!window_bits) return nullptr;

  auto context = std::make_unique<InflaterContext>();
  if (context != nullptr) context->kernel = Inflater::create(*zlib, *window_bits);
  if (context == nullptr || context->kernel == nullptr) {
    throw_no_memory(env);
    return nullptr;
  }
  context->memory_bytes = static_cast<std::int64_t>(Inflater::memory_bytes(*window_bits));
  return wrap(env, call.self, std::move(context)) ? call.self : nullptr;
}

napi_value inflate(napi_env env, napi_callback_info info) {
  const auto call = read_call<3>(env, info);
  InflaterContext* const context = unwrap_working(env, call.self);
  if (context == nullptr) return nullptr;
  const auto piece = read_bytes(env, call.arguments[0]);
  if (!piece) return nullptr;
  const auto is_final = read_is_final(env, call.arguments[1]);
  if (!is_final) return nullptr;
  const auto max_bytes = read_max_bytes(env, call.arguments[2]);
  if (!max_bytes) return nullptr;

  ByteBuffer& scratch = instance_of(env).scratch;
  context->status = context->kernel->inflate(*piece, *is_final, *max_bytes, scratch);
  if (context->status == InflateStatus::kOk) return take_result(env, scratch);
  scratch.release(kKeptScratchBytes);
  if (context->status == InflateStatus::kNoMemory) {
    throw_no_memory(env);
    return nullptr;
  }
  napi_value null = nullptr;
  napi_get_null(env, &null);
  return null;
}

napi_value inflate_failure(napi_env env, napi_callback_info info) {
  const auto call = read_call<0>(env, info);
  const InflaterContext* const context = unwrap<InflaterContext>(env, call.self);
  if (context == nullptr) return nullptr;
  napi_value failure = nullptr;
  switch (context->status) {
    case InflateStatus::kCorrupt:
      napi_create_string_utf8(env, "corrupt", NAPI_AUTO_LENGTH, &failure);
      break;
    case InflateStatus::kTooLarge:
      napi_create_string_utf8(env, "too-large", NAPI_AUTO_LENGTH, &failure);
      break;
    case InflateStatus::kOk:
    case InflateStatus::kNoMemory:
      napi_get_null(env, &failure);
  }
  return failure;
}

napi_value reset_inflater(napi_env env, napi_callback_info info) {
  const auto call = read_call<0>(env, info);
  InflaterContext* const context = unwrap_working(env, call.self);
  if (context != nullptr) context->kernel->reset();
  return nullptr;
}

napi_value close_inflater(napi_env env, napi_callback_info info) {
  const auto call = read_call<0>(env, info);
  InflaterContext* const context = unwrap<InflaterContext>(env, call.self);
  if (context != nullptr) release(env, *context);
  return nullptr;
}

// ---- Deflater.

std::optional<DeflaterOptions> read_deflater_options(napi_env env, napi_callback_info info) {
  const auto call = read_call<3>(env, info);
  const auto window_bits = read_integer(env, call.arguments[0], kDeflateWindowBits);
  if (!window_bits) return std::nullopt;
  const auto level = read_integer(env, call.arguments[1], kLevel);
  if (!level) return std::nullopt;
  const auto mem_level = read_integer(env, call.arguments[2], kMemLevel);
  if (!mem_level) return std::nullopt;
  return DeflaterOptions{*window_bits, *level, *mem_level};
}

napi_value construct_deflater(napi_env env, napi_callback_info info) {
  const ZlibApi* const zlib = zlib_of_constructor(env, info);
  if (zlib == nullptr) return nullptr;
  const auto options = read_deflater_options(env, info);
  if (!options) return nullptr;

  auto context = std::make_unique<DeflaterContext>();
  if (context != nullptr) context->kernel = Deflater::create(*zlib, *options);
  if (context == nullptr || context->kernel == nullptr) {
    throw_no_memory(env);
    return nullptr;
  }
  context->memory_bytes = static_cast<std::int64_t>(Deflater::memory_bytes(*options));
  const napi_value self = read_call<0>(env, info).self;
  return wrap(env, self, std::move(context)) ? self : nullptr;
}

napi_value deflate(napi_env env, napi_callback_info info) {
  const auto call = read_call<2>(env, info);
  DeflaterContext* const context = unwrap_open<DeflaterContext>(env, call.self);
  if (context == nullptr) return nullptr;
  const auto piece = read_bytes(env, call.arguments[0]);
  if (!piece) return nullptr;
  const auto is_final = read_is_final(env, call.arguments[1]);
  if (!is_final) return nullptr;

  ByteBuffer& scratch = instance_of(env).scratch;
  if (context->kernel->deflate(*piece, *is_final, scratch) == DeflateStatus::kOk) return take_result(env, scratch);
  scratch.release(kKeptScratchBytes);
  release(env, *context);  // what zlib has written is lost: the stream has a gap
  throw_no_memory(env);
  return nullptr;
}

napi_value reset_deflater(napi_env env, napi_callback_info info) {
  const auto call = read_call<0>(env, info);
  DeflaterContext* const context = unwrap_open<DeflaterContext>(env, call.self);
  if (context != nullptr) context->kernel->reset();
  return nullptr;
}

napi_value close_deflater(napi_env env, napi_callback_info info) {
  const auto call = read_call<0>(env, info);
  DeflaterContext* const context = unwrap<DeflaterContext>(env, call.self);
  if (context != nullptr) release(env, *context);
  return nullptr;
}

// ---- Exports.

napi_value load_zlib(napi_env env, napi_callback_info) {
  Instance& instance = instance_of(env);
  instance.zlib = zlib_api();
  napi_value is_loaded = nullptr;
  napi_get_boolean(env, instance.zlib != nullptr, &is_loaded);
  return is_loaded;
}

napi_property_descriptor method(const char* name, napi_callback callback) {
  return {name, nullptr, callback, nullptr, nullptr, nullptr, napi_default_method, nullptr};
}

napi_property_descriptor getter(const char* name, napi_callback callback) {
  return {name, nullptr, nullptr, callback, nullptr, nullptr, napi_default, nullptr};
}

template <std::size_t count>
bool define_class(napi_env env, napi_value exports, const char* name, napi_callback constructor,
                  const std::array<napi_property_descriptor, count>& members) {
  napi_value definition = nullptr;
  return napi_define_class(env, name, NAPI_AUTO_LENGTH, constructor, nullptr, count, members.data(), &definition) ==
             napi_ok &&
         napi_set_named_property(env, exports, name, definition) == napi_ok;
}

}  // namespace

void define_zlib_kernels(napi_env env, napi_value exports) {
  const std::array inflater = {method("inflate", inflate), getter("failure", inflate_failure),
                               method("reset", reset_inflater), method("close", close_inflater)};
  const std::array deflater = {method("deflate", deflate), method("reset", reset_deflater),
                               method("close", close_deflater)};
  const napi_property_descriptor load = method("loadZlib", load_zlib);
  if (napi_define_properties(env, exports, 1, &load) != napi_ok ||
      !define_class(env, exports, "Inflater", construct_inflater, inflater) ||
      !define_class(env, exports, "Deflater", construct_deflater, deflater)) {
    napi_throw_error(env, nullptr, "the zlib kernels cannot be defined");
  }
}

}  // namespace hotsocket
