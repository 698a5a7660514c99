// Owns waiting for sockets: who is ready, for so long. Must not know what is done with them.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "process.h"

class Poller {
 public:
  /// Registers a socket for both directions, edge-triggered, under a number of its own.
  void watch(int fd, uint64_t number) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u64 = number;
    if (epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event) != 0) fail_errno("epoll_ctl");
  }

  /// Waits at most so long, and calls `on_ready(number, events)` for each socket that is.
  template <typename OnReady>
  void wait(int milliseconds, const OnReady& on_ready) {
    std::array<epoll_event, 512> events;
    const int count = epoll_wait(poll_, events.data(), static_cast<int>(events.size()), milliseconds);
    if (count < 0 && errno != EINTR) fail_errno("epoll_wait");
    for (int i = 0; i < count; i++) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      on_ready(event.data.u64, event.events);
    }
  }

  /// The same, again and again for so long.
  template <typename OnReady>
  void run(size_t milliseconds, const OnReady& on_ready) {
    const uint64_t end = now_ns() + milliseconds * 1'000'000;
    while (now_ns() < end) wait(100, on_ready);
  }

 private:
  int poll_ = epoll_create1(EPOLL_CLOEXEC);
};
