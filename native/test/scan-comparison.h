// Owns the comparison of the scanner with the naive one, for tests and fuzzers.
#pragma once

#include <algorithm>
#include <array>
#include <cstdlib>

#include "../kernels/scanner.h"
#include "reference.h"

namespace hotsocket {

using ScannerState = std::array<std::int32_t, layout::SCAN_STATE_WORDS>;

// Both scanners on one stream, chunk by chunk.
class ScanComparison {
 public:
  // Whether both find the same rows in a chunk, and the same payload, if the table has room for `capacity` rows.
  bool holds(std::vector<std::uint8_t> chunk, std::size_t capacity) {
    std::vector<std::uint8_t> expected = chunk;
    return scan_all(chunk, capacity) == naive_.scan(expected) && chunk == expected;
  }

 private:
  std::vector<reference::Row> scan_all(std::span<std::uint8_t> chunk, std::size_t capacity) {
    std::vector<reference::Row> rows;
    std::vector<std::int32_t> table(capacity * layout::ROW_WORDS);
    std::size_t from = 0;
    do {
      const std::size_t count = scan(ScanState(state_), chunk, from, table);
      // More rows than the table has: memory is overwritten already.
      if (count > capacity) std::abort();
      for (std::size_t i = 0; i < count; ++i) {
        reference::Row row;
        std::copy_n(table.begin() + static_cast<std::ptrdiff_t>(i * layout::ROW_WORDS), row.size(), row.begin());
        rows.push_back(row);
      }
      from = static_cast<std::size_t>(state_[layout::scan_state::CONSUMED]);
    } while (from < chunk.size());
    return rows;
  }

  ScannerState state_{};
  reference::Scanner naive_;
};

}  // namespace hotsocket
