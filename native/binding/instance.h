// Owns what the addon keeps per environment (a thread's, a worker's). Nothing of it is shared between threads.
#pragma once

#include <node_api.h>

#include <memory>

#include "../kernels/byte-buffer.h"
#include "../kernels/malloc-allocated.h"
#include "../kernels/zlib-api.h"

namespace hotsocket {

class EngineHost;

struct Instance : MallocAllocated {
  // Null until JavaScript has asked for zlib: only it knows whether this runtime's may be called.
  const ZlibApi* zlib = nullptr;
  // Where inflaters and deflaters write; they run one after the other, so one is enough.
  ByteBuffer scratch;
  // Null until the engine is opened; it belongs to the event loop, which deletes it.
  EngineHost* engine = nullptr;
};

// Makes the instance data of `env`. False if a JavaScript exception is pending.
inline bool create_instance(napi_env env) {
  auto instance = std::make_unique<Instance>();
  const auto finalize = [](napi_env, void* data, void*) {
    const std::unique_ptr<Instance> owned(static_cast<Instance*>(data));
  };
  if (instance == nullptr || napi_set_instance_data(env, instance.get(), finalize, nullptr) != napi_ok) return false;
  static_cast<void>(instance.release());  // the environment's from here on
  return true;
}

// Returns the instance data of `env`.
inline Instance& instance_of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Instance*>(data);
}

}  // namespace hotsocket
