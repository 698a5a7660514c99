#include "uv-watch.h"

// Weak: a runtime that lacks one still loads the addon, which then finds null. A look-up by name would need a newer
// glibc than the addon is to need.
#pragma weak uv_poll_init
#pragma weak uv_poll_start
#pragma weak uv_poll_stop
#pragma weak uv_close
#pragma weak uv_ref
#pragma weak uv_unref

namespace hotsocket {
namespace {

struct UvApi {
  decltype(&uv_poll_init) poll_init;
  decltype(&uv_poll_start) poll_start;
  decltype(&uv_poll_stop) poll_stop;
  decltype(&uv_close) close;
  decltype(&uv_ref) ref;
  decltype(&uv_unref) unref;

  bool is_whole() const {
    return poll_init != nullptr && poll_start != nullptr && poll_stop != nullptr && close != nullptr &&
           ref != nullptr && unref != nullptr;
  }
};

const UvApi& uv_api() {
  static const UvApi api{uv_poll_init, uv_poll_start, uv_poll_stop, uv_close, uv_ref, uv_unref};
  return api;
}

}  // namespace

bool UvWatch::open(napi_env env, int descriptor, Watched& watched) {
  uv_loop_t* loop = nullptr;
  if (!uv_api().is_whole() || napi_get_uv_event_loop(env, &loop) != napi_ok ||
      uv_api().poll_init(loop, &poll_, descriptor) != 0) {
    return false;
  }
  watched_ = &watched;
  poll_.data = this;
  // From here on the loop knows the handle, and only its close callback may end the watch.
  uv_api().poll_start(&poll_, UV_READABLE, [](uv_poll_t* poll, int, int) {
    static_cast<UvWatch*>(poll->data)->watched_->on_ready();
  });
  return true;
}

void UvWatch::set_referenced(bool is_referenced) {
  auto* handle = reinterpret_cast<uv_handle_t*>(&poll_);
  if (is_referenced) uv_api().ref(handle);
  else uv_api().unref(handle);
}

void UvWatch::close() {
  uv_api().poll_stop(&poll_);
  uv_api().close(reinterpret_cast<uv_handle_t*>(&poll_),
                 [](uv_handle_t* handle) { static_cast<UvWatch*>(handle->data)->watched_->on_released(); });
}

}  // namespace hotsocket
