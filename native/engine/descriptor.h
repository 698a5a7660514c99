// Owns one file descriptor: closed when its owner goes. Must not know what the descriptor is.
#pragma once

#include <unistd.h>

#include <utility>

namespace hotsocket {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }

  // Returns the number, for whose closing the caller answers from here on.
  int release() { return std::exchange(number_, -1); }

  void close() {
    // Linux frees the number even when close reports an error, so it is never tried again.
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

 private:
  int number_ = -1;
};

}  // namespace hotsocket
