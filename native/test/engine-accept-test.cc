// Owns the tests of how the engine accepts: listeners, raw rows, upgrades, sockets given away, and what the kernel refuses.
#include <cerrno>

#include "engine-harness.h"

namespace hotsocket {
namespace {

namespace row_kind = layout::row_kind;

// What the next calls of accept4 fail with; 0: not at all.
std::vector<int> accept_errors;

// A listener of the engine's, and who connects to it.
struct Door {
  EngineSubject subject;
  Listener listener{AF_INET};
  std::int32_t number;

  Door() : number(subject.engine.listen(Descriptor(dup(listener.number())))) { check(number >= 0, "it listens"); }

  std::vector<std::int32_t> slots() const {
    std::vector<std::int32_t> found;
    for (const Event& event : subject.events) {
      if (event.kind == row_kind::OPEN) found.push_back(event.slot);
    }
    return found;
  }

  Bytes raw(std::int32_t slot) const {
    Bytes all;
    for (const Event& event : subject.events) {
      if (event.slot == slot && event.kind == row_kind::RAW) append(all, event.bytes);
    }
    return all;
  }

  void upgrade(std::int32_t slot, const Bytes& head = {}) {
    subject.engine.upgrade(slot, subject.engine.generation(slot), head);
  }
};

void accepts_and_reads_raw() {
  Door door;
  const Peer first = door.listener.connect(), second = door.listener.connect();
  first.write(text("GET / HTTP/1.1"));
  door.subject.run();
  const std::vector<std::int32_t> slots = door.slots();
  check(slots.size() == 2 && slots[0] != slots[1], "a row for each");
  check(door.subject.events[0].value == static_cast<std::uint64_t>(door.number), "it names the listener");
  check(door.raw(slots[0]) == text("GET / HTTP/1.1") && door.raw(slots[1]).empty(), "bytes as they came");
  first.write(text(" more"));
  door.subject.run();
  check(door.subject.count(slots[0], row_kind::RAW) == 1, "paused after a raw row");
  door.subject.resume(slots[0]);
  door.subject.run();
  check(door.raw(slots[0]) == text("GET / HTTP/1.1 more"), "and goes on when told to");
}

void tells_the_peer() {
  Door door;
  const Peer peer = door.listener.connect();
  door.subject.run();
  sockaddr_in name{};
  socklen_t size = sizeof name;
  check(getsockname(peer.number(), reinterpret_cast<sockaddr*>(&name), &size) == 0, "the peer has a name");
  std::array<char, SocketAddress::TEXT_BYTES> address{};
  const auto& known = door.subject.engine.peer(door.slots()[0]);
  check(known.write(address) && std::string_view(address.data()) == "127.0.0.1", "its address");
  check(known.port == ntohs(name.sin_port), "its port");
}

void tells_its_own_end() {
  Door door;
  const Peer peer = door.listener.connect();
  door.subject.run();
  sockaddr_in name{};
  socklen_t size = sizeof name;
  check(getpeername(peer.number(), reinterpret_cast<sockaddr*>(&name), &size) == 0, "its end has a name");
  std::array<char, SocketAddress::TEXT_BYTES> address{};
  const auto own = door.subject.engine.local(door.slots()[0]);
  check(own.write(address) && std::string_view(address.data()) == "127.0.0.1", "its address");
  check(own.port == ntohs(name.sin_port), "its port");
  check(!address_from(sockaddr_storage{}).is_ip && !local_of(-1).is_ip, "what has no address");
}

void upgrades_with_what_came_behind() {
  Door door;
  const Peer peer = door.listener.connect();
  const Bytes frames = repeat(masked_frame(text("frame")), 3);
  Bytes request = text("GET");
  append(request, std::span(frames).first(20));
  peer.write(request);
  door.subject.run();
  const std::int32_t slot = door.slots()[0];
  const Bytes raw = door.raw(slot);
  peer.write(std::span(frames).subspan(20));
  door.upgrade(slot, Bytes(raw.begin() + 3, raw.end()));
  door.subject.run();
  check(door.subject.payload_of(slot).empty(), "it is paused");
  door.subject.resume(slot);
  door.subject.run();
  check(door.subject.payload_of(slot) == text("frameframeframe"), "no byte is lost or read twice");
  door.upgrade(slot, text("again"));
  door.subject.run();
  check(door.subject.payload_of(slot) == text("frameframeframe"), "only once");
}

void gives_a_socket_away() {
  Door door;
  const Peer peer = door.listener.connect();
  door.subject.run();
  const std::int32_t slot = door.slots()[0], generation = door.subject.engine.generation(slot);
  const Peer released(door.subject.engine.release(slot, generation));
  check(released.number() >= 0 && door.subject.engine.socket_count() == 0, "the slot is free");
  check(!door.subject.engine.release(slot, generation).is_open(), "only once");
  const std::size_t event_count = door.subject.events.size();
  peer.write(text("to the new owner"));
  door.subject.run();
  check(door.subject.events.size() == event_count, "the engine watches it no longer");
  check(released.read() == text("to the new owner"), "the new owner reads");
}

void tells_of_a_reset_while_paused() {
  Door door;
  Peer peer = door.listener.connect();
  peer.write(text("GET"));
  door.subject.run();
  peer.reset();
  door.subject.run();
  check(door.subject.count(door.slots()[0], row_kind::ERROR) == 1, "whoever decides about it learns");
}

void accepts_many_in_turns() {
  Door door;
  std::vector<Peer> peers;
  for (int i = 0; i < 400; ++i) peers.push_back(door.listener.connect());
  door.subject.turn();
  const std::size_t first = door.slots().size();
  check(first > 0 && first < 400, "a part in each turn");
  door.subject.run();
  check(door.slots().size() == 400, "all in the end");
}

void stops_listening() {
  Door door;
  const Peer accepted = door.listener.connect();
  door.subject.run();
  const Peer waiting = door.listener.connect();
  door.subject.engine.stop_listening(door.number);
  door.subject.run();
  check(door.slots().size() == 1 && door.subject.engine.listener_count() == 0, "accepts no more");
  accepted.write(text("GET"));
  door.subject.run();
  check(door.raw(door.slots()[0]) == text("GET"), "what it accepted lives on");
  door.subject.engine.stop_listening(door.number);
  door.subject.engine.accept_again(door.number);
  door.subject.engine.accept_again(12345);
}

void goes_on_behind_a_lost_socket() {
  Door door;
  const Peer peer = door.listener.connect();
  accept_errors = {ECONNABORTED, EINTR, EPROTO};
  door.subject.run();
  check(door.slots().size() == 1 && door.subject.count(door.number, row_kind::REFUSED) == 0, "errors of one are no news");
}

void waits_for_memory() {
  for (const int error : {ENOBUFS, ENOMEM, EINVAL}) {
    Door door;
    const Peer peer = door.listener.connect();
    accept_errors = {error};
    door.subject.run();
    check(door.slots().empty() && door.subject.count(door.number, row_kind::REFUSED) == 1, "one row, no busy loop");
    check(door.subject.events[0].value == static_cast<std::uint64_t>(error), "which says why");
    door.subject.engine.accept_again(door.number);
    door.subject.run();
    check(door.slots().size() == 1, "the peer has waited");
  }
}

void sheds_when_descriptors_run_out() {
  Door door;
  const Peer first = door.listener.connect(), second = door.listener.connect();
  accept_errors = {EMFILE};
  door.subject.run();
  check(door.slots().empty() && door.subject.count(door.number, row_kind::REFUSED) == 1, "none is accepted");
  check(first.is_at_end() && second.is_at_end(), "those who waited are told");
  const Peer third = door.listener.connect();
  door.subject.run();
  check(door.slots().size() == 1, "the next one gets in");
}

void closes_all() {
  Door door;
  const Peer peer = door.listener.connect();
  door.subject.run();
  door.subject.engine.close_all();
  check(peer.is_at_end() && door.subject.engine.listener_count() == 0, "sockets and listeners");
}

}  // namespace
}  // namespace hotsocket

extern "C" {
int __real_accept4(int, sockaddr*, socklen_t*, int);
int __wrap_accept4(int descriptor, sockaddr* name, socklen_t* length, int flags) {
  auto& errors = hotsocket::accept_errors;
  if (errors.empty()) return __real_accept4(descriptor, name, length, flags);
  errno = errors.front();
  errors.erase(errors.begin());
  return -1;
}
}

int main() {
  using namespace hotsocket;
  accepts_and_reads_raw();
  tells_the_peer();
  tells_its_own_end();
  upgrades_with_what_came_behind();
  gives_a_socket_away();
  tells_of_a_reset_while_paused();
  accepts_many_in_turns();
  stops_listening();
  goes_on_behind_a_lost_socket();
  waits_for_memory();
  sheds_when_descriptors_run_out();
  closes_all();
  return 0;
}
