// Owns the declarations of the vectorised checks; only utf8.cc includes it. Contract: Utf8Kernel::is_consistent.
#pragma once

#include <cstdint>
#include <span>

namespace hotsocket {

#if defined(__GNUC__) && defined(__x86_64__)
bool is_consistent_ssse3(std::span<const std::uint8_t> bytes);
bool is_consistent_avx2(std::span<const std::uint8_t> bytes);
bool is_consistent_avx512(std::span<const std::uint8_t> bytes);
#elif defined(__GNUC__) && defined(__aarch64__)
bool is_consistent_neon(std::span<const std::uint8_t> bytes);
#endif

}  // namespace hotsocket
