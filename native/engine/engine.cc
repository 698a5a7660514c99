#include "engine.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "../kernels/scanner.h"

namespace hotsocket {
namespace {

namespace row = layout::row;
namespace row_kind = layout::row_kind;
namespace scan_state = layout::scan_state;

// Most bytes of one read: the next socket's turn comes soon.
constexpr std::size_t MAX_READ_BYTES = 64 * 1024;
// Bytes read from one socket before the next one's turn: a long message is through sooner, and stays in the cache.
constexpr std::size_t MAX_RUN_BYTES = 512 * 1024;
// With less room in the arena than this, what is in it is delivered first.
constexpr std::size_t MIN_READ_BYTES = 16 * 1024;
// Bytes read in one turn; then the rest of the process has its turn.
constexpr std::size_t TURN_BYTES = 2 * 1024 * 1024;
// Rows that one event or one read needs at least.
constexpr std::size_t MIN_ROWS = 1;
constexpr std::int32_t MAX_GENERATION = 0x7fffffff;

std::int32_t low_word(std::uint64_t value) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(value)); }
std::int32_t high_word(std::uint64_t value) { return low_word(value >> 32); }

std::uint64_t tag_of(std::int32_t slot, std::int32_t generation) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(generation)) << 32 | static_cast<std::uint32_t>(slot);
}

// The payload bytes that the frame at hand still lacks; 0 between frames.
std::uint64_t payload_left(const std::array<std::int32_t, layout::SCAN_STATE_WORDS>& state) {
  if (state[scan_state::PHASE] == 0) return 0;
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(state[scan_state::LEFT_HIGH])) << 32 |
         static_cast<std::uint32_t>(state[scan_state::LEFT_LOW]);
}

// Writes parts; returns the byte count, or -1 with errno set.
ssize_t write_parts(int descriptor, std::span<iovec> parts) {
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = std::min(parts.size(), Outgoing::MAX_PARTS);
  for (;;) {
    const ssize_t count = sendmsg(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0 || errno != EINTR) return count;
  }
}

// Drops written bytes from the front of `parts`. Returns those that are left.
std::span<iovec> drop_front(std::span<iovec> parts, std::size_t count) {
  while (!parts.empty() && count >= parts.front().iov_len) {
    count -= parts.front().iov_len;
    parts = parts.subspan(1);
  }
  if (count > 0) {
    parts.front().iov_base = static_cast<std::uint8_t*>(parts.front().iov_base) + count;
    parts.front().iov_len -= count;
  }
  return parts;
}

}  // namespace

std::int32_t Engine::adopt(Descriptor descriptor, std::span<const std::uint8_t> head) {
  const bool is_new = free_.empty();
  const std::int32_t slot = is_new ? static_cast<std::int32_t>(slots_.size()) : free_.back();
  const std::int32_t generation = is_new ? 0 : at(slot).generation;
  if (!poller_.add(descriptor.number(), tag_of(slot, generation))) return -1;
  if (is_new) {
    slots_.emplace_back();
    last_record_.push_back(-1);
  } else {
    free_.pop_back();
  }
  Slot& taken = at(slot);
  taken.descriptor = std::move(descriptor);
  taken.is_paused = true;
  if (!head.empty()) {
    taken.head = std::make_unique<Outgoing>();
    taken.head->append(head);
    taken.is_readable = true;
  }
  taken.scan[scan_state::SLOT] = slot;
  taken.scan[scan_state::GENERATION] = generation;
  ++socket_count_;
  return slot;
}

bool Engine::is_live(std::int32_t slot, std::int32_t generation) const {
  if (!has_slot(slot)) return false;
  const Slot& found = slots_[static_cast<std::size_t>(slot)];
  return found.generation == generation && found.descriptor.is_open();
}

bool Engine::turn(const EngineMemory& memory, BatchHandler& handler) {
  budget_ = TURN_BYTES;
  poll(memory);
  if (!read_listed(memory, handler)) return false;
  if (!deliver(handler)) return false;
  if (!readable_.empty() || !failed_.empty()) poller_.kick();
  return true;
}

void Engine::list(std::int32_t slot) {
  Slot& listed = at(slot);
  if (listed.is_listed) return;
  listed.is_listed = true;
  readable_.push_back(slot);
}

// Lists a socket that has more: first, until its run is over, then last.
void Engine::relist(std::int32_t slot, std::size_t size) {
  run_bytes_ = slot == run_slot_ ? run_bytes_ + size : size;
  run_slot_ = slot;
  if (run_bytes_ >= MAX_RUN_BYTES) {
    run_slot_ = -1;
    return list(slot);
  }
  at(slot).is_listed = true;
  readable_.push_front(slot);
}

