// Owns the interface between the engine and a runtime's event loop: how the loop learns that a descriptor is readable.
// Must not know what the descriptor is.
#pragma once

#include <node_api.h>

#include "../kernels/malloc-allocated.h"

namespace hotsocket {

// Who is told; all calls come on the thread of the environment.
class Watched {
 public:
  // The descriptor is readable.
  virtual void on_ready() = 0;
  // The loop has let go of the watch, which may be deleted: the last call.
  virtual void on_released() = 0;

 protected:
  ~Watched() = default;
};

class LoopWatch : public MallocAllocated {
 public:
  virtual ~LoopWatch() = default;

  // Begins; the watch keeps the process alive until told otherwise. False: nothing was begun.
  virtual bool open(napi_env env, int descriptor, Watched& watched) = 0;

  // Whether the watch keeps the process alive.
  virtual void set_referenced(bool is_referenced) = 0;

  // Ends: nothing is ready from here on; `on_released` follows.
  virtual void close() = 0;
};

}  // namespace hotsocket
