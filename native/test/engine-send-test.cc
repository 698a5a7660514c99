// Owns the tests of how the engine writes: what waits, ends, failures, records that lie. The system calls it uses can be
// made to fail here (the linker's --wrap): that is how errors come about which no healthy kernel gives.
#include <cerrno>

#include "engine-harness.h"

namespace {

// What the next calls of sendmsg and recv do: errnos, then as usual. 0 stands for as usual.
std::vector<int> send_errors;
std::vector<int> recv_errors;
// Most bytes of one sendmsg.
std::size_t send_limit = SIZE_MAX;

int take_first(std::vector<int>& errors) {
  if (errors.empty()) return 0;
  const int first = errors.front();
  errors.erase(errors.begin());
  return first;
}

}  // namespace

extern "C" {
ssize_t __real_send(int descriptor, const void* bytes, size_t size, int flags);
ssize_t __real_sendmsg(int descriptor, const msghdr* message, int flags);
ssize_t __real_recv(int descriptor, void* buffer, size_t size, int flags);

ssize_t __wrap_sendmsg(int descriptor, const msghdr* message, int flags) {
  errno = take_first(send_errors);
  if (errno != 0) return -1;
  if (send_limit == SIZE_MAX) return __real_sendmsg(descriptor, message, flags);
  std::size_t size = 0;
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < message->msg_iovlen; ++i) {
    const auto* from = static_cast<const std::uint8_t*>(message->msg_iov[i].iov_base);
    const std::size_t count = std::min(send_limit - size, message->msg_iov[i].iov_len);
    bytes.insert(bytes.end(), from, from + count);
    size += count;
  }
  return __real_send(descriptor, bytes.data(), size, flags);
}

ssize_t __wrap_send(int descriptor, const void* bytes, size_t size, int flags) {
  errno = take_first(send_errors);
  return errno != 0 ? -1 : __real_send(descriptor, bytes, std::min(size, send_limit), flags);
}

ssize_t __wrap_recv(int descriptor, void* buffer, size_t size, int flags) {
  errno = take_first(recv_errors);
  return errno != 0 ? -1 : __real_recv(descriptor, buffer, size, flags);
}
}

