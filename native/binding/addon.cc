// Owns the entry point of the addon: what it exports, and the number by which the loader recognises it.
// Must not know what a kernel does.
#include <node_api.h>

#include <cstdint>

#include "byte-kernels.h"
#include "instance.h"
#include "zlib-kernels.h"
#ifdef __linux__
#include "engine-binding.h"
#include "port-binding.h"
#endif

namespace hotsocket {
namespace {

// Raised with every change of an export's name, arguments or result, and of the segment table's layout;
// src/kernels/native.ts expects the same number.
constexpr std::uint32_t kInterfaceVersion = 13;

bool define_interface_version(napi_env env, napi_value exports) {
  napi_value version = nullptr;
  return napi_create_uint32(env, kInterfaceVersion, &version) == napi_ok &&
         napi_set_named_property(env, exports, "interfaceVersion", version) == napi_ok;
}

}  // namespace
}  // namespace hotsocket

NAPI_MODULE_INIT() {
  if (!hotsocket::create_instance(env) || !hotsocket::define_interface_version(env, exports)) return nullptr;
  hotsocket::define_byte_kernels(env, exports);
  hotsocket::define_zlib_kernels(env, exports);
#ifdef __linux__
  hotsocket::define_engine(env, exports);
  hotsocket::define_shared_port(env, exports);
#endif
  return exports;
}
