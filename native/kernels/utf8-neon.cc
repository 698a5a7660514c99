// The vectorised check for arm64, where NEON is always there.
#if defined(__GNUC__) && defined(__aarch64__)
#include <arm_neon.h>

#include "utf8-lookup.h"
#include "utf8-vector.h"

namespace hotsocket {
namespace {

using namespace utf8_lookup;

// Returns a vector that is zero if each of 16 bytes may follow the three before it.
inline uint8x16_t faults_16(const std::uint8_t* bytes, uint8x16_t input) {
  const uint8x16_t before_1 = vld1q_u8(bytes - 1);
  const uint8x16_t first_high = vqtbl1q_u8(vld1q_u8(FIRST_HIGH.data()), vshrq_n_u8(before_1, 4));
  const uint8x16_t first_low = vqtbl1q_u8(vld1q_u8(FIRST_LOW.data()), vandq_u8(before_1, vdupq_n_u8(0x0f)));
  const uint8x16_t second_high = vqtbl1q_u8(vld1q_u8(SECOND_HIGH.data()), vshrq_n_u8(input, 4));
  const uint8x16_t pair_faults = vandq_u8(vandq_u8(first_high, first_low), second_high);
  const uint8x16_t third = vqsubq_u8(vld1q_u8(bytes - 2), vdupq_n_u8(BELOW_LEAD_3));
  const uint8x16_t fourth = vqsubq_u8(vld1q_u8(bytes - 3), vdupq_n_u8(BELOW_LEAD_4));
  const uint8x16_t required = vandq_u8(vorrq_u8(third, fourth), vdupq_n_u8(0x80));
  return veorq_u8(required, pair_faults);
}

}  // namespace

bool is_consistent_neon(std::span<const std::uint8_t> bytes) {
  const std::uint8_t* const end = bytes.data() + bytes.size();
  const std::uint8_t* at = bytes.data() + 3;
  uint8x16_t faults = vdupq_n_u8(0);
  // A block of ASCII after a block of ASCII has no fault.
  bool was_ascii = false;
  for (; end - at >= 32; at += 32) {
    const uint8x16_t a = vld1q_u8(at);
    const uint8x16_t b = vld1q_u8(at + 16);
    const bool is_ascii = vmaxvq_u8(vorrq_u8(a, b)) < 0x80;
    if (!is_ascii || !was_ascii) {
      faults = vorrq_u8(faults, vorrq_u8(faults_16(at, a), faults_16(at + 16, b)));
    }
    was_ascii = is_ascii;
  }
  if (end - at >= 16) {
    faults = vorrq_u8(faults, faults_16(at, vld1q_u8(at)));
    at += 16;
  }
  if (at != end) faults = vorrq_u8(faults, faults_16(end - 16, vld1q_u8(end - 16)));
  return vmaxvq_u8(faults) == 0;
}

}  // namespace hotsocket
#endif
