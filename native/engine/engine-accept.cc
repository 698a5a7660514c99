// Owns the engine's accepting: sockets of listeners become slots, raw until they are upgraded. See engine.h.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "engine.h"
#include "tags.h"

namespace hotsocket {
namespace {

namespace row = layout::row;
namespace row_kind = layout::row_kind;

// Sockets accepted of one listener in one turn: those that are open have their turn, too.
constexpr int MAX_ACCEPTS = 128;

// Sockets refused in one turn for want of descriptors.
constexpr int MAX_REFUSALS = 1024;
// Most bytes of one raw read: a whole head, unless it is an unusual one.
constexpr std::size_t MAX_RAW_BYTES = 16 * 1024;

// Whether an error of accept is about one socket, which was lost before it was accepted (accept(2)).
bool is_of_one(int error) {
  switch (error) {
    case ECONNABORTED: case EINTR: case EPERM: case EPROTO: case ENOPROTOOPT: case EOPNOTSUPP:
    case ENETDOWN: case ENETUNREACH: case EHOSTDOWN: case EHOSTUNREACH: case ENONET:
      return true;
    default:
      return false;
  }
}

int accept_one(int descriptor, sockaddr_storage& name) {
  socklen_t length = sizeof name;
  return accept4(descriptor, reinterpret_cast<sockaddr*>(&name), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

Descriptor open_reserve() { return Descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace

std::int32_t Engine::listen(Descriptor descriptor) {
  const std::int32_t number = listeners_made_;
  if (!poller_.add(descriptor.number(), tag_of_listener(number))) return -1;
  // Sockets that are accepted inherit it. A unix socket has no such option, and needs none.
  const int on = 1;
  static_cast<void>(setsockopt(descriptor.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  if (!reserve_.is_open()) reserve_ = open_reserve();
  ++listeners_made_;
  listeners_.push_back({std::move(descriptor), number, true});
  poller_.kick();
  return number;
}

Engine::Listener* Engine::find_listener(std::int32_t number) {
  const auto found =
      std::find_if(listeners_.begin(), listeners_.end(), [&](const Listener& l) { return l.number == number; });
  return found == listeners_.end() ? nullptr : &*found;
}

void Engine::accept_again(std::int32_t listener) {
  Listener* found = find_listener(listener);
  if (found == nullptr) return;
  found->is_ready = true;
  poller_.kick();
}

void Engine::stop_listening(std::int32_t listener) {
  std::erase_if(listeners_, [&](const Listener& l) { return l.number == listener; });
}

// Nothing is delivered meanwhile: the list of listeners stays as it is.
void Engine::accept_ready(const EngineMemory& memory) {
  for (Listener& listener : listeners_) {
    int count = 0;
    while (listener.is_ready && count++ < MAX_ACCEPTS && rows_left(memory) > 1) {
      if (!accept_next(listener, memory)) break;
    }
  }
}

// Accepts one socket. Returns false if none can be had.
bool Engine::accept_next(Listener& listener, const EngineMemory& memory) {
  sockaddr_storage name{};
  Descriptor accepted(accept_one(listener.descriptor.number(), name));
  if (accepted.is_open()) {
    const std::int32_t slot = occupy(std::move(accepted), address_from(name));
    if (slot < 0) return true;  // The epoll set takes no more: this one is closed.
    at(slot).is_raw = true;
    add_row(slot, row_kind::OPEN, static_cast<std::uint32_t>(listener.number), memory);
    return true;
  }
  if (is_of_one(errno)) return true;
  listener.is_ready = false;
  if (errno != EAGAIN) refuse(listener, errno, memory);
  return false;
}

// The kernel lacks something, and those who wait go on waiting until somebody calls `accept_again`. Where it is descriptors,
// they get an end instead.
void Engine::refuse(Listener& listener, int error, const EngineMemory& memory) {
  begin_row(listener.number, row_kind::REFUSED, static_cast<std::uint32_t>(error), memory);
  if (error == EMFILE || error == ENFILE) shed(listener);
}

// Gives the descriptor held in reserve up to accept and close.
void Engine::shed(const Listener& listener) {
  if (!reserve_.is_open()) return;
  reserve_.close();
  sockaddr_storage name{};
  for (int i = 0; i < MAX_REFUSALS; ++i) {
    const Descriptor refused(accept_one(listener.descriptor.number(), name));
    if (!refused.is_open()) break;
  }
  reserve_ = open_reserve();
}

// Reads into the arena, for one row; more comes when somebody resumes.
void Engine::read_raw(std::int32_t slot, std::span<std::uint8_t> room, const EngineMemory& memory) {
  const std::size_t size = receive(slot, room.first(std::min(room.size(), MAX_RAW_BYTES)), memory);
  if (size == 0) return;
  const std::span<std::int32_t> added = add_row(slot, row_kind::RAW, 0, memory);
  added[row::OFFSET] = static_cast<std::int32_t>(arena_used_);
  added[row::BYTE_LENGTH] = static_cast<std::int32_t>(size);
  arena_used_ += size;
  at(slot).is_paused = true;
}

void Engine::upgrade(std::int32_t slot, std::int32_t generation, std::span<const std::uint8_t> head) {
  if (!is_live(slot, generation) || !at(slot).is_raw) return;
  Slot& found = at(slot);
  found.is_raw = false;
  found.is_paused = true;
  if (!head.empty()) put_head(found, head);
}

Descriptor Engine::release(std::int32_t slot, std::int32_t generation) {
  if (!is_live(slot, generation)) return {};
  Descriptor released = std::move(at(slot).descriptor);
  poller_.remove(released.number());
  vacate(slot);
  return released;
}

}  // namespace hotsocket
