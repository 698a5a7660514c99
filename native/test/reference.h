// Owns the naive byte kernels that tests and fuzzers compare the fast ones with: one byte at a time, as the RFCs say.
// Must not include a kernel.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "../generated/layout.h"

namespace hotsocket::reference {

inline std::uint8_t mask_byte(std::uint8_t byte, std::uint32_t masking_key, std::size_t index) {
  return static_cast<std::uint8_t>(byte ^ masking_key >> 8 * (index % 4));
}

struct ByteRange {
  int lowest;
  int highest;
};

// The rows of RFC 3629 §4's grammar.
inline const std::vector<std::vector<ByteRange>> UTF8_SEQUENCES = {
    {{0x00, 0x7f}},
    {{0xc2, 0xdf}, {0x80, 0xbf}},
    {{0xe0, 0xe0}, {0xa0, 0xbf}, {0x80, 0xbf}},
    {{0xe1, 0xec}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xed, 0xed}, {0x80, 0x9f}, {0x80, 0xbf}},
    {{0xee, 0xef}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xf0, 0xf0}, {0x90, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xf1, 0xf3}, {0x80, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xf4, 0xf4}, {0x80, 0x8f}, {0x80, 0xbf}, {0x80, 0xbf}},
};

inline bool is_in(std::uint8_t byte, ByteRange range) { return range.lowest <= byte && byte <= range.highest; }

// What validate_utf8 returns for a whole text.
inline std::int32_t validate_utf8(std::span<const std::uint8_t> text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const std::vector<ByteRange>* sequence = nullptr;
    for (const auto& candidate : UTF8_SEQUENCES) {
      if (is_in(text[i], candidate[0])) sequence = &candidate;
    }
    if (sequence == nullptr) return -static_cast<std::int32_t>(i) - 1;
    for (std::size_t k = 1; k < sequence->size(); ++k) {
      const ByteRange range = (*sequence)[k];
      if (i + k == text.size()) {
        return static_cast<std::int32_t>(sequence->size() - k) | range.lowest << 8 | range.highest << 16;
      }
      if (!is_in(text[i + k], range)) return -static_cast<std::int32_t>(i + k) - 1;
    }
    i += sequence->size();
  }
  return 0;
}

using Row = std::array<std::int32_t, layout::ROW_WORDS>;

// A scanner that sees one byte at a time and remembers whole headers.
class Scanner {
 public:
  // Unmasks `chunk` in place and returns its rows; their slot and generation are 0.
  std::vector<Row> scan(std::span<std::uint8_t> chunk) {
    std::vector<Row> rows;
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      if (is_inside_) {
        take_payload_byte(rows, chunk, i);
      } else {
        take_header_byte(rows, chunk[i], i + 1);
      }
    }
    return rows;
  }

 private:
  void take_header_byte(std::vector<Row>& rows, std::uint8_t byte, std::size_t next) {
    header_.push_back(byte);
    if (header_.size() < 2 || header_.size() < header_size()) return;
    const std::size_t extended = extended_size();
    length_ = extended == 0 ? header_[1] & 0x7f : 0;
    for (std::size_t i = 0; i < extended; ++i) length_ = length_ * 256 + header_[2 + i];
    taken_ = 0;
    is_inside_ = length_ != 0;
    rows.push_back(make_row(layout::row_flag::FIRST, next));
    if (!is_inside_) header_.clear();
  }

  void take_payload_byte(std::vector<Row>& rows, std::span<std::uint8_t> chunk, std::size_t i) {
    if ((header_[1] & 0x80) != 0) chunk[i] ^= header_[header_size() - 4 + taken_ % 4];
    ++taken_;
    is_inside_ = taken_ != length_;
    if (rows.empty()) rows.push_back(make_row(0, i));
    Row& row = rows.back();
    row[layout::row::BYTE_LENGTH] += 1;
    if (chunk[i] >= 0x80) row[layout::row::KIND] &= ~layout::row_flag::ASCII;
    if (is_inside_) return;
    row[layout::row::KIND] |= layout::row_flag::LAST;
    header_.clear();
  }

  Row make_row(int first, std::size_t offset) const {
    const int last = is_inside_ ? 0 : layout::row_flag::LAST;
    Row row{};
    const int ascii = (header_[0] & 0x0f) == 2 ? 0 : layout::row_flag::ASCII;
    row[layout::row::KIND] = layout::row_kind::SEGMENT | first | last | ascii;
    row[layout::row::HEADER] = header_[0] | header_[1] << 8;
    row[layout::row::LENGTH_LOW] = static_cast<std::int32_t>(length_ % 0x100000000);
    row[layout::row::LENGTH_HIGH] = static_cast<std::int32_t>(length_ / 0x100000000);
    row[layout::row::OFFSET] = static_cast<std::int32_t>(offset);
    return row;
  }

  std::size_t extended_size() const { return (header_[1] & 0x7f) < 126 ? 0 : (header_[1] & 0x7f) == 126 ? 2 : 8; }
  std::size_t header_size() const { return 2 + extended_size() + ((header_[1] & 0x80) != 0 ? 4 : 0); }

  std::vector<std::uint8_t> header_;
  std::uint64_t length_ = 0;
  std::uint64_t taken_ = 0;
  bool is_inside_ = false;
};

}  // namespace hotsocket::reference
