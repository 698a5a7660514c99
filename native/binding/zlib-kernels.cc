#include "zlib-kernels.h"

#include "instance.h"

namespace hotsocket {
namespace {

napi_value load_zlib(napi_env env, napi_callback_info) {
  Instance& instance = instance_of(env);
  instance.zlib = zlib_api();
  napi_value is_loaded = nullptr;
  napi_get_boolean(env, instance.zlib != nullptr, &is_loaded);
  return is_loaded;
}

}  // namespace

void define_zlib_kernels(napi_env env, napi_value exports) {
  const napi_property_descriptor load = {"loadZlib", nullptr,      load_zlib, nullptr, nullptr, nullptr,
                                         napi_default_method, nullptr};
  if (napi_define_properties(env, exports, 1, &load) != napi_ok || !define_inflater(env, exports) ||
      !define_deflater(env, exports)) {
    napi_throw_error(env, nullptr, "the zlib kernels cannot be defined");
  }
}

}  // namespace hotsocket
