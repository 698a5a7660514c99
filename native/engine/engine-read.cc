// Owns the engine's reading: sockets that are ready become rows of the segment table. See engine.h.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "../kernels/scanner.h"
#include "../kernels/words.h"
#include "engine.h"

namespace hotsocket {
namespace {

namespace row = layout::row;
namespace row_kind = layout::row_kind;
namespace scan_state = layout::scan_state;

// Most bytes of one read: the next socket's turn comes soon. Messages of 64 KiB in all, with their headers, are no more.
constexpr std::size_t MAX_READ_BYTES = 72 * 1024;
// Bytes read in a row from a socket that has memory of its own for them: a long message is through sooner, and stays in
// the cache.
constexpr std::size_t MAX_RUN_BYTES = 512 * 1024;
// With so many rows a batch is delivered: whoever became ready meanwhile is seen, and does not wait for all the others.
constexpr std::size_t BATCH_ROWS = 1024;
// Rows that one event or one read needs at least.
constexpr std::size_t MIN_ROWS = 1;

// The payload bytes that the frame at hand still lacks; 0 between frames.
std::uint64_t payload_left(const std::array<std::int32_t, layout::SCAN_STATE_WORDS>& state) {
  if (state[scan_state::PHASE] == 0) return 0;
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(state[scan_state::LEFT_HIGH])) << 32 |
         static_cast<std::uint32_t>(state[scan_state::LEFT_LOW]);
}

// Whether a part of a frame, or of its header, has come.
bool is_amid_frame(const std::array<std::int32_t, layout::SCAN_STATE_WORDS>& state) {
  return state[scan_state::PHASE] != 0 || state[scan_state::HEADER_LENGTH] != 0;
}

}  // namespace

// Lists a socket that has more: last; amid a long message first, until its run is over.
void Engine::relist(std::int32_t slot, std::size_t size) {
  const Slot& found = at(slot);
  if (found.incoming == nullptr || found.incoming->target == nullptr) return list(slot);
  run_bytes_ = slot == run_slot_ ? run_bytes_ + size : size;
  run_slot_ = slot;
  if (run_bytes_ >= MAX_RUN_BYTES) {
    run_slot_ = -1;
    return list(slot);
  }
  at(slot).is_listed = true;
  readable_.push_front(slot);
}

