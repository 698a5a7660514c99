#include "utf8-decode.h"

#include <cstring>

namespace hotsocket {
namespace {

constexpr std::uint64_t HIGH_BITS = 0x8080808080808080;
constexpr std::size_t WORD = sizeof(std::uint64_t);

std::uint64_t word_at(const std::uint8_t* bytes) {
  std::uint64_t word;
  std::memcpy(&word, bytes, WORD);
  return word;
}

// The lower six bits of a continuation byte.
std::uint32_t low(std::uint8_t byte) { return byte & 0x3fu; }

}  // namespace

std::size_t decode_utf8(std::span<const std::uint8_t> utf8, std::span<char16_t> to) {
  const std::uint8_t* const bytes = utf8.data();
  const std::size_t size = utf8.size();
  std::size_t at = 0, count = 0;
  while (at < size) {
    const std::size_t left = size - at;
    const std::uint8_t first = bytes[at];
    if (first < 0x80) {
      if (left >= WORD && (word_at(bytes + at) & HIGH_BITS) == 0) {
        for (std::size_t i = 0; i < WORD; ++i) to[count + i] = bytes[at + i];
        at += WORD;
        count += WORD;
      } else {
        to[count++] = first;
        ++at;
      }
    } else if (first < 0xe0 && left >= 2) {
      to[count++] = static_cast<char16_t>((first & 0x1fu) << 6 | low(bytes[at + 1]));
      at += 2;
    } else if (first >= 0xe0 && first < 0xf0 && left >= 3) {
      to[count++] = static_cast<char16_t>((first & 0xfu) << 12 | low(bytes[at + 1]) << 6 | low(bytes[at + 2]));
      at += 3;
    } else if (first >= 0xf0 && left >= 4) {
      const std::uint32_t code = (first & 7u) << 18 | low(bytes[at + 1]) << 12 | low(bytes[at + 2]) << 6 | low(bytes[at + 3]);
      const std::uint32_t beyond = code - 0x10000;
      to[count++] = static_cast<char16_t>(0xd800 | (beyond >> 10 & 0x3ff));
      to[count++] = static_cast<char16_t>(0xdc00 | (beyond & 0x3ff));
      at += 4;
    } else {
      to[count++] = 0xfffd;
      ++at;
    }
  }
  return count;
}

}  // namespace hotsocket
