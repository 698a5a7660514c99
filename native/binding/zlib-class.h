// Owns what the classes Inflater and Deflater have in common: the context behind a JavaScript object, the way of results
// back to JavaScript, and the definition of a class.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "instance.h"
#include "zlib-arguments.h"

namespace hotsocket {

// What the scratch buffer may keep between two calls.
constexpr std::size_t kKeptScratchBytes = 64 * 1024;

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

inline const ZlibApi* zlib_of_constructor(napi_env env, napi_callback_info info) {
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

inline void throw_no_memory(napi_env env) {
  napi_throw_error(env, "ERR_MEMORY_ALLOCATION_FAILED", "there is no memory for zlib");
}

// Copies the scratch buffer's bytes to `target`, of which it returns the count; or, if they do not fit, into a Uint8Array,
// which the collector owns. (Memory of the addon's own must not be handed out: Electron's memory cage forbids it.)
inline napi_value take_result(napi_env env, ByteBuffer& scratch, std::span<std::uint8_t> target) {
  const std::span<const std::uint8_t> bytes = scratch.bytes();
  napi_value buffer = nullptr;
  napi_value array = nullptr;
  void* data = nullptr;
  if (bytes.size() <= target.size() && target.data() != nullptr) {
    std::ranges::copy(bytes, target.data());
    napi_create_uint32(env, static_cast<std::uint32_t>(bytes.size()), &array);
  } else if (bytes.size() > kMaxResultBytes) {
    napi_throw_range_error(env, "ERR_BUFFER_TOO_LARGE", "the result is longer than a Uint8Array can be");
  } else if (napi_create_arraybuffer(env, bytes.size(), &data, &buffer) == napi_ok) {
    if (!bytes.empty()) std::memcpy(data, bytes.data(), bytes.size());
    napi_create_typedarray(env, napi_uint8_array, bytes.size(), buffer, 0, &array);
  }
  scratch.release(kKeptScratchBytes);
  return array;
}

inline napi_property_descriptor method(const char* name, napi_callback callback) {
  return {name, nullptr, callback, nullptr, nullptr, nullptr, napi_default_method, nullptr};
}

inline napi_property_descriptor getter(const char* name, napi_callback callback) {
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

}  // namespace hotsocket
