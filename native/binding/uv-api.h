// Owns the way to the event loop's functions: looked up at load, so that a runtime without them (its own loop, or none of
// libuv's symbols) costs the engine and not the process. Must not know what is watched.
#pragma once

#include <node_api.h>
#include <uv.h>

namespace hotsocket {

struct UvApi {
  decltype(&uv_poll_init) poll_init;
  decltype(&uv_poll_start) poll_start;
  decltype(&uv_poll_stop) poll_stop;
  decltype(&uv_close) close;
  decltype(&uv_ref) ref;
  decltype(&uv_unref) unref;
};

// Looks the functions up in this process. Returns null if one is missing.
const UvApi* find_uv_api();

}  // namespace hotsocket
