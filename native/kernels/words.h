// Owns the two halves of 64-bit numbers in tables of 32-bit words.
#pragma once

#include <cstdint>

namespace hotsocket {

inline std::int32_t low_word(std::uint64_t value) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(value)); }
inline std::int32_t high_word(std::uint64_t value) { return low_word(value >> 32); }
inline std::uint64_t join_words(std::int32_t low, std::int32_t high) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(high)) << 32 | static_cast<std::uint32_t>(low);
}

}  // namespace hotsocket
