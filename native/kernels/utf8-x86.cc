// The vectorised checks for x86-64. Each function is compiled for its own instructions; utf8.cc asks the processor.
#if defined(__GNUC__) && defined(__x86_64__)
#include <immintrin.h>

#include "utf8-lookup.h"
#include "utf8-vector.h"

namespace hotsocket {
namespace {

using namespace utf8_lookup;

// Truth tables of AVX-512's ternary logic.
constexpr int ALL_THREE = 0x80;
constexpr int EITHER_AND_THIRD = 0xa8;

[[gnu::target("ssse3")]] inline __m128i load_16(const std::uint8_t* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

// Returns a vector that is zero if each byte of `input` may follow the three before it, which stand in the same
// place of `first`, `second` and `third`, counted backwards.
[[gnu::target("ssse3")]] inline __m128i faults_16(__m128i input, __m128i first, __m128i second, __m128i third) {
  const __m128i half = _mm_set1_epi8(0x0f);
  const __m128i input_high = _mm_and_si128(_mm_srli_epi16(input, 4), half);
  const __m128i first_high = _mm_and_si128(_mm_srli_epi16(first, 4), half);
  const __m128i first_low = _mm_and_si128(first, half);
  const __m128i pair_faults = _mm_and_si128(
      _mm_and_si128(_mm_shuffle_epi8(load_16(FIRST_HIGH.data()), first_high),
                    _mm_shuffle_epi8(load_16(FIRST_LOW.data()), first_low)),
      _mm_shuffle_epi8(load_16(SECOND_HIGH.data()), input_high));
  const __m128i lead_3 = _mm_subs_epu8(second, _mm_set1_epi8(BELOW_LEAD_3));
  const __m128i lead_4 = _mm_subs_epu8(third, _mm_set1_epi8(BELOW_LEAD_4));
  const __m128i required = _mm_and_si128(_mm_or_si128(lead_3, lead_4), _mm_set1_epi8(-0x80));
  return _mm_xor_si128(required, pair_faults);
}

[[gnu::target("ssse3")]] inline __m128i faults_16_at(const std::uint8_t* at) {
  return faults_16(load_16(at), load_16(at - 1), load_16(at - 2), load_16(at - 3));
}

[[gnu::target("ssse3")]] inline bool is_ascii_64(const std::uint8_t* at) {
  const __m128i low = _mm_or_si128(load_16(at), load_16(at + 16));
  const __m128i high = _mm_or_si128(load_16(at + 32), load_16(at + 48));
  return _mm_movemask_epi8(_mm_or_si128(low, high)) == 0;
}

[[gnu::target("avx2")]] inline __m256i load_32(const std::uint8_t* bytes) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
}

[[gnu::target("avx2")]] inline __m256i table_32(const Table& table) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table.data())));
}

[[gnu::target("avx2")]] inline __m256i faults_32(__m256i input, __m256i first, __m256i second, __m256i third) {
  const __m256i half = _mm256_set1_epi8(0x0f);
  const __m256i input_high = _mm256_and_si256(_mm256_srli_epi16(input, 4), half);
  const __m256i first_high = _mm256_and_si256(_mm256_srli_epi16(first, 4), half);
  const __m256i first_low = _mm256_and_si256(first, half);
  const __m256i pair_faults = _mm256_and_si256(
      _mm256_and_si256(_mm256_shuffle_epi8(table_32(FIRST_HIGH), first_high),
                       _mm256_shuffle_epi8(table_32(FIRST_LOW), first_low)),
      _mm256_shuffle_epi8(table_32(SECOND_HIGH), input_high));
  const __m256i lead_3 = _mm256_subs_epu8(second, _mm256_set1_epi8(BELOW_LEAD_3));
  const __m256i lead_4 = _mm256_subs_epu8(third, _mm256_set1_epi8(BELOW_LEAD_4));
  const __m256i required = _mm256_and_si256(_mm256_or_si256(lead_3, lead_4), _mm256_set1_epi8(-0x80));
  return _mm256_xor_si256(required, pair_faults);
}

[[gnu::target("avx2")]] inline __m256i faults_32_at(const std::uint8_t* at) {
  return faults_32(load_32(at), load_32(at - 1), load_32(at - 2), load_32(at - 3));
}

[[gnu::target("avx2")]] inline bool is_ascii_128(const std::uint8_t* at) {
  const __m256i low = _mm256_or_si256(load_32(at), load_32(at + 32));
  const __m256i high = _mm256_or_si256(load_32(at + 64), load_32(at + 96));
  return _mm256_movemask_epi8(_mm256_or_si256(low, high)) == 0;
}

// GCC 12 warns about intrinsics that leave lanes undefined, so some here are the masked ones with a full mask.
[[gnu::target("avx512f,avx512bw,avx512vbmi")]] inline __m512i table_64(const Table& table) {
  return _mm512_maskz_broadcast_i32x4(0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i*>(table.data())));
}

// Looks up by the low half of each byte of `index`: an index has six bits, of which a table repeated four times
// ignores two.
[[gnu::target("avx512f,avx512bw,avx512vbmi")]] inline __m512i look_up_64(const Table& table, __m512i index) {
  return _mm512_maskz_permutexvar_epi8(~__mmask64{0}, index, table_64(table));
}

