// Owns the table of the zlib functions that the host process exports: Node's own zlib, so that none is vendored.
// Must not know Node-API, nor in which runtimes zlib may be called: the caller decides before the first look-up.
#pragma once

#include <zlib.h>

namespace hotsocket {

struct ZlibApi {
  decltype(&::zlibVersion) version;
  decltype(&::inflateInit2_) inflate_init2;
  decltype(&::inflate) inflate;
  decltype(&::inflateReset) inflate_reset;
  decltype(&::inflateEnd) inflate_end;
  decltype(&::deflateInit2_) deflate_init2;
  decltype(&::deflate) deflate;
  decltype(&::deflateReset) deflate_reset;
  decltype(&::deflateEnd) deflate_end;
};

// Returns null if one is missing or zlib's major version is not the one
// of the header this was compiled with. On Bun and Deno it must not
// be called: their zlib ends the process.
const ZlibApi* zlib_api();

}  // namespace hotsocket
