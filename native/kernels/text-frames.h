// Owns the framing of many short texts at once, which were encoded as one. Must not know where they come from or go to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hotsocket {

// Makes a frame (FIN, text, not masked; RFC 6455 §5.2) of one text after the other.
class TextFramer {
 public:
  // Bytes that a frame may have beyond those of its text: a header, and what becomes of a cut surrogate pair.
  static constexpr std::size_t EXTRA_BYTES = 4 + 6;

  // `utf8`: all texts, one behind the other, encoded as one; `unit_count`: how many UTF-16 units these were. `to`: as long as
  // `utf8`, and EXTRA_BYTES more for each text.
  TextFramer(std::span<const std::uint8_t> utf8, std::size_t unit_count, std::span<std::uint8_t> to)
      : utf8_(utf8), to_(to), is_ascii_(utf8.size() == unit_count) {}

  // Frames the next text, which has `unit_count` UTF-16 units. A surrogate pair whose halves are of two texts was encoded as one
  // character; each text gets U+FFFD for its half, as if it had been encoded by itself. Returns false, and adds nothing, if so many
  // units are not left, or the frame would be longer than 65 535 bytes.
  bool add(std::size_t unit_count);

  // Bytes of all frames so far.
  std::size_t size() const { return size_; }

 private:
  std::size_t skip_units(std::size_t begin, std::size_t units, bool& has_high_half) const;
  void put(std::uint8_t byte) { to_[size_++] = byte; }
  void put_replacement();

  std::span<const std::uint8_t> utf8_;
  std::span<std::uint8_t> to_;
  std::size_t size_ = 0;
  bool is_ascii_;
  // The last text ended between the halves of the pair that comes next.
  bool is_amid_pair_ = false;
};

}  // namespace hotsocket
