// Owns the declaration of the zlib kernels' binding; the kernels themselves know nothing of Node-API.
#pragma once

#include <node_api.h>

namespace hotsocket {

// Sets the function `loadZlib` and the classes `Inflater` and `Deflater` on `exports`, whose shapes are those of
// src/core/kernels.ts. Needs the instance data. On failure a JavaScript exception is pending.
void define_zlib_kernels(napi_env env, napi_value exports);

// Its parts: false on failure.
bool define_inflater(napi_env env, napi_value exports);
bool define_deflater(napi_env env, napi_value exports);

}  // namespace hotsocket
