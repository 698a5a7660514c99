#include "poller.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

namespace hotsocket {

Poller::Poller() : set_(epoll_create1(EPOLL_CLOEXEC)), kick_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!is_open()) return;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = KICK_TAG;
  if (epoll_ctl(set_.number(), EPOLL_CTL_ADD, kick_.number(), &event) != 0) kick_.close();
}

bool Poller::add(int descriptor, std::uint64_t tag) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = tag;
  return epoll_ctl(set_.number(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void Poller::remove(int descriptor) {
  static_cast<void>(epoll_ctl(set_.number(), EPOLL_CTL_DEL, descriptor, nullptr));
}

std::span<const Ready> Poller::poll() {
  epoll_event events[MAX_READY];
  const int count = epoll_wait(set_.number(), events, MAX_READY, 0);
  std::size_t size = 0;
  for (int i = 0; i < count; ++i) {
    const std::uint32_t flags = events[i].events;
    if (events[i].data.u64 == KICK_TAG) {
      std::uint64_t value;
      static_cast<void>(read(kick_.number(), &value, sizeof value));
      continue;
    }
    const bool is_broken = (flags & (EPOLLHUP | EPOLLERR)) != 0;
    const bool is_hanging_up = is_broken || (flags & EPOLLRDHUP) != 0;
    const bool is_readable = is_hanging_up || (flags & EPOLLIN) != 0;
    ready_[size++] = {events[i].data.u64, is_readable, is_hanging_up, is_broken, (flags & EPOLLOUT) != 0};
  }
  return {ready_, size};
}

void Poller::kick() {
  const std::uint64_t one = 1;
  static_cast<void>(write(kick_.number(), &one, sizeof one));
}

}  // namespace hotsocket
