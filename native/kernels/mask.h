// Owns masking: the exclusive or of payload bytes with a repeated 4-byte key (RFC 6455 §5.3).
// Must know neither frames nor Node-API.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace hotsocket {

// Returns the key whose lowest byte masks the payload byte `byte_count` further on.
constexpr std::uint32_t rotate_masking_key(std::uint32_t masking_key, std::size_t byte_count) {
  return std::rotr(masking_key, static_cast<int>(8 * (byte_count % 4)));
}

// Masks `source` into the first bytes of `target`, which must be at least as long; both may begin at the same byte,
// but not overlap otherwise. The lowest byte of `masking_key` masks the first byte.
// Returns whether every byte written is below 0x80.
bool mask(std::span<const std::uint8_t> source, std::span<std::uint8_t> target, std::uint32_t masking_key);

// One implementation of `mask`.
struct MaskKernel {
  const char* name;
  bool (*mask)(std::span<const std::uint8_t> source, std::span<std::uint8_t> target, std::uint32_t masking_key);
};

// The implementations that this processor can run, the fastest last. For tests: `mask` is the last one.
std::span<const MaskKernel> mask_kernels();

}  // namespace hotsocket
