#include "mask.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

namespace hotsocket {
namespace {

// Vectors are the compiler's own (GCC, Clang): one loop becomes SSE2, AVX2 or NEON, depending on the function that
// it is inlined into. Other compilers take 64-bit words.
#if defined(__GNUC__)
#define HOTSOCKET_INLINE [[gnu::always_inline]] inline
using Block16 = std::uint32_t __attribute__((vector_size(16)));
using Block32 = std::uint32_t __attribute__((vector_size(32)));
#else
#define HOTSOCKET_INLINE inline
#endif

template <class Block>
HOTSOCKET_INLINE void load(Block& block, const std::uint8_t* bytes) {
  std::memcpy(&block, bytes, sizeof(Block));
}

template <class Block>
HOTSOCKET_INLINE void store(std::uint8_t* bytes, const Block& block) {
  std::memcpy(bytes, &block, sizeof(Block));
}

// A key's value has its first byte lowest; on a big-endian machine its bytes in memory stand the other way round.
HOTSOCKET_INLINE std::uint32_t wire_order(std::uint32_t key) {
  if constexpr (std::endian::native == std::endian::little) return key;
  return key << 24 | (key & 0xff00) << 8 | (key >> 8 & 0xff00) | key >> 24;
}

template <class Block>
HOTSOCKET_INLINE void repeat(Block& block, std::uint32_t key) {
  const std::uint32_t word = wire_order(key);
  if constexpr (sizeof(Block) == 4) {
    block = word;
  } else if constexpr (std::is_integral_v<Block>) {
    block = word * std::uint64_t{0x100000001};
  } else {
    block = Block{} + word;
  }
}

template <class Block>
HOTSOCKET_INLINE bool is_ascii_block(const Block& block) {
  if constexpr (std::is_integral_v<Block>) {
    return (block & static_cast<Block>(0x8080808080808080)) == 0;
  } else {
    std::array<std::uint64_t, sizeof(Block) / 8> words;
    std::memcpy(words.data(), &block, sizeof(Block));
    std::uint64_t seen = 0;
    for (const std::uint64_t word : words) seen |= word;
    return is_ascii_block(seen);
  }
}

// One block from the front and one up to the end, which may overlap: both are loaded before either is stored.
template <class Block>
HOTSOCKET_INLINE bool mask_ends(const std::uint8_t* source, std::uint8_t* target, std::size_t length,
                                std::uint32_t key) {
  const std::size_t rest = length - sizeof(Block);
  Block first, last, pattern, rotated;
  load(first, source);
  load(last, source + rest);
  repeat(pattern, key);
  repeat(rotated, rotate_masking_key(key, rest));
  first ^= pattern;
  last ^= rotated;
  store(target, first);
  store(target + rest, last);
  return is_ascii_block<Block>(first | last);
}

// Up to twice the length of the longest word that fits.
HOTSOCKET_INLINE bool mask_short(const std::uint8_t* source, std::uint8_t* target, std::size_t length,
                                 std::uint32_t key) {
  if (length >= 8) return mask_ends<std::uint64_t>(source, target, length, key);
  if (length >= 4) return mask_ends<std::uint32_t>(source, target, length, key);
  std::uint8_t seen = 0;
  for (std::size_t i = 0; i < length; ++i) {
    seen |= target[i] = static_cast<std::uint8_t>(source[i] ^ key >> 8 * i);
  }
  return seen < 0x80;
}

// At least one block. The last block may overlap the one before: it is loaded before the loop writes there.
template <class Block>
HOTSOCKET_INLINE bool mask_blocks(const std::uint8_t* source, std::uint8_t* target, std::size_t length,
                                  std::uint32_t key) {
  constexpr std::size_t SIZE = sizeof(Block);
  const std::size_t rest = length - SIZE;
  Block pattern, rotated, last, seen;
  repeat(pattern, key);
  repeat(rotated, rotate_masking_key(key, rest));
  load(last, source + rest);
  seen = last ^= rotated;
  std::size_t i = 0;
  for (; i + 4 * SIZE <= length; i += 4 * SIZE) {
    Block a, b, c, d;
    load(a, source + i);
    load(b, source + i + SIZE);
    load(c, source + i + 2 * SIZE);
    load(d, source + i + 3 * SIZE);
    a ^= pattern;
    b ^= pattern;
    c ^= pattern;
    d ^= pattern;
    store(target + i, a);
    store(target + i + SIZE, b);
    store(target + i + 2 * SIZE, c);
    store(target + i + 3 * SIZE, d);
    seen |= (a | b) | (c | d);
  }
  for (; i < rest; i += SIZE) {
    Block block;
    load(block, source + i);
    block ^= pattern;
    store(target + i, block);
    seen |= block;
  }
  store(target + rest, last);
  return is_ascii_block(seen);
}

bool mask_scalar(std::span<const std::uint8_t> source, std::span<std::uint8_t> target, std::uint32_t key) {
  if (source.size() < 8) return mask_short(source.data(), target.data(), source.size(), key);
  return mask_blocks<std::uint64_t>(source.data(), target.data(), source.size(), key);
}

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__aarch64__))
bool mask_vector16(std::span<const std::uint8_t> source, std::span<std::uint8_t> target, std::uint32_t key) {
  if (source.size() < 16) return mask_short(source.data(), target.data(), source.size(), key);
  return mask_blocks<Block16>(source.data(), target.data(), source.size(), key);
}
#endif

#if defined(__GNUC__) && defined(__x86_64__)
[[gnu::target("avx2")]] bool mask_avx2(std::span<const std::uint8_t> source, std::span<std::uint8_t> target,
                                       std::uint32_t key) {
  const std::size_t length = source.size();
  if (length < 16) return mask_short(source.data(), target.data(), length, key);
  if (length < 32) return mask_ends<Block16>(source.data(), target.data(), length, key);
  return mask_blocks<Block32>(source.data(), target.data(), length, key);
}
#endif

constexpr MaskKernel KERNELS[] = {
    {"scalar", mask_scalar},
#if defined(__GNUC__) && defined(__x86_64__)
    {"sse2", mask_vector16},
    {"avx2", mask_avx2},
#elif defined(__GNUC__) && defined(__aarch64__)
    {"neon", mask_vector16},
#endif
};

std::size_t supported_count() {
#if defined(__GNUC__) && defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2")) return std::size(KERNELS) - 1;
#endif
  return std::size(KERNELS);
}

// Chosen once, when the addon is loaded.
const std::size_t kernel_count = supported_count();
bool (*const fastest)(std::span<const std::uint8_t>, std::span<std::uint8_t>,
                      std::uint32_t) = KERNELS[kernel_count - 1].mask;

}  // namespace

bool mask(std::span<const std::uint8_t> source, std::span<std::uint8_t> target, std::uint32_t masking_key) {
  return fastest(source, target, masking_key);
}

std::span<const MaskKernel> mask_kernels() { return {KERNELS, kernel_count}; }

}  // namespace hotsocket
