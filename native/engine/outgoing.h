// Owns the bytes that one socket has not taken yet. Must not know what they mean.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>

namespace hotsocket {

// A queue of bytes in blocks of its own.
class Outgoing {
 public:
  static constexpr std::size_t MAX_PARTS = 64;

  std::size_t size() const { return size_; }

  // Copies bytes to the end.
  void append(std::span<const std::uint8_t> bytes);

  // Fills `parts` with what is at the front, for one write. Returns how many.
  std::size_t front(std::span<iovec> parts) const;

  // Moves bytes from the front to `room`. Returns how many.
  std::size_t take(std::span<std::uint8_t> room);

  // Drops bytes from the front.
  void drop(std::size_t count);

 private:
  struct Block {
    std::unique_ptr<std::uint8_t[]> bytes;
    std::size_t capacity;
    std::size_t begin;
    std::size_t end;
  };

  std::deque<Block> blocks_;
  std::size_t size_ = 0;
};

}  // namespace hotsocket
