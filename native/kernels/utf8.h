// Owns the validation of UTF-8 (RFC 3629 §4): whole or in pieces, with the index of the first bad byte.
// Must know neither messages nor Node-API.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hotsocket {

// Validates one piece of a text. `state`: 0 at the start, then what the last call returned; its bits are those of
// Utf8State in src/core/utf8.ts, others are ignored. Returns the new state, 0 on a code point boundary and positive
// inside a code point, or -(i + 1), where i is the index in `bytes` of the first byte that no valid text has there.
// `bytes` must be shorter than 2^31.
std::int32_t validate_utf8(std::int32_t state, std::span<const std::uint8_t> bytes);

// Returns whether every byte is below 0x80.
bool is_ascii(std::span<const std::uint8_t> bytes);

// A vectorised check of many bytes at once.
struct Utf8Kernel {
  const char* name;
  // Shortest span that `is_consistent` takes, in bytes.
  std::size_t min_length;
  // `bytes` begin on a code point boundary. Returns whether every byte may follow the three before it. A byte that no
  // text contains (C0, C1, F5-FF) is reported at the byte after it, so not at all if it is the last one.
  bool (*is_consistent)(std::span<const std::uint8_t> bytes);
};

// Validates with one kernel, or byte by byte if it is null.
std::int32_t validate_utf8_with(const Utf8Kernel* kernel, std::int32_t state, std::span<const std::uint8_t> bytes);

// The kernels that this processor can run, the fastest last. For tests: `validate_utf8` uses the last one.
std::span<const Utf8Kernel> utf8_kernels();

}  // namespace hotsocket
