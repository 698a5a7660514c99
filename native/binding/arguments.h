// Owns the checked reading of arguments: what JavaScript passes is tested in every build, and never trusted.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace hotsocket {

inline napi_value throw_type_error(napi_env env, const char* text) {
  napi_throw_type_error(env, nullptr, text);
  return nullptr;
}

// Arguments that are missing read as undefined, which no check below accepts.
template <std::size_t COUNT>
bool read_arguments(napi_env env, napi_callback_info info, napi_value (&arguments)[COUNT]) {
  std::size_t count = COUNT;
  return napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) == napi_ok;
}

template <typename Item>
bool read_array(napi_env env, napi_value value, napi_typedarray_type expected, std::span<Item>& items) {
  napi_typedarray_type type;
  std::size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok || type != expected) {
    return false;
  }
  items = {static_cast<Item*>(data), data == nullptr ? 0 : length};
  return true;
}

inline bool read_bytes(napi_env env, napi_value value, std::span<std::uint8_t>& bytes) {
  return read_array(env, value, napi_uint8_array, bytes);
}

inline bool read_words(napi_env env, napi_value value, std::span<std::int32_t>& words) {
  return read_array(env, value, napi_int32_array, words);
}

}  // namespace hotsocket
