#include "uv-api.h"

// Weak: a runtime that lacks one still loads the addon, which then finds null. A look-up by name would need a newer
// glibc than the addon is to need.
#pragma weak uv_poll_init
#pragma weak uv_poll_start
#pragma weak uv_poll_stop
#pragma weak uv_close
#pragma weak uv_ref
#pragma weak uv_unref

namespace hotsocket {

const UvApi* find_uv_api() {
  static const UvApi api{uv_poll_init, uv_poll_start, uv_poll_stop, uv_close, uv_ref, uv_unref};
  const bool is_whole = api.poll_init != nullptr && api.poll_start != nullptr && api.poll_stop != nullptr &&
                        api.close != nullptr && api.ref != nullptr && api.unref != nullptr;
  return is_whole ? &api : nullptr;
}

}  // namespace hotsocket
