// The vectorised check for arm64, where NEON is always there.
#if defined(__GNUC__) && defined(__aarch64__)
#include <arm_neon.h>

#include "utf8-lookup.h"
#include "utf8-vector.h"

namespace hotsocket {
namespace {

using namespace utf8_lookup;

// Returns a vector that is zero if each byte of `input` may follow the three before it, which stand in the same
// place of `first`, `second` and `third`, counted backwards.
inline uint8x16_t faults_16(uint8x16_t input, uint8x16_t first, uint8x16_t second, uint8x16_t third) {
  const uint8x16_t first_high = vqtbl1q_u8(vld1q_u8(FIRST_HIGH.data()), vshrq_n_u8(first, 4));
  const uint8x16_t first_low = vqtbl1q_u8(vld1q_u8(FIRST_LOW.data()), vandq_u8(first, vdupq_n_u8(0x0f)));
  const uint8x16_t second_high = vqtbl1q_u8(vld1q_u8(SECOND_HIGH.data()), vshrq_n_u8(input, 4));
  const uint8x16_t pair_faults = vandq_u8(vandq_u8(first_high, first_low), second_high);
  const uint8x16_t lead_3 = vqsubq_u8(second, vdupq_n_u8(BELOW_LEAD_3));
  const uint8x16_t lead_4 = vqsubq_u8(third, vdupq_n_u8(BELOW_LEAD_4));
  const uint8x16_t required = vandq_u8(vorrq_u8(lead_3, lead_4), vdupq_n_u8(0x80));
  return veorq_u8(required, pair_faults);
}

inline uint8x16_t faults_16_at(const std::uint8_t* at) {
  return faults_16(vld1q_u8(at), vld1q_u8(at - 1), vld1q_u8(at - 2), vld1q_u8(at - 3));
}

inline bool is_ascii_64(const std::uint8_t* at) {
  const uint8x16_t low = vorrq_u8(vld1q_u8(at), vld1q_u8(at + 16));
  const uint8x16_t high = vorrq_u8(vld1q_u8(at + 32), vld1q_u8(at + 48));
  return vmaxvq_u8(vorrq_u8(low, high)) < 0x80;
}

}  // namespace

// As is_consistent_ssse3 in utf8-x86.cc.
bool is_consistent_neon(std::span<const std::uint8_t> bytes) {
  const std::uint8_t* at = bytes.data();
  const std::uint8_t* const end = at + bytes.size();
  const uint8x16_t zero = vdupq_n_u8(0);
  const uint8x16_t start = vld1q_u8(at);
  bool was_ascii = vmaxvq_u8(start) < 0x80;
  uint8x16_t faults =
      faults_16(start, vextq_u8(zero, start, 15), vextq_u8(zero, start, 14), vextq_u8(zero, start, 13));
  at += 16;
  while (end - at >= 16) {
    if (was_ascii && end - at >= 64 && is_ascii_64(at)) {
      at += 64;
      continue;
    }
    was_ascii = vmaxvq_u8(vld1q_u8(at)) < 0x80;
    faults = vorrq_u8(faults, faults_16_at(at));
    at += 16;
  }
  if (at != end) faults = vorrq_u8(faults, faults_16_at(end - 16));
  return vmaxvq_u8(faults) == 0;
}

}  // namespace hotsocket
#endif
