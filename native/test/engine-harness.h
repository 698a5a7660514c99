// Owns what the tests and the fuzzer of the engine share: an engine with memory, what it said, and sockets to talk to it.
// Must not know Node-API.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../engine/engine.h"
#include "check.h"

namespace hotsocket {

using Bytes = std::vector<std::uint8_t>;

inline Bytes text(std::string_view characters) { return {characters.begin(), characters.end()}; }

inline Bytes pattern(std::size_t byte_length, std::size_t seed = 0) {
  Bytes bytes(byte_length);
  for (std::size_t i = 0; i < byte_length; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + (i >> 8) + seed);
  return bytes;
}

inline void append(Bytes& to, std::span<const std::uint8_t> from) { to.insert(to.end(), from.begin(), from.end()); }

inline Bytes repeat(const Bytes& bytes, std::size_t count) {
  Bytes all;
  for (std::size_t i = 0; i < count; ++i) append(all, bytes);
  return all;
}

// A final frame as a client sends it (RFC 6455 §5.2).
inline Bytes masked_frame(std::span<const std::uint8_t> payload, std::uint8_t opcode = 2) {
  const std::array<std::uint8_t, 4> key = {0x37, 0xfa, 0x21, 0x3d};
  Bytes frame = {static_cast<std::uint8_t>(0x80 | opcode)};
  const std::size_t size = payload.size();
  const std::size_t extended = size < 126 ? 0 : size < 65'536 ? 2 : 8;
  frame.push_back(static_cast<std::uint8_t>(0x80 | (extended == 0 ? size : extended == 2 ? 126 : 127)));
  for (std::size_t i = extended; i-- > 0;) frame.push_back(static_cast<std::uint8_t>(size >> 8 * i));
  append(frame, key);
  for (std::size_t i = 0; i < size; ++i) frame.push_back(payload[i] ^ key[i % 4]);
  return frame;
}

// One row, with its bytes. `value`: the length of the frame, the errno, or what waits.
struct Event {
  std::int32_t slot;
  std::int32_t generation;
  int kind;
  int flags;
  std::uint64_t value;
  // The frame's first two bytes.
  std::int32_t header;
  Bytes bytes;
};

// Bytes whose owner may take them away again.
class LentBytes : public Kept {
 public:
  explicit LentBytes(std::shared_ptr<Bytes> lent) : lent_(std::move(lent)) {}
  std::span<std::uint8_t> bytes() const override { return *lent_; }

 private:
  std::shared_ptr<Bytes> lent_;
};

// Pieces that records name.
class LentPieces : public Pieces {
 public:
  explicit LentPieces(std::vector<std::shared_ptr<Bytes>> pieces) : pieces_(std::move(pieces)) {}
  std::span<const std::uint8_t> bytes(std::size_t index) const override {
    return index < pieces_.size() ? std::span<const std::uint8_t>(*pieces_[index]) : std::span<const std::uint8_t>();
  }
  std::unique_ptr<Kept> keep(std::size_t index) const override {
    return index < pieces_.size() ? std::make_unique<LentBytes>(pieces_[index]) : nullptr;
  }

 private:
  std::vector<std::shared_ptr<Bytes>> pieces_;
};

// What waits of each slot that could not take all.
using Stuck = std::vector<std::pair<std::int32_t, std::uint64_t>>;

// An engine and whoever takes its batches: keeps every event whose slot is live, as the transport in TypeScript does.
class EngineSubject : public BatchHandler {
 public:
  static constexpr std::size_t TABLE_ROWS = 4 * Poller::MAX_READY;

  explicit EngineSubject(std::size_t arena_bytes = Engine::MIN_ARENA_BYTES) : arena_(arena_bytes) {
    check(engine.is_open(), "the engine opens");
  }

  Engine engine;
  std::vector<Event> events;
  std::size_t batch_count = 0;
  std::function<void(const Event&)> onevent = [](const Event&) {};
  // Called at the end of each batch.
  std::function<void()> onbatch = [] {};
  // Whether the environment lives.
  bool is_alive = true;

  bool turn() { return engine.turn({table_, arena_}, *this); }

