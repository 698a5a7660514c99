#include "utf8.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "utf8-vector.h"

namespace hotsocket {
namespace {

// Bytes before a byte that decide whether it may stand there.
constexpr std::size_t LOOK_BACK = 3;
// A fault is looked for byte by byte in the stride that has it, so a stride bounds that work.
constexpr std::size_t STRIDE = 4096;

constexpr std::uint64_t HIGH_BITS = 0x8080808080808080;

constexpr std::int32_t expect(int needed, int lowest, int highest) {
  return needed | lowest << 8 | highest << 16;
}

// The state after a byte on a code point boundary; -1 for a byte that cannot stand there.
constexpr std::array<std::int32_t, 256> make_after_lead() {
  std::array<std::int32_t, 256> after{};
  for (int byte = 0x80; byte <= 0xff; ++byte) after[byte] = -1;
  for (int byte = 0xc2; byte <= 0xdf; ++byte) after[byte] = expect(1, 0x80, 0xbf);
  for (int byte = 0xe0; byte <= 0xef; ++byte) after[byte] = expect(2, 0x80, 0xbf);
  for (int byte = 0xf0; byte <= 0xf4; ++byte) after[byte] = expect(3, 0x80, 0xbf);
  after[0xe0] = expect(2, 0xa0, 0xbf);
  after[0xed] = expect(2, 0x80, 0x9f);
  after[0xf0] = expect(3, 0x90, 0xbf);
  after[0xf4] = expect(3, 0x80, 0x8f);
  return after;
}
constexpr std::array<std::int32_t, 256> AFTER_LEAD = make_after_lead();

// Returns the state after one more byte, or -1.
std::int32_t step(std::int32_t state, std::uint8_t byte) {
  const int needed = state & 3;
  if (needed == 0) return AFTER_LEAD[byte];
  if (byte < (state >> 8 & 0xff) || byte > (state >> 16 & 0xff)) return -1;
  return needed == 1 ? 0 : expect(needed - 1, 0x80, 0xbf);
}

std::int32_t failure_at(std::size_t index) { return -static_cast<std::int32_t>(index) - 1; }

bool are_8_ascii(const std::uint8_t* bytes) {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return (word & HIGH_BITS) == 0;
}

// Validates byte by byte from index `i` on.
std::int32_t validate_bytes(std::int32_t state, std::span<const std::uint8_t> bytes, std::size_t i) {
  while (i < bytes.size()) {
    if ((state & 3) == 0 && bytes.size() - i >= 8 && are_8_ascii(bytes.data() + i)) {
      i += 8;
      continue;
    }
    state = step(state, bytes[i]);
    if (state < 0) return failure_at(i);
    ++i;
  }
  return state;
}

// Returns where the code point begins that `end` may stand in: the last lead byte or ASCII byte of the three before it.
std::size_t boundary_before(std::span<const std::uint8_t> bytes, std::size_t end) {
  for (std::size_t back = 1; back <= LOOK_BACK; ++back) {
    if ((bytes[end - back] & 0xc0) != 0x80) return end - back;
  }
  return end;
}

constexpr Utf8Kernel KERNELS[] = {
#if defined(__GNUC__) && defined(__x86_64__)
    {"ssse3", LOOK_BACK + 16, is_consistent_ssse3},
    {"avx2", LOOK_BACK + 32, is_consistent_avx2},
    {"avx512", 16, is_consistent_avx512},
#elif defined(__GNUC__) && defined(__aarch64__)
    {"neon", LOOK_BACK + 16, is_consistent_neon},
#else
    {"none", 0, nullptr},
#endif
};

std::size_t supported_count() {
#if defined(__GNUC__) && defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi")) return 3;
  if (__builtin_cpu_supports("avx2")) return 2;
  return __builtin_cpu_supports("ssse3") ? 1 : 0;
#elif defined(__GNUC__) && defined(__aarch64__)
  return 1;
#else
  return 0;
#endif
}

// Chosen once, when the addon is loaded.
const std::size_t kernel_count = supported_count();
const Utf8Kernel* const fastest = kernel_count == 0 ? nullptr : &KERNELS[kernel_count - 1];

}  // namespace

std::int32_t validate_utf8_with(const Utf8Kernel* kernel, std::int32_t state, std::span<const std::uint8_t> bytes) {
  std::size_t i = 0;
  for (; i < bytes.size() && (state & 3) != 0; ++i) {
    state = step(state, bytes[i]);
    if (state < 0) return failure_at(i);
  }
  if (kernel == nullptr || bytes.size() - i < kernel->min_length) return validate_bytes(state, bytes, i);
  while (bytes.size() - i >= kernel->min_length) {
    const std::size_t left = bytes.size() - i;
    const std::size_t taken = left < 2 * STRIDE ? left : STRIDE;
    if (!kernel->is_consistent(bytes.subspan(i, taken))) break;
    i = boundary_before(bytes, i + taken);
  }
  return validate_bytes(0, bytes, i);
}

std::int32_t validate_utf8(std::int32_t state, std::span<const std::uint8_t> bytes) {
  return validate_utf8_with(fastest, state, bytes);
}

bool is_ascii(std::span<const std::uint8_t> bytes) {
  std::uint64_t seen = 0;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + i, sizeof(word));
    seen |= word;
  }
  for (; i < bytes.size(); ++i) seen |= bytes[i];
  return (seen & HIGH_BITS) == 0;
}

std::span<const Utf8Kernel> utf8_kernels() { return {KERNELS, kernel_count}; }

}  // namespace hotsocket
