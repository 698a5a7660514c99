// Owns the bytes that one socket has not taken yet. Must not know what they mean.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>

namespace hotsocket {

// Bytes that somebody else owns and keeps for as long as this object lives, unless they go elsewhere.
class Kept {
 public:
  virtual ~Kept() = default;
  // The bytes as they are now: their owner may have moved them away, then there are fewer than there were. Valid until
  // control returns to the owner.
  virtual std::span<std::uint8_t> bytes() const = 0;
};

// A queue of bytes: in blocks of its own, or kept by others.
class Outgoing {
 public:
  static constexpr std::size_t MAX_PARTS = 64;

  std::size_t size() const { return size_; }

  // Copies bytes to the end.
  void append(std::span<const std::uint8_t> bytes);

  // Appends what `kept` has from `begin` on, without a copy.
  void append(std::unique_ptr<Kept> kept, std::size_t begin);

  // Fills `parts` with what is at the front, for one write. Returns how many; 0 if there is none, or if the bytes at the
  // front are gone.
  std::size_t front(std::span<iovec> parts) const;

  // Moves bytes of own blocks from the front to `room`. Returns how many.
  std::size_t take(std::span<std::uint8_t> room);

  // Drops bytes from the front.
  void drop(std::size_t count);

 private:
  struct Block {
    std::unique_ptr<std::uint8_t[]> own;
    std::unique_ptr<Kept> kept;  // instead of `own`
    std::size_t capacity;        // 0 of kept ones
    std::size_t begin;
    std::size_t end;
  };

  std::deque<Block> blocks_;
  std::size_t size_ = 0;
};

}  // namespace hotsocket
