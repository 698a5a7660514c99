// The vectorised checks for x86-64. Each function is compiled for its own instructions; utf8.cc asks the processor.
#if defined(__GNUC__) && defined(__x86_64__)
#include <immintrin.h>

#include "utf8-lookup.h"
#include "utf8-vector.h"

namespace hotsocket {
namespace {

using namespace utf8_lookup;

[[gnu::target("ssse3")]] inline __m128i load_16(const std::uint8_t* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

// Returns a vector that is zero if each of 16 bytes may follow the three before it.
[[gnu::target("ssse3")]] inline __m128i faults_16(const std::uint8_t* bytes, __m128i input) {
  const __m128i half = _mm_set1_epi8(0x0f);
  const __m128i before_1 = load_16(bytes - 1);
  const __m128i first_high =
      _mm_shuffle_epi8(load_16(FIRST_HIGH.data()), _mm_and_si128(_mm_srli_epi16(before_1, 4), half));
  const __m128i first_low = _mm_shuffle_epi8(load_16(FIRST_LOW.data()), _mm_and_si128(before_1, half));
  const __m128i second_high =
      _mm_shuffle_epi8(load_16(SECOND_HIGH.data()), _mm_and_si128(_mm_srli_epi16(input, 4), half));
  const __m128i pair_faults = _mm_and_si128(_mm_and_si128(first_high, first_low), second_high);
  const __m128i third = _mm_subs_epu8(load_16(bytes - 2), _mm_set1_epi8(BELOW_LEAD_3));
  const __m128i fourth = _mm_subs_epu8(load_16(bytes - 3), _mm_set1_epi8(BELOW_LEAD_4));
  const __m128i required = _mm_and_si128(_mm_or_si128(third, fourth), _mm_set1_epi8(-0x80));
  return _mm_xor_si128(required, pair_faults);
}

[[gnu::target("avx2")]] inline __m256i load_32(const std::uint8_t* bytes) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
}

[[gnu::target("avx2")]] inline __m256i table_32(const Table& table) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table.data())));
}

[[gnu::target("avx2")]] inline __m256i faults_32(const std::uint8_t* bytes, __m256i input) {
  const __m256i half = _mm256_set1_epi8(0x0f);
  const __m256i before_1 = load_32(bytes - 1);
  const __m256i first_high =
      _mm256_shuffle_epi8(table_32(FIRST_HIGH), _mm256_and_si256(_mm256_srli_epi16(before_1, 4), half));
  const __m256i first_low = _mm256_shuffle_epi8(table_32(FIRST_LOW), _mm256_and_si256(before_1, half));
  const __m256i second_high =
      _mm256_shuffle_epi8(table_32(SECOND_HIGH), _mm256_and_si256(_mm256_srli_epi16(input, 4), half));
  const __m256i pair_faults = _mm256_and_si256(_mm256_and_si256(first_high, first_low), second_high);
  const __m256i third = _mm256_subs_epu8(load_32(bytes - 2), _mm256_set1_epi8(BELOW_LEAD_3));
  const __m256i fourth = _mm256_subs_epu8(load_32(bytes - 3), _mm256_set1_epi8(BELOW_LEAD_4));
  const __m256i required = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8(-0x80));
  return _mm256_xor_si256(required, pair_faults);
}

}  // namespace

[[gnu::target("ssse3")]] bool is_consistent_ssse3(std::span<const std::uint8_t> bytes) {
  const std::uint8_t* const end = bytes.data() + bytes.size();
  const std::uint8_t* at = bytes.data() + 3;
  __m128i faults = _mm_setzero_si128();
  // A block of ASCII after a block of ASCII has no fault.
  bool was_ascii = false;
  for (; end - at >= 32; at += 32) {
    const __m128i a = load_16(at);
    const __m128i b = load_16(at + 16);
    const bool is_ascii = _mm_movemask_epi8(_mm_or_si128(a, b)) == 0;
    if (!is_ascii || !was_ascii) {
      faults = _mm_or_si128(faults, _mm_or_si128(faults_16(at, a), faults_16(at + 16, b)));
    }
    was_ascii = is_ascii;
  }
  if (end - at >= 16) {
    faults = _mm_or_si128(faults, faults_16(at, load_16(at)));
    at += 16;
  }
  if (at != end) faults = _mm_or_si128(faults, faults_16(end - 16, load_16(end - 16)));
  return _mm_movemask_epi8(_mm_cmpeq_epi8(faults, _mm_setzero_si128())) == 0xffff;
}

[[gnu::target("avx2")]] bool is_consistent_avx2(std::span<const std::uint8_t> bytes) {
  const std::uint8_t* const end = bytes.data() + bytes.size();
  const std::uint8_t* at = bytes.data() + 3;
  __m256i faults = _mm256_setzero_si256();
  bool was_ascii = false;
  for (; end - at >= 64; at += 64) {
    const __m256i a = load_32(at);
    const __m256i b = load_32(at + 32);
    const bool is_ascii = _mm256_movemask_epi8(_mm256_or_si256(a, b)) == 0;
    if (!is_ascii || !was_ascii) {
      faults = _mm256_or_si256(faults, _mm256_or_si256(faults_32(at, a), faults_32(at + 32, b)));
    }
    was_ascii = is_ascii;
  }
  if (end - at >= 32) {
    faults = _mm256_or_si256(faults, faults_32(at, load_32(at)));
    at += 32;
  }
  if (at != end) faults = _mm256_or_si256(faults, faults_32(end - 32, load_32(end - 32)));
  return _mm256_testz_si256(faults, faults) != 0;
}

}  // namespace hotsocket
#endif