bool Engine::read_listed(const EngineMemory& memory, BatchHandler& handler) {
  while (!readable_.empty() && budget_ > 0) {
    const std::int32_t slot = readable_.front();
    readable_.pop_front();
    at(slot).is_listed = false;
    if (!at(slot).descriptor.is_open() || at(slot).is_paused || !at(slot).is_readable) continue;
    // A read that the arena cuts short would cut messages.
    const bool has_room = rows_left(memory) > MIN_ROWS &&
                          memory.arena.size() - arena_used_ >= std::min(MAX_READ_BYTES, memory.arena.size() / 4);
    if (!has_room || row_count_ >= BATCH_ROWS) {
      if (!deliver(handler)) return false;
      poll(memory);
    }
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
  if (found.incoming != nullptr) {
    if (found.incoming->head != nullptr) return read_head(slot, room, memory, handler);
    if (found.incoming->target != nullptr) return read_direct(slot, memory);
  }
  if (found.is_raw) {
    read_raw(slot, room, memory);
    return true;
  }
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
  Incoming& incoming = *found.incoming;
  const std::span<std::uint8_t> target = incoming.target->bytes();
  const std::size_t used = incoming.target_used;
  const std::uint64_t left = payload_left(incoming.scan);
  if (left == 0 || target.size() <= used) {  // Its owner has moved it away.
    fail(slot, EFAULT);
    return true;
  }
  const std::span<std::uint8_t> room =
      target.subspan(used, std::min<std::uint64_t>({left, target.size() - used, MAX_RUN_BYTES}));
  const std::size_t size = receive(slot, room, memory);
  if (size == 0) return true;
  const std::span<std::int32_t> free_rows = memory.table.subspan(row_count_ * layout::ROW_WORDS, layout::ROW_WORDS);
  scan(incoming.scan, target.first(used + size), used, free_rows);
  free_rows[row::KIND] |= layout::row_flag::DIRECT;
  ++row_count_;
  incoming.target_used = used + size;
  if (size == left || incoming.target_used == target.size()) incoming.target.reset();
  tidy(found);
  return true;
}

// As a read, from what was read before the socket came here. The socket itself is next.
bool Engine::read_head(std::int32_t slot, std::span<std::uint8_t> room, const EngineMemory& memory, BatchHandler& handler) {
  Slot& found = at(slot);
  Outgoing& head = *found.incoming->head;
  const std::size_t size = head.take(room);
  if (head.size() == 0) found.incoming->head.reset();
  list(slot);
  return scan_chunk(slot, size, memory, handler);
}

// Bytes that come before all that is read.
void Engine::put_head(Slot& slot, std::span<const std::uint8_t> head) {
  Incoming& incoming = open_incoming(slot);
  incoming.head = std::make_unique<Outgoing>();
  incoming.head->append(head);
  slot.is_readable = true;
}

Engine::Incoming& Engine::open_incoming(Slot& slot) {
  if (slot.incoming == nullptr) slot.incoming = std::make_unique<Incoming>();
  return *slot.incoming;
}

// Drops what is not needed between frames.
void Engine::tidy(Slot& slot) {
  const Incoming& incoming = *slot.incoming;
  if (incoming.head == nullptr && incoming.target == nullptr && !is_amid_frame(incoming.scan)) slot.incoming.reset();
}

Engine::ScanWords Engine::load_scan(std::int32_t slot) {
  const Slot& found = at(slot);
  ScanWords state = found.incoming == nullptr ? ScanWords{} : found.incoming->scan;
  state[scan_state::SLOT] = slot;
  state[scan_state::GENERATION] = found.generation;
  return state;
}

void Engine::store_scan(std::int32_t slot, const ScanWords& state) {
  Slot& found = at(slot);
  if (found.incoming == nullptr && !is_amid_frame(state)) return;
  open_incoming(found).scan = state;
  tidy(found);
}

// Scans the `size` bytes that were put behind what the arena has.
bool Engine::scan_chunk(std::int32_t slot, std::size_t size, const EngineMemory& memory, BatchHandler& handler) {
  const std::int32_t generation = at(slot).generation;
  std::size_t begin = arena_used_;
  const std::size_t end = arena_used_ += size;
  ScanWords state = load_scan(slot);
  for (;;) {
    const std::span<std::int32_t> free_rows = memory.table.subspan(row_count_ * layout::ROW_WORDS);
    row_count_ += scan(state, memory.arena.first(end), begin, free_rows);
    begin = static_cast<std::size_t>(state[scan_state::CONSUMED]);
    if (begin >= end) break;
    // The table is full. The rest of the chunk stays where it is.
    scanned_slot_ = slot;
    const bool goes_on = deliver(handler);
    scanned_slot_ = -1;
    if (!goes_on) return false;
    if (!is_live(slot, generation)) return true;
    arena_used_ = end;
  }
  store_scan(slot, state);
  return true;
}

bool Engine::receive_into(std::int32_t slot, std::int32_t generation, std::unique_ptr<Kept> target) {
  if (!is_live(slot, generation) || slot == scanned_slot_) return false;
  Incoming* incoming = at(slot).incoming.get();
  if (incoming == nullptr || payload_left(incoming->scan) == 0) return false;
  incoming->target = std::move(target);
  incoming->target_used = 0;
  return true;
}

void Engine::keep_texts(std::int32_t slot, std::int32_t generation) {
  if (is_live(slot, generation)) at(slot).keeps_texts = true;
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

}  // namespace hotsocket
