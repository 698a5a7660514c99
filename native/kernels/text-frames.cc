#include "text-frames.h"

#include <algorithm>
#include <cstring>

namespace hotsocket {
namespace {

constexpr std::uint8_t FINAL_TEXT = 0x81;
constexpr std::size_t SHORT_BYTES = 125;
constexpr std::size_t PAIR_BYTES = 4;
constexpr std::uint8_t REPLACEMENT[] = {0xef, 0xbf, 0xbd};

// The length of the character that a byte begins.
std::size_t length_of(std::uint8_t first) {
  if (first < 0x80) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : PAIR_BYTES;
}

}  // namespace

bool TextFramer::add(std::size_t unit_count) {
  std::size_t units = unit_count;
  const bool has_low_half = is_amid_pair_ && units > 0;
  std::size_t begin = 0;
  if (has_low_half) {
    begin = PAIR_BYTES;
    --units;
  }
  bool has_high_half = false;
  const std::size_t end = is_ascii_ ? begin + units : skip_units(begin, units, has_high_half);
  if (end > utf8_.size()) return false;
  const std::size_t halves = (has_low_half ? 1 : 0) + (has_high_half ? 1 : 0);
  const std::size_t size = end - begin + halves * sizeof REPLACEMENT;
  if (size > 0xffff || to_.size() - size_ < size + 4) return false;
  put(FINAL_TEXT);
  if (size <= SHORT_BYTES) {
    put(static_cast<std::uint8_t>(size));
  } else {
    put(126);
    put(static_cast<std::uint8_t>(size >> 8));
    put(static_cast<std::uint8_t>(size));
  }
  if (has_low_half) put_replacement();
  if (end > begin) std::memcpy(&to_[size_], &utf8_[begin], end - begin);
  size_ += end - begin;
  if (has_high_half) put_replacement();
  if (unit_count > 0) is_amid_pair_ = has_high_half;
  utf8_ = utf8_.subspan(end);
  return true;
}

// Returns where `units` end that begin at `begin`, a number beyond the bytes if they do not end there. `has_high_half`: the last
// one is the first half of the pair that stands there.
std::size_t TextFramer::skip_units(std::size_t begin, std::size_t units, bool& has_high_half) const {
  std::size_t end = begin;
  while (units > 0 && end < utf8_.size()) {
    const std::size_t length = length_of(utf8_[end]);
    has_high_half = length == PAIR_BYTES && units == 1;
    if (has_high_half) return end;
    end += length;
    units -= length == PAIR_BYTES ? 2 : 1;
  }
  return units == 0 ? end : utf8_.size() + 1;
}

void TextFramer::put_replacement() {
  for (const std::uint8_t byte : REPLACEMENT) put(byte);
}

}  // namespace hotsocket
