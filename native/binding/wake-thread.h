// Owns the watch for runtimes whose loop is not libuv's (Bun, Deno): a thread waits for the descriptor and wakes JavaScript's
// thread by a thread-safe function. It waits once per wake-up, so that a busy descriptor does not flood the loop.
#pragma once

#include <pthread.h>

#include "../engine/descriptor.h"
#include "loop-watch.h"

namespace hotsocket {

class WakeThread : public LoopWatch {
 public:
  bool open(napi_env env, int descriptor, Watched& watched) override;
  void set_referenced(bool is_referenced) override;
  void close() override;

 private:
  static void* run(void* self);
  static void on_wake(napi_env env, napi_value function, void* self, void* data);
  static void on_finalized(napi_env env, void* data, void* self);

  bool arm(int operation);
  void stop();

  napi_env env_ = nullptr;
  Watched* watched_ = nullptr;
  int watched_descriptor_ = -1;
  // What the thread waits for: the watched descriptor, and `stop_`.
  Descriptor waiting_;
  Descriptor stop_;
  pthread_t thread_{};
  napi_threadsafe_function wake_ = nullptr;
  bool is_closed_ = false;
};

}  // namespace hotsocket