  // Takes turns until nothing is ready. Returns how many.
  std::size_t run() {
    std::size_t count = 0;
    for (; is_ready() && is_alive; ++count) {
      check(count < 100'000, "it comes to rest");
      turn();
    }
    return count;
  }

  // Whether the event loop would call the engine.
  bool is_ready() const {
    pollfd watched{engine.poll_descriptor(), POLLIN, 0};
    return poll(&watched, 1, 0) == 1;
  }

  bool deliver(std::size_t row_count) override {
    ++batch_count;
    check(row_count * layout::ROW_WORDS <= table_.size(), "rows are within the table");
    for (std::size_t i = 0; i < row_count; ++i) {
      const std::span<const std::int32_t> row = std::span(table_).subspan(i * layout::ROW_WORDS, layout::ROW_WORDS);
      const bool is_of_slot = (row[layout::row::KIND] & 0xff) != layout::row_kind::REFUSED;
      if (is_of_slot && !engine.is_live(row[layout::row::SLOT], row[layout::row::GENERATION])) continue;
      events.push_back(event_of(row));
      onevent(Event(events.back()));
    }
    onbatch();
    return is_alive;
  }

  // Payload bytes of one slot, in their order.
  Bytes payload_of(std::int32_t slot) const {
    Bytes all;
    for (const Event& event : events) {
      if (event.slot == slot && event.kind == layout::row_kind::SEGMENT) append(all, event.bytes);
    }
    return all;
  }

  std::size_t count(std::int32_t slot, int kind) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(events, [&](const Event& event) { return event.slot == slot && event.kind == kind; }));
  }

  // Sends as the transport does: all pieces lie in one arena. Returns what waits of each slot that is stuck.
  Stuck send(const std::vector<std::pair<std::int32_t, Bytes>>& pieces) {
    Bytes arena;
    std::vector<std::int32_t> records;
    for (const auto& [slot, bytes] : pieces) {
      for (const std::size_t word : {static_cast<std::size_t>(slot), static_cast<std::size_t>(engine.generation(slot)),
                                     arena.size(), bytes.size()}) {
        records.push_back(static_cast<std::int32_t>(word));
      }
      append(arena, bytes);
    }
    return send_records(records, arena);
  }

  Stuck send_records(const std::vector<std::int32_t>& records, const Bytes& arena,
                     std::vector<std::shared_ptr<Bytes>> pieces = {}, const Bytes& staged = {}) {
    std::vector<std::int32_t> stuck(records.size() / Engine::RECORD_WORDS * Engine::STUCK_WORDS);
    const std::size_t stuck_count = engine.send({records, arena, staged, LentPieces(std::move(pieces))}, stuck);
    check(stuck_count * Engine::STUCK_WORDS <= stuck.size(), "entries are within stuck");
    Stuck result;
    for (std::size_t i = 0; i < stuck_count * Engine::STUCK_WORDS; i += Engine::STUCK_WORDS) {
      result.emplace_back(stuck[i], static_cast<std::uint32_t>(stuck[i + 1]) |
                                        static_cast<std::uint64_t>(static_cast<std::uint32_t>(stuck[i + 2])) << 32);
    }
    return result;
  }

  // Sends a header and a piece by reference. Returns what waits.
  std::uint64_t send_piece(std::int32_t slot, const Bytes& head, const std::shared_ptr<Bytes>& bytes) {
    const std::int32_t generation = engine.generation(slot);
    const Stuck stuck = send_records({slot, generation, 0, static_cast<std::int32_t>(head.size()),
                                      slot, generation, ~0, static_cast<std::int32_t>(bytes->size())}, head, {bytes});
    return stuck.empty() ? 0 : stuck.front().second;
  }

  // Lends memory for the rest of a frame. Returns it, or null if it was not taken.
  std::shared_ptr<Bytes> receive_into(std::int32_t slot, std::int32_t generation, std::size_t byte_length) {
    const auto target = std::make_shared<Bytes>(byte_length);
    if (!engine.receive_into(slot, generation, std::make_unique<LentBytes>(target))) return nullptr;
    targets_[slot] = target;
    return target;
  }

  void close(std::int32_t slot) { engine.close(slot, engine.generation(slot)); }
  void pause(std::int32_t slot) { engine.pause(slot, engine.generation(slot)); }
  void resume(std::int32_t slot) { engine.resume(slot, engine.generation(slot)); }
  void end(std::int32_t slot) { engine.end(slot, engine.generation(slot)); }

