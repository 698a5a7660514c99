// Owns the tables of the vectorised check. A pair of neighbouring bytes is looked up by three half bytes: the high and
// the low half of the first, the high half of the second. Each table tells which faults that half allows; a fault that
// all three allow is there. Continuations further on than the second byte are counted apart.
// Source: Keiser and Lemire, Validating UTF-8 In Less Than One Instruction Per Byte (2021), §6.
#pragma once

#include <array>
#include <cstdint>

namespace hotsocket::utf8_lookup {

using Table = std::array<std::uint8_t, 16>;

inline constexpr std::uint8_t TOO_SHORT = 1 << 0;       // a lead byte, then no continuation
inline constexpr std::uint8_t TOO_LONG = 1 << 1;        // an ASCII byte, then a continuation
inline constexpr std::uint8_t OVERLONG_3 = 1 << 2;      // E0, then 80-9F
inline constexpr std::uint8_t TOO_LARGE = 1 << 3;       // F4 or above, then 90-BF
inline constexpr std::uint8_t SURROGATE = 1 << 4;       // ED, then A0-BF
inline constexpr std::uint8_t OVERLONG_2 = 1 << 5;      // C0 or C1, then a continuation
inline constexpr std::uint8_t OVERLONG_4 = 1 << 6;      // F0, then 80-8F
inline constexpr std::uint8_t TOO_LARGE_1000 = 1 << 6;  // F5 or above, then 80-8F
// Two continuations: a fault unless a lead byte of three or four bytes stands before them. The highest bit, so that
// it compares with the count of required continuations.
inline constexpr std::uint8_t TWO_CONTINUATIONS = 1 << 7;
// Faults that do not depend on the low half of the first byte.
inline constexpr std::uint8_t ANY_LOW = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS;

constexpr Table make_first_high() {
  Table table{};
  for (int half = 0x0; half <= 0x7; ++half) table[half] = TOO_LONG;
  for (int half = 0x8; half <= 0xb; ++half) table[half] = TWO_CONTINUATIONS;
  table[0xc] = TOO_SHORT | OVERLONG_2;
  table[0xd] = TOO_SHORT;
  table[0xe] = TOO_SHORT | OVERLONG_3 | SURROGATE;
  table[0xf] = TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4;
  return table;
}

constexpr Table make_first_low() {
  Table table{};
  for (std::uint8_t& faults : table) faults = ANY_LOW;
  table[0x0] |= OVERLONG_3 | OVERLONG_2 | OVERLONG_4;
  table[0x1] |= OVERLONG_2;
  table[0x4] |= TOO_LARGE;
  for (int half = 0x5; half <= 0xf; ++half) table[half] |= TOO_LARGE | TOO_LARGE_1000;
  table[0xd] |= SURROGATE;
  return table;
}

constexpr Table make_second_high() {
  Table table{};
  for (std::uint8_t& faults : table) faults = TOO_SHORT;
  table[0x8] = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4;
  table[0x9] = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE;
  table[0xa] = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE;
  table[0xb] = table[0xa];
  return table;
}

inline constexpr Table FIRST_HIGH = make_first_high();
inline constexpr Table FIRST_LOW = make_first_low();
inline constexpr Table SECOND_HIGH = make_second_high();

// Subtracted with saturation, these leave the highest bit set in the lead bytes of at least three, and of four bytes.
inline constexpr std::uint8_t BELOW_LEAD_3 = 0xe0 - 0x80;
inline constexpr std::uint8_t BELOW_LEAD_4 = 0xf0 - 0x80;

}  // namespace hotsocket::utf8_lookup
