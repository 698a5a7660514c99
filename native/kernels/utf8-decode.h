// Owns the decoding of UTF-8 (RFC 3629) to UTF-16. Must not judge: the bytes are valid, or what becomes of them does not matter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hotsocket {

// Decodes `utf8` into `to`, which has room for as many units as there are bytes. Returns how many units it made. Bytes that are
// no valid UTF-8 yield some units, and nothing worse.
std::size_t decode_utf8(std::span<const std::uint8_t> utf8, std::span<char16_t> to);

}  // namespace hotsocket