 private:
  Event event_of(std::span<const std::int32_t> row) const {
    const int kind = row[layout::row::KIND];
    const std::uint64_t value = static_cast<std::uint32_t>(row[layout::row::LENGTH_LOW]) |
                                static_cast<std::uint64_t>(static_cast<std::uint32_t>(row[layout::row::LENGTH_HIGH])) << 32;
    Event event{row[layout::row::SLOT], row[layout::row::GENERATION], kind & 0xff, kind & ~0xff, value,
                row[layout::row::HEADER], {}};
    if (event.kind != layout::row_kind::SEGMENT && event.kind != layout::row_kind::RAW) return event;
    const auto offset = static_cast<std::size_t>(row[layout::row::OFFSET]);
    const auto size = static_cast<std::size_t>(row[layout::row::BYTE_LENGTH]);
    const bool is_direct = (kind & layout::row_flag::DIRECT) != 0;
    const Bytes& chunk = is_direct ? *targets_.at(event.slot) : arena_;
    check(offset <= chunk.size() && size <= chunk.size() - offset, "bytes are within their memory");
    event.bytes.assign(chunk.data() + offset, chunk.data() + offset + size);
    return event;
  }

  std::vector<std::int32_t> table_ = std::vector<std::int32_t>(TABLE_ROWS * layout::ROW_WORDS);
  Bytes arena_;
  std::map<std::int32_t, std::shared_ptr<Bytes>> targets_;
};

// The other end of an engine's socket.
class Peer {
 public:
  explicit Peer(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

  int number() const { return descriptor_.number(); }

  void write(std::span<const std::uint8_t> bytes) const {
    // Not `send`, which tests of the engine replace.
    const ssize_t count = sendto(number(), bytes.data(), bytes.size(), MSG_NOSIGNAL, nullptr, 0);
    check(count == static_cast<ssize_t>(bytes.size()), "the peer writes");
  }

  // Reads what is there now, at most `limit` bytes.
  Bytes read(std::size_t limit = 1 << 26) const {
    Bytes all;
    while (all.size() < limit) {
      std::uint8_t buffer[65'536];
      const ssize_t count = recv(number(), buffer, std::min(sizeof buffer, limit - all.size()), MSG_DONTWAIT);
      if (count <= 0) break;
      all.insert(all.end(), buffer, buffer + count);
    }
    return all;
  }

  // Whether there is nothing more to read, ever.
  bool is_at_end() const {
    std::uint8_t byte;
    return recv(number(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
  }

  void end() const { shutdown(number(), SHUT_WR); }
  void close() { descriptor_.close(); }

  // Closes with RST instead of FIN (TCP only).
  void reset() {
    const linger at_once{1, 0};
    setsockopt(number(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }

 private:
  Descriptor descriptor_;
};

inline void make_nonblocking(int descriptor) { fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK); }

// Both ends of a connection: the first one is for the engine.
inline std::pair<Descriptor, Peer> unix_pair() {
  int ends[2];
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
  make_nonblocking(ends[0]);
  return {Descriptor(ends[0]), Peer(Descriptor(ends[1]))};
}

// A socket that listens: TCP on loopback, or a unix socket with a name that the kernel makes up.
class Listener {
 public:
  explicit Listener(int family) : descriptor_(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in loopback{};
    loopback.sin_family = AF_INET;
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_un unnamed{};
    unnamed.sun_family = AF_UNIX;
    const int result = family == AF_INET ? bind(number(), reinterpret_cast<sockaddr*>(&loopback), sizeof loopback)
                                         : bind(number(), reinterpret_cast<sockaddr*>(&unnamed), sizeof(sa_family_t));
    check(result == 0 && listen(number(), 1024) == 0, "listens");
    check(getsockname(number(), address(), &size_) == 0, "knows its name");
  }

  int number() const { return descriptor_.number(); }

  // Gives the socket away; `connect` works as long as somebody has it.
  Descriptor release() { return std::move(descriptor_); }

  Peer connect() {
    Descriptor peer(socket(name_.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    check(::connect(peer.number(), address(), size_) == 0, "connects");
    return Peer(std::move(peer));
  }

 private:
  sockaddr* address() { return reinterpret_cast<sockaddr*>(&name_); }

  Descriptor descriptor_;
  sockaddr_storage name_{};
  socklen_t size_ = sizeof name_;
};

inline std::pair<Descriptor, Peer> tcp_pair() {
  Listener listener(AF_INET);
  Peer peer = listener.connect();
  Descriptor own(accept4(listener.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  check(own.is_open(), "accepts");
  return {std::move(own), std::move(peer)};
}

struct Adopted {
  std::int32_t slot;
  Peer peer;
};

// Gives one end to the engine and lets it read.
inline Adopted adopt(EngineSubject& subject, std::pair<Descriptor, Peer> pair, std::span<const std::uint8_t> head = {}) {
  const std::int32_t slot = subject.engine.adopt(std::move(pair.first), head);
  check(slot >= 0, "the engine adopts");
  subject.resume(slot);
  return {slot, std::move(pair.second)};
}

}  // namespace hotsocket
