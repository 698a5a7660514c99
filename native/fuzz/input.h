// Owns how a fuzzer's input becomes numbers and byte strings. Must not know what is fuzzed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hotsocket {

class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size) : left_(data, size) {}

  bool is_empty() const { return left_.empty(); }

  // 0 if nothing is left.
  std::uint8_t byte() {
    if (left_.empty()) return 0;
    const std::uint8_t value = left_.front();
    left_ = left_.subspan(1);
    return value;
  }

  // Up to `length` bytes, in a buffer of exactly their size, so that the sanitizer sees a byte read beyond it.
  std::vector<std::uint8_t> bytes(std::size_t length) {
    const std::span<const std::uint8_t> taken = left_.first(std::min(length, left_.size()));
    left_ = left_.subspan(taken.size());
    return {taken.begin(), taken.end()};
  }

 private:
  std::span<const std::uint8_t> left_;
};

// Stops the fuzzer.
inline void require(bool condition) {
  if (!condition) __builtin_trap();
}

}  // namespace hotsocket
