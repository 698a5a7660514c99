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

// Memory of others that is to be sent, by number.
class Pieces {
 public:
  virtual ~Pieces() = default;
  // The bytes as they are now; none if there is no piece of that number. Valid until control returns to the owner.
  virtual std::span<const std::uint8_t> bytes(std::size_t index) const = 0;
  // The same for as long as they are needed; null if there is none.
  virtual std::unique_ptr<Kept> keep(std::size_t index) const = 0;
};

// A queue of bytes: in blocks of its own, or kept by others.
class Outgoing {
 public:
  static constexpr std::size_t MAX_PARTS = 64;

  std::size_t size() const { return size_; }

  // Copies bytes to the end.
  void append(std::span<const std::uint8_t> bytes);

  // Appends what `kept` has from `begin` to `end`, without a copy. Null stands for bytes that are gone: they count.
  void append(std::unique_ptr<Kept> kept, std::size_t begin, std::size_t end);

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
    std::unique_ptr<Kept> kept;  // instead of `own`; neither is there if the bytes are gone
    std::size_t capacity;        // 0 of kept ones
    std::size_t begin;
    std::size_t end;
  };

  std::deque<Block> blocks_;
  std::size_t size_ = 0;
};

}  // namespace hotsocket