// The table is empty here and has room for a row of every failure and every event.
void Engine::poll(const EngineMemory& memory) {
  while (!failed_.empty() && rows_left(memory) > Poller::MAX_READY) {
    const std::int32_t slot = failed_.back();
    failed_.pop_back();
    // 0: the one that failed was closed, and the slot may have another since.
    const int error = at(slot).error;
    if (error != 0) add_row(slot, row_kind::ERROR, static_cast<std::uint64_t>(error), memory);
  }
  for (const Ready& ready : poller_.poll()) {
    const auto slot = static_cast<std::int32_t>(static_cast<std::uint32_t>(ready.tag));
    if (!is_live(slot, static_cast<std::int32_t>(ready.tag >> 32))) continue;
    Slot& found = at(slot);
    found.is_readable |= ready.is_readable;
    found.is_hanging_up |= ready.is_hanging_up;
    if (found.is_readable && !found.is_paused) list(slot);
    if (ready.is_writable && found.outgoing != nullptr && found.error == 0) write_waiting(slot, memory);
  }
}

void Engine::write_waiting(std::int32_t slot, const EngineMemory& memory) {
  Slot& found = at(slot);
  std::array<iovec, Outgoing::MAX_PARTS> parts;
  while (found.outgoing->size() > 0) {
    const std::size_t part_count = found.outgoing->front(parts);
    // An application has moved away what it gave to be sent: the stream would have a gap.
    if (part_count == 0) return fail(slot, EFAULT);
    const ssize_t count = write_parts(found.descriptor.number(), std::span(parts).first(part_count));
    if (count < 0) {
      if (errno != EAGAIN) return fail(slot, errno);
      break;
    }
    found.outgoing->drop(static_cast<std::size_t>(count));
  }
  add_row(slot, row_kind::SENT, found.outgoing->size(), memory);
  if (found.outgoing->size() > 0) return;
  found.outgoing.reset();
  shut_down_if_done(found);
}

bool Engine::read_listed(const EngineMemory& memory, BatchHandler& handler) {
  while (!readable_.empty() && budget_ > 0) {
    const std::int32_t slot = readable_.front();
    readable_.pop_front();
    at(slot).is_listed = false;
    if (!at(slot).descriptor.is_open() || at(slot).is_paused || !at(slot).is_readable) continue;
    const bool has_room = rows_left(memory) > MIN_ROWS && memory.arena.size() - arena_used_ >= MIN_READ_BYTES;
    if (!has_room && !deliver(handler)) return false;
    // What was delivered may have closed or paused this very socket.
    if (!at(slot).descriptor.is_open() || at(slot).is_paused) continue;
    if (!read_slot(slot, memory, handler)) return false;
  }
  return true;
}

bool Engine::read_slot(std::int32_t slot, const EngineMemory& memory, BatchHandler& handler) {
  Slot& found = at(slot);
  const std::span<std::uint8_t> room =
      memory.arena.subspan(arena_used_, std::min(memory.arena.size() - arena_used_, MAX_READ_BYTES));
  if (found.head != nullptr) return read_head(slot, room, memory, handler);
  if (found.target != nullptr) return read_direct(slot, memory);
  const std::size_t size = receive(slot, room, memory);
  return size == 0 || scan_chunk(slot, size, memory, handler);
}

// Reads into `room`. Returns the byte count, or 0 if there is nothing to read; an end or an error is a row then.
std::size_t Engine::receive(std::int32_t slot, std::span<std::uint8_t> room, const EngineMemory& memory) {
  Slot& found = at(slot);
  const ssize_t count = recv(found.descriptor.number(), room.data(), room.size(), MSG_DONTWAIT);
  if (count < 0 && errno == EINTR) {
    list(slot);
    return 0;
  }
  if (count <= 0) {
    found.is_readable = false;
    if (count == 0 && !std::exchange(found.has_ended, true)) add_row(slot, row_kind::END, 0, memory);
    if (count < 0 && errno != EAGAIN) add_row(slot, row_kind::ERROR, static_cast<std::uint64_t>(errno), memory);
    return 0;
  }
  const auto size = static_cast<std::size_t>(count);
  budget_ -= std::min(budget_, size);
  // A short read means that the socket is drained, unless an end stands behind the bytes.
  if (size < room.size() && !found.is_hanging_up) {
    found.is_readable = false;
  } else {
    relist(slot, size);
  }
  return size;
}

