// Owns the watch in libuv's loop, which is that of Node.js. Its functions are looked up at load, so that a runtime without
// them (its own loop, or none of libuv's symbols) costs the engine and not the process.
#pragma once

#include <uv.h>

#include "loop-watch.h"

namespace hotsocket {

class UvWatch : public LoopWatch {
 public:
  bool open(napi_env env, int descriptor, Watched& watched) override;
  void set_referenced(bool is_referenced) override;
  void close() override;

 private:
  uv_poll_t poll_{};
  Watched* watched_ = nullptr;
};

}  // namespace hotsocket
