// Owns a growing run of bytes that is never filled with zeros and reports a failed allocation instead of throwing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>

namespace hotsocket {

class ByteBuffer {
 public:
  std::span<const std::uint8_t> bytes() const { return {data_.get(), size_}; }
  std::size_t size() const { return size_; }

  // The memory behind the bytes. Valid until the next `reserve` or `release`.
  std::span<std::uint8_t> room() { return {data_.get() + size_, capacity_ - size_}; }

  // Counts the first `count` bytes of the room as written.
  void commit(std::size_t count) { size_ += count; }

  // Takes back the last `count` bytes, which are there.
  void drop(std::size_t count) { size_ -= count; }

  void clear() { size_ = 0; }

  // Makes the capacity `capacity` bytes, if it is less. False if there is no memory; nothing is lost then.
  bool reserve(std::size_t capacity) {
    if (capacity <= capacity_) return true;
    auto* const grown = static_cast<std::uint8_t*>(std::realloc(data_.get(), capacity));
    if (grown == nullptr) return false;
    static_cast<void>(data_.release());  // realloc has freed it
    data_.reset(grown);
    capacity_ = capacity;
    return true;
  }

  // Doubles the capacity, to at least `least` and at most `most` bytes.
  bool grow(std::size_t least, std::size_t most) {
    const std::size_t doubled = capacity_ > most / 2 ? most : capacity_ * 2;
    return reserve(std::min(std::max(doubled, least), most));
  }

  bool append(std::span<const std::uint8_t> bytes) {
    if (!reserve(size_ + bytes.size())) return false;
    std::ranges::copy(bytes, data_.get() + size_);
    size_ += bytes.size();
    return true;
  }

  // Forgets the bytes, and the memory, too, if it is more than `capacity` bytes.
  void release(std::size_t capacity) {
    size_ = 0;
    if (capacity_ <= capacity) return;
    data_.reset();
    capacity_ = 0;
  }

 private:
  struct Free {
    void operator()(std::uint8_t* data) const { std::free(data); }
  };
  std::unique_ptr<std::uint8_t[], Free> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace hotsocket