// Reads the rest of a long frame into the memory that was lent for it. One row, for all is payload.
bool Engine::read_direct(std::int32_t slot, const EngineMemory& memory) {
  Slot& found = at(slot);
  const std::span<std::uint8_t> target = found.target->bytes();
  const std::size_t used = found.target_used;
  const std::uint64_t left = payload_left(found.scan);
  if (left == 0 || target.size() <= used) {  // Its owner has moved it away.
    fail(slot, EFAULT);
    return true;
  }
  const std::span<std::uint8_t> room =
      target.subspan(used, std::min<std::uint64_t>({left, target.size() - used, MAX_RUN_BYTES}));
  const std::size_t size = receive(slot, room, memory);
  if (size == 0) return true;
  const std::span<std::int32_t> free_rows = memory.table.subspan(row_count_ * layout::ROW_WORDS, layout::ROW_WORDS);
  scan(found.scan, target.first(used + size), used, free_rows);
  free_rows[row::KIND] |= layout::row_flag::DIRECT;
  ++row_count_;
  found.target_used = used + size;
  if (size == left || found.target_used == target.size()) found.target.reset();
  return true;
}

// As a read, from what was read before the socket came here. The socket itself is next.
bool Engine::read_head(std::int32_t slot, std::span<std::uint8_t> room, const EngineMemory& memory, BatchHandler& handler) {
  Slot& found = at(slot);
  const std::size_t size = found.head->take(room);
  if (found.head->size() == 0) found.head.reset();
  list(slot);
  return scan_chunk(slot, size, memory, handler);
}

// Scans the `size` bytes that were put behind what the arena has.
bool Engine::scan_chunk(std::int32_t slot, std::size_t size, const EngineMemory& memory, BatchHandler& handler) {
  const std::int32_t generation = at(slot).generation;
  std::size_t begin = arena_used_;
  const std::size_t end = arena_used_ += size;
  for (;;) {
    const std::span<std::int32_t> free_rows = memory.table.subspan(row_count_ * layout::ROW_WORDS);
    row_count_ += scan(at(slot).scan, memory.arena.first(end), begin, free_rows);
    begin = static_cast<std::size_t>(at(slot).scan[scan_state::CONSUMED]);
    if (begin >= end) return true;
    // The table is full. The rest of the chunk stays where it is.
    scanned_slot_ = slot;
    const bool goes_on = deliver(handler);
    scanned_slot_ = -1;
    if (!goes_on) return false;
    if (!is_live(slot, generation)) return true;
    arena_used_ = end;
  }
}

bool Engine::deliver(BatchHandler& handler) {
  const std::size_t count = row_count_;
  row_count_ = 0;
  arena_used_ = 0;
  return count == 0 || handler.deliver(count);
}

void Engine::add_row(std::int32_t slot, int kind, std::uint64_t value, const EngineMemory& memory) {
  const std::span<std::int32_t> to = memory.table.subspan(row_count_ * layout::ROW_WORDS, layout::ROW_WORDS);
  std::fill(to.begin(), to.end(), 0);
  to[row::SLOT] = slot;
  to[row::GENERATION] = at(slot).generation;
  to[row::KIND] = kind;
  to[row::LENGTH_LOW] = low_word(value);
  to[row::LENGTH_HIGH] = high_word(value);
  ++row_count_;
}

std::size_t Engine::rows_left(const EngineMemory& memory) const {
  return memory.table.size() / layout::ROW_WORDS - row_count_;
}

std::size_t Engine::send(std::span<const std::int32_t> records, std::span<const std::uint8_t> arena,
                         std::span<std::int32_t> stuck) {
  const std::size_t count = records.size() / RECORD_WORDS;
  next_record_.assign(count, -1);
  first_records_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t* record = &records[i * RECORD_WORDS];
    if (!is_live(record[0], record[1])) continue;
    std::int32_t& last = last_record_[static_cast<std::size_t>(record[0])];
    if (last < 0) first_records_.push_back(static_cast<std::int32_t>(i));
    else next_record_[static_cast<std::size_t>(last)] = static_cast<std::int32_t>(i);
    last = static_cast<std::int32_t>(i);
  }
  std::size_t stuck_count = 0;
  for (const std::int32_t first : first_records_) {
    const std::int32_t slot = records[static_cast<std::size_t>(first) * RECORD_WORDS];
    last_record_[static_cast<std::size_t>(slot)] = -1;
    parts_.clear();
    for (std::int32_t i = first; i >= 0; i = next_record_[static_cast<std::size_t>(i)]) {
      const std::int32_t* record = &records[static_cast<std::size_t>(i) * RECORD_WORDS];
      const auto offset = static_cast<std::uint32_t>(record[2]);
      const auto length = static_cast<std::uint32_t>(record[3]);
      // Records come from JavaScript: what they say is checked, not believed.
      if (offset > arena.size() || length > arena.size() - offset) continue;
      parts_.push_back({const_cast<std::uint8_t*>(arena.data()) + offset, length});
    }
    send_parts(slot, parts_);
    const std::uint64_t waiting = waiting_bytes(at(slot));
    if (waiting == 0 || (stuck_count + 1) * STUCK_WORDS > stuck.size()) continue;
    std::int32_t* entry = &stuck[stuck_count++ * STUCK_WORDS];
    entry[0] = slot;
    entry[1] = low_word(waiting);
    entry[2] = high_word(waiting);
  }
  return stuck_count;
}

