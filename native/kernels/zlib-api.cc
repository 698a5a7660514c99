#include "zlib-api.h"

#ifdef _WIN32
#include <windows.h>
#else
// Weak: null where the process does not export them. (dlsym would do, too, but its symbol needs a new glibc.)
#pragma weak zlibVersion
#pragma weak inflateInit2_
#pragma weak inflate
#pragma weak inflateReset
#pragma weak inflateEnd
#pragma weak deflateInit2_
#pragma weak deflate
#pragma weak deflateReset
#pragma weak deflateEnd
#endif

namespace hotsocket {
namespace {

#ifdef _WIN32
template <typename Function>
Function find(const char* name) {
  return reinterpret_cast<Function>(reinterpret_cast<void*>(GetProcAddress(GetModuleHandleW(nullptr), name)));
}

const ZlibApi kApi = {
    find<decltype(ZlibApi::version)>("zlibVersion"),
    find<decltype(ZlibApi::inflate_init2)>("inflateInit2_"),
    find<decltype(ZlibApi::inflate)>("inflate"),
    find<decltype(ZlibApi::inflate_reset)>("inflateReset"),
    find<decltype(ZlibApi::inflate_end)>("inflateEnd"),
    find<decltype(ZlibApi::deflate_init2)>("deflateInit2_"),
    find<decltype(ZlibApi::deflate)>("deflate"),
    find<decltype(ZlibApi::deflate_reset)>("deflateReset"),
    find<decltype(ZlibApi::deflate_end)>("deflateEnd"),
};
#else
const ZlibApi kApi = {&::zlibVersion,   &::inflateInit2_, &::inflate,      &::inflateReset, &::inflateEnd,
                      &::deflateInit2_, &::deflate,       &::deflateReset, &::deflateEnd};
#endif

bool is_whole(const ZlibApi& api) {
  return api.version != nullptr && api.inflate_init2 != nullptr && api.inflate != nullptr &&
         api.inflate_reset != nullptr && api.inflate_end != nullptr && api.deflate_init2 != nullptr &&
         api.deflate != nullptr && api.deflate_reset != nullptr && api.deflate_end != nullptr;
}

}  // namespace

const ZlibApi* zlib_api() {
  // The first digit is all that zlib itself compares: z_stream has kept its layout since 1.0.
  return is_whole(kApi) && kApi.version()[0] == ZLIB_VERSION[0] ? &kApi : nullptr;
}

}  // namespace hotsocket
