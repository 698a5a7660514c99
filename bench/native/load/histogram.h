// Owns the counting of latencies: buckets of about 3 % each, no allocation.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

class Histogram {
 public:
  void add(uint64_t nanoseconds) {
    buckets_[index(nanoseconds)]++;
    count_++;
    max_ = std::max(max_, nanoseconds);
  }

  uint64_t count() const { return count_; }
  double max_us() const { return static_cast<double>(max_) / 1000.0; }

  /// 0 if nothing was counted.
  double quantile_us(double quantile) const {
    uint64_t rest = static_cast<uint64_t>(quantile * static_cast<double>(count_));
    for (size_t i = 0; i < buckets_.size(); i++) {
      if (buckets_[i] > rest) return static_cast<double>(lower_bound(i)) / 1000.0;
      rest -= buckets_[i];
    }
    return 0;
  }

 private:
  static size_t index(uint64_t value) {
    if (value < 32) return value;
    const int shift = 58 - __builtin_clzll(value);
    return static_cast<size_t>(shift + 1) * 32 + ((value >> shift) - 32);
  }
  static uint64_t lower_bound(size_t index) {
    if (index < 32) return index;
    const size_t shift = index / 32 - 1;
    return (index % 32 + 32) << shift;
  }

  std::array<uint64_t, 64 * 32> buckets_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};
