// Owns the declaration of the engine's binding.
#pragma once

#include <node_api.h>

namespace hotsocket {

// Sets the engine's functions on `exports`, whose shapes are `EngineBinding` in src/transport/engine-binding.ts. Needs
// the instance data. On failure a JavaScript exception is pending.
void define_engine(napi_env env, napi_value exports);

}  // namespace hotsocket