namespace hotsocket {
namespace {

namespace row_kind = layout::row_kind;

constexpr std::size_t MEBIBYTE = 1 << 20;

// Reads all that comes at the peer while the engine writes.
Bytes read_all(EngineSubject& subject, const Peer& peer) {
  Bytes all;
  for (std::size_t before = SIZE_MAX; all.size() != before;) {
    before = all.size();
    append(all, peer.read());
    subject.run();
  }
  return all;
}

void sends_records_in_order() {
  EngineSubject subject;
  const auto [first, first_peer] = adopt(subject, unix_pair());
  const auto [second, second_peer] = adopt(subject, unix_pair());
  const auto stuck =
      subject.send({{first, text("a")}, {second, text("1")}, {first, text("b")}, {first, {}}, {second, text("2")}});
  check(stuck.empty(), "all is taken");
  check(first_peer.read() == text("ab") && second_peer.read() == text("12"), "each its own, in order");
}

void sends_more_pieces_than_one_call_takes() {
  EngineSubject subject;
  const auto [slot, peer] = adopt(subject, unix_pair());
  std::vector<std::pair<std::int32_t, Bytes>> pieces;
  Bytes expected;
  for (std::size_t i = 0; i < 1000; ++i) {
    pieces.emplace_back(slot, pattern(i % 5, i));
    append(expected, pieces.back().second);
  }
  check(subject.send(pieces).empty(), "all is taken");
  check(peer.read() == expected, "in order");
}

void keeps_what_the_socket_does_not_take() {
  EngineSubject subject;
  const auto [slot, peer] = adopt(subject, tcp_pair());
  Bytes expected;
  std::uint64_t waiting = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    const Bytes piece = pattern(200'000, i);
    append(expected, piece);
    for (const auto& entry : subject.send({{slot, piece}})) waiting = entry.second;
  }
  const auto lent = std::make_shared<Bytes>(pattern(3 * MEBIBYTE, 99));
  append(expected, text("head"));
  append(expected, *lent);
  waiting += 4 + lent->size();
  check(subject.send_piece(slot, text("head"), lent) == waiting, "a long piece waits behind the others");
  waiting += 3;
  check(subject.send({{slot, text("end")}}) == Stuck{{slot, waiting}}, "and one behind it");
  append(expected, text("end"));
  check(read_all(subject, peer) == expected, "all comes, in order");
  check(lent.use_count() == 1, "what was lent is given back");
  for (const Event& event : subject.events) {
    check(event.kind == row_kind::SENT && event.value <= waiting, "less and less waits");
    waiting = event.value;
  }
  check(subject.events.back().value == 0, "nothing waits at the end");
}

void writes_a_byte_at_a_time() {
  EngineSubject subject;
  const auto [slot, peer] = adopt(subject, unix_pair());
  send_limit = 1;
  check(subject.send({{slot, text("ab")}, {slot, text("cd")}}).empty(), "all is taken");
  send_errors = {EAGAIN};
  check(subject.send({{slot, text("ef")}}).size() == 1, "it waits");
  // No edge will come: the socket was writable all the time. The peer's byte brings one.
  peer.write(masked_frame({}));
  subject.run();
  send_limit = SIZE_MAX;
  check(peer.read() == text("abcdef"), "in order");
  check(subject.events.front().kind == row_kind::SENT && subject.events.front().value == 0, "and tells");
}

void sends_what_is_staged() {
  EngineSubject subject;
  const auto [slot, peer] = adopt(subject, unix_pair());
  const std::int32_t generation = subject.engine.generation(slot);
  const auto record = [&](std::int32_t where, std::int32_t length) { return std::vector{slot, generation, where, length}; };
  std::vector<std::int32_t> records;
  for (const auto& words : {record(0, 2), record(Engine::STAGED + 1, 3), record(2, 1), record(Engine::STAGED, 1),
                            record(Engine::STAGED + 4, 1), record(Engine::STAGED, 5), record(INT32_MAX, 1),
                            record(Engine::STAGED + 1, -1)}) {
    records.insert(records.end(), words.begin(), words.end());
  }
  check(subject.send_records(records, text("abc"), {}, text("1234")).empty(), "all is taken");
  check(peer.read() == text("ab234c1"), "in order, and nothing beyond it");
}

void ends_when_nothing_waits() {
  EngineSubject subject;
  const auto [slot, peer] = adopt(subject, unix_pair());
  const auto [idle, idle_peer] = adopt(subject, unix_pair());
  subject.end(idle);
  check(idle_peer.is_at_end(), "at once if nothing waits");
  while (subject.send({{slot, pattern(100'000)}}).empty()) {}
  subject.end(slot);
  subject.run();
  check(peer.read(1000).size() == 1000, "bytes come first");
  check(!read_all(subject, peer).empty() && peer.is_at_end(), "then the end");
  peer.write(masked_frame(text("still here")));
  subject.run();
  check(subject.payload_of(slot) == text("still here"), "it can be heard for longer");
}

void ends_behind_what_is_sent_next() {
  EngineSubject subject;
  const auto [slot, peer] = adopt(subject, tcp_pair());
  subject.engine.end_behind(slot, subject.engine.generation(slot));
  subject.run();
  check(!peer.is_at_end(), "not before");
  check(subject.send({{slot, text("goodbye")}}).empty(), "all is taken");
  check(read_all(subject, peer) == text("goodbye") && peer.is_at_end(), "bytes, then the end");
  const auto [slow, slow_peer] = adopt(subject, tcp_pair());
  while (subject.send({{slow, pattern(100'000)}}).empty()) {}
  subject.engine.end_behind(slow, subject.engine.generation(slow));
  check(!subject.send({{slow, text("goodbye")}}).empty(), "it waits");
  const Bytes all = read_all(subject, slow_peer);
  check(std::ranges::equal(std::span(all).last(7), text("goodbye")) && slow_peer.is_at_end(), "then, too");
}

void reports_a_failed_write_once() {
  EngineSubject subject;
  auto [slot, peer] = adopt(subject, unix_pair());
  const auto [other, other_peer] = adopt(subject, unix_pair());
  subject.run();
  peer.close();
  // One of many, and the others go out.
  const auto stuck = subject.send({{slot, text("a")}, {other, text("b")}, {slot, text("c")}});
  check(stuck == Stuck{{slot, 2}}, "what a broken socket did not take counts as waiting, not as sent");
  check(other_peer.read() == text("b"), "the other one has its own");
  subject.send({{slot, text("d")}});
  subject.run();
  std::vector<std::uint64_t> errors;
  for (const Event& event : subject.events) {
    if (event.kind == row_kind::ERROR) errors.push_back(event.value);
    check(event.slot == slot && event.kind != row_kind::SENT, "nothing is said to be sent");
  }
  check(errors == std::vector<std::uint64_t>{EPIPE}, "one error");
}

void fails_when_the_peer_resets_what_waits() {
  EngineSubject subject;
  auto [slot, peer] = adopt(subject, tcp_pair());
  while (subject.send({{slot, pattern(100'000)}}).empty()) {}
  const auto lent = std::make_shared<Bytes>(pattern(MEBIBYTE));
  subject.send_piece(slot, text("head"), lent);
  peer.reset();
  subject.run();
  check(subject.count(slot, row_kind::ERROR) >= 1, "an error");
  check(subject.count(slot, row_kind::SENT) == 0, "nothing is said to be sent");
  subject.close(slot);
  check(lent.use_count() == 1, "what was lent is given back");
}

void fails_when_what_was_lent_is_gone() {
  EngineSubject subject;
  const auto [slot, peer] = adopt(subject, tcp_pair());
  while (subject.send({{slot, pattern(100'000)}}).empty()) {}
  const auto lent = std::make_shared<Bytes>(pattern(MEBIBYTE));
  subject.send_piece(slot, text("head"), lent);
  lent->clear();
  read_all(subject, peer);
  check(subject.count(slot, row_kind::ERROR) == 1, "an error instead of a gap");
}

void sends_pieces_between_bytes_of_the_arena() {
  EngineSubject subject;
  const auto [slot, peer] = adopt(subject, unix_pair());
  const auto [other, other_peer] = adopt(subject, unix_pair());
  const std::int32_t first = subject.engine.generation(slot), second = subject.engine.generation(other);
  const auto piece = std::make_shared<Bytes>(text("PIECE"));
  const auto stuck = subject.send_records({slot, first, 0, 2, slot, first, ~0, 5, other, second, ~0, 3, slot, first, 2, 1,
                                           slot, first, ~1, 4},
                                          text("abc"), {piece, std::make_shared<Bytes>(text("last"))});
  check(stuck.empty() && peer.read() == text("abPIECEclast"), "in order");
  check(other_peer.read() == text("PIE"), "as much as the record says");
  check(piece.use_count() == 1, "nothing is kept");
}

void keeps_long_pieces_and_copies_short_ones() {
  EngineSubject subject;
  const auto [slot, peer] = adopt(subject, tcp_pair());
  Bytes expected;
  for (bool is_full = false; !is_full;) {
    is_full = !subject.send({{slot, pattern(100'000)}}).empty();
    append(expected, pattern(100'000));
  }
  const auto longer = std::make_shared<Bytes>(pattern(20'000)), shorter = std::make_shared<Bytes>(pattern(10'000, 5));
  subject.send_piece(slot, text("head"), longer);
  subject.send_piece(slot, text("next"), shorter);
  check(longer.use_count() == 2 && shorter.use_count() == 1, "a reference or a copy");
  shorter->clear();
  for (const Bytes& bytes : {text("head"), *longer, text("next"), pattern(10'000, 5)}) append(expected, bytes);
  check(read_all(subject, peer) == expected && longer.use_count() == 1, "all comes, and what was lent is given back");
}

void fails_where_a_piece_is_gone() {
  const auto piece = std::make_shared<Bytes>(text("piece"));
  // No such piece; one that is shorter than the record says.
  for (const std::int32_t where : {~1, -0x7fffffff - 1, ~0}) {
    EngineSubject subject;
    const auto [slot, peer] = adopt(subject, unix_pair());
    const auto [other, other_peer] = adopt(subject, unix_pair());
    const std::int32_t generation = subject.engine.generation(slot);
    const auto stuck = subject.send_records(
        {slot, generation, 0, 2, slot, generation, where, 6, slot, generation, 0, 3,
         other, subject.engine.generation(other), ~0, 5}, text("abc"), {piece});
    check(stuck == Stuck{{slot, 9}}, "what was not sent counts as waiting");
    check(peer.read() == text("ab") && other_peer.read() == text("piece"), "nothing behind the gap; the other has its own");
    subject.run();
    check(subject.count(slot, row_kind::ERROR) == 1 && subject.events.size() == 1, "one error");
  }
}

void gives_up_one_socket_when_the_kernel_has_no_memory() {
  for (const int error : {ENOBUFS, ENOMEM}) {
    EngineSubject subject;
    const auto [slot, peer] = adopt(subject, unix_pair());
    const auto [other, other_peer] = adopt(subject, unix_pair());
    send_errors = {error};
    subject.send({{slot, text("a")}, {other, text("b")}});
    check(other_peer.read() == text("b"), "the other one has its own");
    recv_errors = {error};
    other_peer.write(masked_frame(text("x")));
    subject.run();
    check(subject.events.size() == 2, "both are reported");
    for (const Event& event : subject.events) {
      check(event.kind == row_kind::ERROR && event.value == static_cast<std::uint64_t>(error), "by name");
    }
  }
}

void goes_on_after_signals() {
  EngineSubject subject;
  const auto [slot, peer] = adopt(subject, unix_pair());
  send_errors = {EINTR, EINTR};
  recv_errors = {EINTR, EINTR};
  subject.send({{slot, text("out")}});
  peer.write(masked_frame(text("in")));
  subject.run();
  check(peer.read() == text("out") && subject.payload_of(slot) == text("in"), "both ways");
}

void reads_nothing_where_a_record_lies() {
  EngineSubject subject;
  const auto [slot, peer] = adopt(subject, unix_pair());
  const std::int32_t generation = subject.engine.generation(slot);
  const Bytes arena = text("arena");
  constexpr std::int32_t HUGE = 0x7fffffff, LOWEST = -0x7fffffff - 1;
  for (const std::int32_t number : {-1, 1, 2, HUGE, LOWEST}) {
    check(subject.send_records({number, generation, 0, 5}, arena).empty(), "a wrong slot");
    check(subject.send_records({slot, number, 0, 5}, arena).empty(), "a wrong generation");
  }
  for (const std::int32_t offset : {6, HUGE, LOWEST, -1}) {
    check(subject.send_records({slot, generation, offset, 0}, arena).empty(), "a wrong place of nothing");
    check(offset < 0 || subject.send_records({slot, generation, offset, 1}, arena).empty(), "a wrong offset");
    check(subject.send_records({slot, generation, 0, offset}, arena).empty(), "a wrong length");
    check(subject.send_records({slot, generation, 5, offset}, arena).empty(), "a wrong length at the end");
  }
  check(peer.read().empty(), "nothing was sent");
  check(subject.send_records({slot, generation, 0, 9, slot, generation, 2, 3}, arena).empty(), "the sound one goes out");
  check(peer.read() == text("ena"), "alone");
}

void sends_to_a_socket_that_a_batch_has_closed() {
  EngineSubject subject;
  std::vector<Adopted> sockets;
  for (int i = 0; i < 4; ++i) {
    sockets.push_back(adopt(subject, unix_pair()));
    sockets.back().peer.write(masked_frame(text("x")));
  }
  std::vector<std::int32_t> records;
  for (const Adopted& socket : sockets) {
    for (const std::int32_t word : {socket.slot, subject.engine.generation(socket.slot), 0, 1}) records.push_back(word);
  }
  subject.onevent = [&](const Event& event) {
    subject.close(event.slot);
    subject.send_records(records, text("y"));
  };
  subject.run();
  for (std::size_t i = 0; i < 4; ++i) check(sockets[i].peer.read().size() <= 3, "nothing after its end");
  check(subject.engine.socket_count() == 0 && subject.events.size() == 4, "each spoke once");
}

}  // namespace
}  // namespace hotsocket

int main() {
  using namespace hotsocket;
  sends_records_in_order();
  sends_more_pieces_than_one_call_takes();
  keeps_what_the_socket_does_not_take();
  writes_a_byte_at_a_time();
  sends_what_is_staged();
  ends_when_nothing_waits();
  ends_behind_what_is_sent_next();
  reports_a_failed_write_once();
  fails_when_the_peer_resets_what_waits();
  fails_when_what_was_lent_is_gone();
  sends_pieces_between_bytes_of_the_arena();
  keeps_long_pieces_and_copies_short_ones();
  fails_where_a_piece_is_gone();
  gives_up_one_socket_when_the_kernel_has_no_memory();
  goes_on_after_signals();
  reads_nothing_where_a_record_lies();
  sends_to_a_socket_that_a_batch_has_closed();
}