// `before`: the 64 bytes before `input`.
[[gnu::target("avx512f,avx512bw,avx512vbmi")]] inline __m512i faults_64(__m512i input, __m512i before) {
  // Each quarter is preceded by the one before it, so that a shift by bytes within quarters has what it needs.
  const __m512i quarters = _mm512_maskz_alignr_epi32(0xffff, input, before, 12);
  const __m512i first = _mm512_alignr_epi8(input, quarters, 15);
  const __m512i second = _mm512_alignr_epi8(input, quarters, 14);
  const __m512i third = _mm512_alignr_epi8(input, quarters, 13);
  const __m512i first_high = look_up_64(FIRST_HIGH, _mm512_srli_epi16(first, 4));
  const __m512i first_low = look_up_64(FIRST_LOW, first);
  const __m512i second_high = look_up_64(SECOND_HIGH, _mm512_srli_epi16(input, 4));
  const __m512i pair_faults = _mm512_ternarylogic_epi32(first_high, first_low, second_high, ALL_THREE);
  const __m512i lead_3 = _mm512_subs_epu8(second, _mm512_set1_epi8(BELOW_LEAD_3));
  const __m512i lead_4 = _mm512_subs_epu8(third, _mm512_set1_epi8(BELOW_LEAD_4));
  const __m512i required = _mm512_ternarylogic_epi32(lead_3, lead_4, _mm512_set1_epi8(-0x80), EITHER_AND_THIRD);
  return _mm512_xor_si512(required, pair_faults);
}

[[gnu::target("avx512f,avx512bw,avx512vbmi")]] inline bool is_ascii_256(const std::uint8_t* at) {
  const __m512i low = _mm512_or_si512(_mm512_loadu_si512(at), _mm512_loadu_si512(at + 64));
  const __m512i high = _mm512_or_si512(_mm512_loadu_si512(at + 128), _mm512_loadu_si512(at + 192));
  return _mm512_movepi8_mask(_mm512_or_si512(low, high)) == 0;
}

}  // namespace

// In each loop below, ASCII after ASCII has no fault, so that it needs no look at its neighbours. The last vector may
// overlap the one before.

[[gnu::target("ssse3")]] bool is_consistent_ssse3(std::span<const std::uint8_t> bytes) {
  const std::uint8_t* at = bytes.data();
  const std::uint8_t* const end = at + bytes.size();
  const __m128i start = load_16(at);
  bool was_ascii = _mm_movemask_epi8(start) == 0;
  __m128i faults = faults_16(start, _mm_slli_si128(start, 1), _mm_slli_si128(start, 2), _mm_slli_si128(start, 3));
  at += 16;
  while (end - at >= 16) {
    if (was_ascii && end - at >= 64 && is_ascii_64(at)) {
      at += 64;
      continue;
    }
    was_ascii = _mm_movemask_epi8(load_16(at)) == 0;
    faults = _mm_or_si128(faults, faults_16_at(at));
    at += 16;
  }
  if (at != end) faults = _mm_or_si128(faults, faults_16_at(end - 16));
  return _mm_movemask_epi8(_mm_cmpeq_epi8(faults, _mm_setzero_si128())) == 0xffff;
}

[[gnu::target("avx2")]] bool is_consistent_avx2(std::span<const std::uint8_t> bytes) {
  const std::uint8_t* at = bytes.data();
  const std::uint8_t* const end = at + bytes.size();
  const __m256i start = load_32(at);
  const __m256i below = _mm256_permute2x128_si256(start, start, 0x08);
  bool was_ascii = _mm256_movemask_epi8(start) == 0;
  __m256i faults = faults_32(start, _mm256_alignr_epi8(start, below, 15), _mm256_alignr_epi8(start, below, 14),
                             _mm256_alignr_epi8(start, below, 13));
  at += 32;
  while (end - at >= 32) {
    if (was_ascii && end - at >= 128 && is_ascii_128(at)) {
      at += 128;
      continue;
    }
    was_ascii = _mm256_movemask_epi8(load_32(at)) == 0;
    faults = _mm256_or_si256(faults, faults_32_at(at));
    at += 32;
  }
  if (at != end) faults = _mm256_or_si256(faults, faults_32_at(end - 32));
  return _mm256_testz_si256(faults, faults) != 0;
}

[[gnu::target("avx512f,avx512bw,avx512vbmi")]] bool is_consistent_avx512(std::span<const std::uint8_t> bytes) {
  const std::uint8_t* at = bytes.data();
  const std::uint8_t* const end = at + bytes.size();
  __m512i before = _mm512_setzero_si512();
  __m512i faults = before;
  bool was_ascii = true;
  while (end - at >= 64) {
    if (was_ascii && end - at >= 256 && is_ascii_256(at)) {
      at += 256;
      continue;
    }
    const __m512i input = _mm512_loadu_si512(at);
    was_ascii = _mm512_movepi8_mask(input) == 0;
    faults = _mm512_or_si512(faults, faults_64(input, before));
    before = input;
    at += 64;
  }
  if (at != end) {
    const __mmask64 rest = ~__mmask64{0} >> (64 - (end - at));
    const __m512i input = _mm512_maskz_loadu_epi8(rest, at);
    faults = _mm512_or_si512(faults, _mm512_maskz_mov_epi8(rest, faults_64(input, before)));
  }
  return _mm512_test_epi8_mask(faults, faults) == 0;
}

}  // namespace hotsocket
#endif
