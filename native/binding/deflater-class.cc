// Owns the class Deflater of the addon. Must not know what a message means.
#include "../kernels/deflater.h"
#include "../kernels/malloc-allocated.h"
#include "zlib-class.h"
#include "zlib-kernels.h"

namespace hotsocket {
namespace {

// A JavaScript object's context. `kernel` is null once it is closed.
struct DeflaterContext : MallocAllocated {
  static constexpr napi_type_tag kTag = {0x2ce870d5419f4b36, 0x9a3be5c8f0714d27};
  static constexpr const char* kForeign = "this is not a Deflater";
  static constexpr const char* kClosed = "the deflater is closed";

  std::unique_ptr<Deflater> kernel;
  std::int64_t memory_bytes = 0;
};

std::optional<DeflaterOptions> read_deflater_options(napi_env env, napi_callback_info info) {
  const auto call = read_call<4>(env, info);
  const auto window_bits = read_integer(env, call.arguments[0], kDeflateWindowBits);
  if (!window_bits) return std::nullopt;
  const auto level = read_integer(env, call.arguments[1], kLevel);
  if (!level) return std::nullopt;
  const auto mem_level = read_integer(env, call.arguments[2], kMemLevel);
  if (!mem_level) return std::nullopt;
  const auto is_run_length = read_boolean(env, call.arguments[3], "isRunLength must be a boolean");
  if (!is_run_length) return std::nullopt;
  return DeflaterOptions{*window_bits, *level, *mem_level, *is_run_length ? Z_RLE : Z_DEFAULT_STRATEGY};
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

napi_value fail_deflating(napi_env env, DeflaterContext& context, ByteBuffer& scratch) {
  scratch.release(kKeptScratchBytes);
  release(env, context);  // what zlib has written is lost: the stream has a gap
  throw_no_memory(env);
  return nullptr;
}

napi_value deflate(napi_env env, napi_callback_info info) {
  const auto call = read_call<2>(env, info);
  DeflaterContext* const context = unwrap_open<DeflaterContext>(env, call.self);
  if (context == nullptr) return nullptr;
  const auto piece = read_bytes(env, call.arguments[0]);
  if (!piece) return nullptr;
  const auto is_final = read_boolean(env, call.arguments[1], kIsFinal);
  if (!is_final) return nullptr;

  ByteBuffer& scratch = instance_of(env).scratch;
  if (context->kernel->deflate(*piece, *is_final, scratch) == DeflateStatus::kOk) return take_result(env, scratch, {});
  return fail_deflating(env, *context, scratch);
}

napi_value deflate_message(napi_env env, napi_callback_info info) {
  const auto call = read_call<4>(env, info);
  DeflaterContext* const context = unwrap_open<DeflaterContext>(env, call.self);
  if (context == nullptr) return nullptr;
  const auto message = read_bytes(env, call.arguments[0]);
  if (!message) return nullptr;
  const auto keeps_window = read_boolean(env, call.arguments[1], kKeepsWindow);
  if (!keeps_window) return nullptr;
  const auto target = read_target(env, call.arguments[2]);
  if (!target) return nullptr;
  const auto offset = read_count(env, call.arguments[3], kOffset);
  if (!offset) return nullptr;

  ByteBuffer& scratch = instance_of(env).scratch;
  const auto room = target->subspan(std::min(*offset, target->size()));
  std::optional<std::size_t> target_bytes;
  const DeflateStatus status = context->kernel->deflate_message(*message, room, target_bytes, scratch);
  if (status != DeflateStatus::kOk) return fail_deflating(env, *context, scratch);
  if (!*keeps_window) context->kernel->reset();
  if (!target_bytes) return take_result(env, scratch, {});
  napi_value count = nullptr;
  napi_create_uint32(env, static_cast<std::uint32_t>(*target_bytes), &count);
  return count;
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

}  // namespace

bool define_deflater(napi_env env, napi_value exports) {
  const std::array members = {method("deflate", deflate), method("deflateMessage", deflate_message),
                              method("reset", reset_deflater), method("close", close_deflater)};
  return define_class(env, exports, "Deflater", construct_deflater, members);
}

}  // namespace hotsocket
