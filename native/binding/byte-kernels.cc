#include "byte-kernels.h"

#include <cstddef>
#include <cstdint>
#include <span>

#include "../kernels/mask.h"
#include "../kernels/scanner.h"
#include "../kernels/utf8-decode.h"
#include "../kernels/utf8.h"
#include "arguments.h"
#include "instance.h"

namespace hotsocket {
namespace {

using Bytes = std::span<std::uint8_t>;
using Words = std::span<std::int32_t>;

// More scratch memory than this is not kept from one call to the next.
constexpr std::size_t KEPT_SCRATCH_BYTES = 1024 * 1024;

napi_value throw_range_error(napi_env env, const char* text) {
  napi_throw_range_error(env, nullptr, text);
  return nullptr;
}

napi_value number(napi_env env, std::int32_t value) {
  napi_value result = nullptr;
  napi_create_int32(env, value, &result);
  return result;
}

// scan(state, chunk, from, table): see Kernels.scan in src/core/kernels.ts.
napi_value scan_binding(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  Words state, table;
  Bytes chunk;
  std::uint32_t from = 0;
  if (!read_arguments(env, info, arguments)) return nullptr;
  if (!read_words(env, arguments[0], state)) return throw_type_error(env, "state must be an Int32Array");
  if (!read_bytes(env, arguments[1], chunk)) return throw_type_error(env, "chunk must be a Uint8Array");
  if (napi_get_value_uint32(env, arguments[2], &from) != napi_ok) return throw_type_error(env, "from must be a number");
  if (!read_words(env, arguments[3], table)) return throw_type_error(env, "table must be an Int32Array");
  if (state.size() < layout::SCAN_STATE_WORDS) return throw_range_error(env, "state is too short");
  if (chunk.size() > MAX_CHUNK_BYTES) return throw_range_error(env, "chunk is longer than 2^31 - 1 bytes");
  return number(env, static_cast<std::int32_t>(scan(state.first<layout::SCAN_STATE_WORDS>(), chunk, from, table)));
}

// mask(source, target, targetOffset, maskingKey, phase): see Kernels.mask.
napi_value mask_binding(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  Bytes source, target;
  std::uint32_t offset = 0, key = 0, phase = 0;
  if (!read_arguments(env, info, arguments)) return nullptr;
  if (!read_bytes(env, arguments[0], source)) return throw_type_error(env, "source must be a Uint8Array");
  if (!read_bytes(env, arguments[1], target)) return throw_type_error(env, "target must be a Uint8Array");
  if (napi_get_value_uint32(env, arguments[2], &offset) != napi_ok ||
      napi_get_value_uint32(env, arguments[3], &key) != napi_ok ||
      napi_get_value_uint32(env, arguments[4], &phase) != napi_ok) {
    return throw_type_error(env, "targetOffset, maskingKey and phase must be numbers");
  }
  if (offset > target.size() || source.size() > target.size() - offset) {
    return throw_range_error(env, "target is too short");
  }
  mask(source, target.subspan(offset, source.size()), rotate_masking_key(key, phase));
  return nullptr;
}

// maskInPlace(bytes, maskingKey): as mask(bytes, bytes, 0, maskingKey, 0). Each argument costs as much as masking
// a hundred bytes.
napi_value mask_in_place_binding(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  Bytes bytes;
  std::uint32_t key = 0;
  if (!read_arguments(env, info, arguments)) return nullptr;
  if (!read_bytes(env, arguments[0], bytes)) return throw_type_error(env, "bytes must be a Uint8Array");
  if (napi_get_value_uint32(env, arguments[1], &key) != napi_ok) {
    return throw_type_error(env, "maskingKey must be a number");
  }
  mask(bytes, bytes, key);
  return nullptr;
}

// validateUtf8(state, bytes): see Kernels.validateUtf8.
napi_value validate_utf8_binding(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  std::int32_t state = 0;
  Bytes bytes;
  if (!read_arguments(env, info, arguments)) return nullptr;
  if (napi_get_value_int32(env, arguments[0], &state) != napi_ok) {
    return throw_type_error(env, "state must be a number");
  }
  if (!read_bytes(env, arguments[1], bytes)) return throw_type_error(env, "bytes must be a Uint8Array");
  if (state < 0) return throw_range_error(env, "state must not be negative");
  if (bytes.size() > MAX_CHUNK_BYTES) return throw_range_error(env, "bytes is longer than 2^31 - 1 bytes");
  const std::int32_t next = validate_utf8(state, bytes);
  // Handing the argument back is cheaper than making a number.
  return next == state ? arguments[0] : number(env, next);
}

// decodeUtf8(bytes, start, end): see Kernels.decodeUtf8.
napi_value decode_utf8_binding(napi_env env, napi_callback_info info) {
  napi_value arguments[3], result = nullptr;
  std::uint32_t start = 0, end = 0;
  Bytes bytes;
  if (!read_arguments(env, info, arguments)) return nullptr;
  if (!read_bytes(env, arguments[0], bytes)) return throw_type_error(env, "bytes must be a Uint8Array");
  if (napi_get_value_uint32(env, arguments[1], &start) != napi_ok ||
      napi_get_value_uint32(env, arguments[2], &end) != napi_ok || start > end || end > bytes.size()) {
    return throw_type_error(env, "start and end must be numbers within bytes");
  }
  const std::size_t size = end - start;
  const auto part = bytes.subspan(start, size);
  if (is_ascii(part)) {
    const auto* characters = reinterpret_cast<const char*>(part.data());
    const bool is_made = napi_create_string_latin1(env, characters, size, &result) == napi_ok;
    return is_made ? result : throw_range_error(env, "the text is too long for a string");
  }
  ByteBuffer& scratch = instance_of(env).scratch;
  scratch.release(KEPT_SCRATCH_BYTES);
  if (!scratch.reserve(size * sizeof(char16_t) + 1)) return throw_range_error(env, "there is no memory for the text");
  // malloc's memory is aligned for every type.
  auto* const units = reinterpret_cast<char16_t*>(scratch.room().data());
  const std::size_t count = decode_utf8(part, {units, size});
  const bool is_made = napi_create_string_utf16(env, units, count, &result) == napi_ok;
  scratch.release(KEPT_SCRATCH_BYTES);
  return is_made ? result : throw_range_error(env, "the text is too long for a string");
}

}  // namespace

void define_byte_kernels(napi_env env, napi_value exports) {
  const auto method = [](const char* name, napi_callback callback) {
    return napi_property_descriptor{name, nullptr, callback, nullptr, nullptr, nullptr, napi_enumerable, nullptr};
  };
  const napi_property_descriptor properties[] = {
      method("scan", scan_binding),
      method("mask", mask_binding),
      method("maskInPlace", mask_in_place_binding),
      method("validateUtf8", validate_utf8_binding),
      method("decodeUtf8", decode_utf8_binding),
  };
  if (napi_define_properties(env, exports, std::size(properties), properties) != napi_ok) {
    napi_throw_error(env, nullptr, "the byte kernels could not be defined");
  }
}

}  // namespace hotsocket