std::uint64_t Engine::send_long(std::int32_t slot, std::int32_t generation, std::span<const std::uint8_t> head,
                                std::unique_ptr<Kept> kept) {
  if (!is_live(slot, generation)) return 0;
  Slot& found = at(slot);
  const std::span<const std::uint8_t> bytes = kept->bytes();
  const std::size_t size = head.size() + bytes.size();
  std::array<iovec, 2> parts{iovec{const_cast<std::uint8_t*>(head.data()), head.size()},
                             iovec{const_cast<std::uint8_t*>(bytes.data()), bytes.size()}};
  std::span<iovec> left = parts;
  std::size_t sent = 0;
  while (sent < size && found.outgoing == nullptr) {
    const ssize_t count = write_parts(found.descriptor.number(), left);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
      left = drop_front(left, static_cast<std::size_t>(count));
    } else {
      if (errno != EAGAIN) fail(slot, errno);
      found.outgoing = std::make_unique<Outgoing>();
    }
  }
  if (sent < head.size()) found.outgoing->append(head.subspan(sent));
  if (sent < size) found.outgoing->append(std::move(kept), sent - std::min(sent, head.size()));
  return waiting_bytes(found);
}

// Writes parts, and keeps a copy of what the socket does not take.
void Engine::send_parts(std::int32_t slot, std::span<iovec> parts) {
  Slot& found = at(slot);
  while (!parts.empty() && found.outgoing == nullptr) {
    const ssize_t count = write_parts(found.descriptor.number(), parts);
    if (count >= 0) {
      parts = drop_front(parts, static_cast<std::size_t>(count));
    } else {
      if (errno != EAGAIN) fail(slot, errno);
      found.outgoing = std::make_unique<Outgoing>();
    }
  }
  for (const iovec& part : parts) found.outgoing->append({static_cast<std::uint8_t*>(part.iov_base), part.iov_len});
}

bool Engine::receive_into(std::int32_t slot, std::int32_t generation, std::unique_ptr<Kept> target) {
  if (!is_live(slot, generation) || slot == scanned_slot_ || payload_left(at(slot).scan) == 0) return false;
  at(slot).target = std::move(target);
  at(slot).target_used = 0;
  return true;
}

void Engine::pause(std::int32_t slot, std::int32_t generation) {
  if (is_live(slot, generation)) at(slot).is_paused = true;
}

void Engine::resume(std::int32_t slot, std::int32_t generation) {
  if (!is_live(slot, generation)) return;
  at(slot).is_paused = false;
  if (!at(slot).is_readable) return;
  // The edge has come already, and will not come again.
  list(slot);
  poller_.kick();
}

void Engine::end(std::int32_t slot, std::int32_t generation) {
  if (!is_live(slot, generation)) return;
  at(slot).is_ending = true;
  shut_down_if_done(at(slot));
}

void Engine::shut_down_if_done(Slot& slot) {
  // A failure shows when the socket is read.
  if (slot.is_ending && slot.outgoing == nullptr) shutdown(slot.descriptor.number(), SHUT_WR);
}

// The error is reported by a row of the next turn: this may be in the middle of a batch. From here on nothing is written;
// all that was not, and what is sent until the slot is closed, waits: nobody may take it for sent.
void Engine::fail(std::int32_t slot, int error) {
  Slot& found = at(slot);
  if (found.error != 0) return;
  found.error = error;
  failed_.push_back(slot);
  poller_.kick();
}

void Engine::close(std::int32_t slot, std::int32_t generation) {
  if (!is_live(slot, generation)) return;
  Slot& found = at(slot);
  const bool was_listed = found.is_listed;
  const std::int32_t next = found.generation == MAX_GENERATION ? 0 : found.generation + 1;
  found = Slot{};
  found.generation = next;
  found.is_listed = was_listed;
  free_.push_back(slot);
  --socket_count_;
}

void Engine::close_all() {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const auto slot = static_cast<std::int32_t>(i);
    close(slot, slots_[i].generation);
  }
}

}  // namespace hotsocket
