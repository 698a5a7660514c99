// Owns the declaration of the byte kernels' binding; the kernels themselves know nothing of Node-API.
#pragma once

#include <node_api.h>

namespace hotsocket {

// Sets the functions `scan`, `mask` and `validateUtf8` on `exports`. On failure a JavaScript exception is pending.
void define_byte_kernels(napi_env env, napi_value exports);

}  // namespace hotsocket
