// Owns the declaration of the binding of shared ports.
#pragma once

#include <node_api.h>

namespace hotsocket {

// Sets `bindSharedPort` on `exports`, whose shape stands in src/kernels/native.ts. On failure a JavaScript exception is pending.
void define_shared_port(napi_env env, napi_value exports);

}  // namespace hotsocket
