// Owns an epoll set and a way to wake it. Must not know what its descriptors are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "descriptor.h"

namespace hotsocket {

// One descriptor that is ready; `tag` is what it was added with.
struct Ready {
  std::uint64_t tag;
  bool is_readable;    // bytes, an end or an error can be read
  bool is_hanging_up;  // there is an end or an error to be read, maybe behind bytes: no further edge announces it
  bool is_broken;      // neither side can send any more
  bool is_writable;
};

class Poller {
 public:
  static constexpr std::size_t MAX_READY = 512;
  static constexpr std::uint64_t KICK_TAG = ~std::uint64_t{0};

  Poller();

  // Whether the kernel gave what is needed; if not, nothing else may be called.
  bool is_open() const { return set_.is_open() && kick_.is_open(); }

  // The set's own descriptor, readable while any descriptor in it is ready.
  int number() const { return set_.number(); }

  // Watches a descriptor, edge-triggered, for reading and writing at once: no further call is ever needed. Returns
  // false with errno set on failure. A descriptor leaves the set when it is closed.
  bool add(int descriptor, std::uint64_t tag);

  // Watches a descriptor no longer.
  void remove(int descriptor);

  // Takes what is ready, without waiting. Kicks are taken and not reported.
  std::span<const Ready> poll();

  // Makes the set ready once, so that whoever watches it comes back.
  void kick();

 private:
  Descriptor set_;
  Descriptor kick_;
  Ready ready_[MAX_READY];
};

}  // namespace hotsocket
