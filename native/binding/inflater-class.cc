// Owns the class Inflater of the addon. Must not know what a message means.
#include <limits>

#include "../kernels/inflater.h"
#include "../kernels/malloc-allocated.h"
#include "zlib-class.h"
#include "zlib-kernels.h"

namespace hotsocket {
namespace {

// A JavaScript object's context. `kernel` is null once it is closed.
struct InflaterContext : MallocAllocated {
  static constexpr napi_type_tag kTag = {0x5f0c6e1b7ad24c8e, 0xb1d94f7023a65e10};
  static constexpr const char* kForeign = "this is not an Inflater";
  static constexpr const char* kClosed = "the inflater is closed";

  std::unique_ptr<Inflater> kernel;
  std::int64_t memory_bytes = 0;
  InflateStatus status = InflateStatus::kOk;
};

InflaterContext* unwrap_working(napi_env env, napi_value self) {
  InflaterContext* const context = unwrap_open<InflaterContext>(env, self);
  if (context != nullptr && context->status != InflateStatus::kOk && context->status != InflateStatus::kMore) {
    napi_throw_error(env, "ERR_INVALID_STATE", "the inflater has failed: only close may be called");
    return nullptr;
  }
  return context;
}

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

bool is_working(InflateStatus status) { return status == InflateStatus::kOk || status == InflateStatus::kMore; }

// Returns what an inflater says after `status`: null for its failures.
napi_value finish_inflating(napi_env env, InflaterContext* context, InflateStatus status, ByteBuffer& scratch,
                            std::span<std::uint8_t> target) {
  context->status = status;
  if (is_working(status)) return take_result(env, scratch, target);
  scratch.release(kKeptScratchBytes);
  if (context->status == InflateStatus::kNoMemory) {
    throw_no_memory(env);
    return nullptr;
  }
  napi_value null = nullptr;
  napi_get_null(env, &null);
  return null;
}

napi_value inflate(napi_env env, napi_callback_info info) {
  const auto call = read_call<4>(env, info);
  InflaterContext* const context = unwrap_working(env, call.self);
  if (context == nullptr) return nullptr;
  const auto piece = read_bytes(env, call.arguments[0]);
  if (!piece) return nullptr;
  const auto is_final = read_boolean(env, call.arguments[1], kIsFinal);
  if (!is_final) return nullptr;
  const auto max_bytes = read_count(env, call.arguments[2], kMaxBytes);
  if (!max_bytes) return nullptr;
  const auto budget = read_budget(env, call.arguments[3]);
  if (!budget) return nullptr;

  ByteBuffer& scratch = instance_of(env).scratch;
  const InflateStatus status = context->kernel->inflate(*piece, *is_final, *max_bytes, *budget, scratch);
  return finish_inflating(env, context, status, scratch, {});
}

napi_value inflate_message(napi_env env, napi_callback_info info) {
  const auto call = read_call<5>(env, info);
  InflaterContext* const context = unwrap_working(env, call.self);
  if (context == nullptr) return nullptr;
  const auto message = read_bytes(env, call.arguments[0]);
  if (!message) return nullptr;
  const auto keeps_window = read_boolean(env, call.arguments[1], kKeepsWindow);
  if (!keeps_window) return nullptr;
  const auto max_bytes = read_count(env, call.arguments[2], kMaxBytes);
  if (!max_bytes) return nullptr;
  const auto budget = read_budget(env, call.arguments[3]);
  if (!budget) return nullptr;
  const auto target = read_target(env, call.arguments[4]);
  if (!target) return nullptr;

  ByteBuffer& scratch = instance_of(env).scratch;
  const InflateStatus status = context->kernel->inflate_message(*message, *max_bytes, *budget, scratch);
  if (status == InflateStatus::kOk && !*keeps_window) context->kernel->reset();
  return finish_inflating(env, context, status, scratch, *target);
}

napi_value inflater_rest(napi_env env, napi_callback_info info) {
  const auto call = read_call<0>(env, info);
  const InflaterContext* const context = unwrap<InflaterContext>(env, call.self);
  if (context == nullptr) return nullptr;
  const bool is_midway = context->kernel != nullptr && context->status == InflateStatus::kMore;
  napi_value rest = nullptr;
  if (is_midway) {
    napi_create_int64(env, static_cast<std::int64_t>(context->kernel->rest()), &rest);
  } else {
    napi_get_null(env, &rest);
  }
  return rest;
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
    case InflateStatus::kMore:
    case InflateStatus::kNoMemory:
      napi_get_null(env, &failure);
  }
  return failure;
}

napi_value reset_inflater(napi_env env, napi_callback_info info) {
  const auto call = read_call<0>(env, info);
  InflaterContext* const context = unwrap_working(env, call.self);
  if (context == nullptr) return nullptr;
  context->kernel->reset();
  context->status = InflateStatus::kOk;
  return nullptr;
}

napi_value close_inflater(napi_env env, napi_callback_info info) {
  const auto call = read_call<0>(env, info);
  InflaterContext* const context = unwrap<InflaterContext>(env, call.self);
  if (context != nullptr) release(env, *context);
  return nullptr;
}

}  // namespace

bool define_inflater(napi_env env, napi_value exports) {
  const std::array members = {method("inflate", inflate),         method("inflateMessage", inflate_message),
                              getter("failure", inflate_failure), getter("rest", inflater_rest),
                              method("reset", reset_inflater),    method("close", close_inflater)};
  return define_class(env, exports, "Inflater", construct_inflater, members);
}

}  // namespace hotsocket
