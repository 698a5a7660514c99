#include "engine.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "../kernels/words.h"
#include "tags.h"

namespace hotsocket {
namespace {

namespace row = layout::row;
namespace row_kind = layout::row_kind;

// Bytes read in one turn; then the rest of the process has its turn.
constexpr std::size_t TURN_BYTES = 2 * 1024 * 1024;
constexpr std::int32_t MAX_GENERATION = 0x7fffffff;

}  // namespace

std::int32_t Engine::adopt(Descriptor descriptor, std::span<const std::uint8_t> head) {
  const SocketAddress peer = peer_of(descriptor.number());
  const std::int32_t slot = occupy(std::move(descriptor), peer);
  if (slot < 0) return slot;
  Slot& taken = at(slot);
  taken.is_paused = true;
  if (!head.empty()) {
    put_head(taken, head);
  }
  return slot;
}

// Finds a slot for a descriptor and watches it. Returns it, or -1 with errno set.
std::int32_t Engine::occupy(Descriptor descriptor, const SocketAddress& peer) {
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
  taken.peer = peer;
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
  const bool has_more = std::any_of(listeners_.begin(), listeners_.end(), [](const Listener& l) { return l.is_ready; });
  if (has_more || !readable_.empty() || !failed_.empty()) poller_.kick();
  return true;
}

void Engine::list(std::int32_t slot) {
  Slot& listed = at(slot);
  if (listed.is_listed) return;
  listed.is_listed = true;
  readable_.push_back(slot);
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
    if (is_listener(ready.tag)) {
      Listener* listener = find_listener(static_cast<std::int32_t>(static_cast<std::uint32_t>(ready.tag)));
      if (listener != nullptr) listener->is_ready = true;
      continue;
    }
    const auto slot = static_cast<std::int32_t>(static_cast<std::uint32_t>(ready.tag));
    if (!is_live(slot, static_cast<std::int32_t>(ready.tag >> 32))) continue;
    Slot& found = at(slot);
    found.is_readable |= ready.is_readable;
    found.is_hanging_up |= ready.is_hanging_up;
    if (found.is_readable && !found.is_paused) list(slot);
    // While somebody decides about it nobody reads it.
    if (found.is_raw && found.is_paused && ready.is_broken) add_row(slot, row_kind::ERROR, ECONNRESET, memory);
    if (ready.is_writable && found.outgoing != nullptr && found.error == 0) write_waiting(slot, memory);
  }
  accept_ready(memory);
}

bool Engine::deliver(BatchHandler& handler) {
  const std::size_t count = row_count_;
  row_count_ = 0;
  arena_used_ = 0;
  return count == 0 || handler.deliver(count);
}

std::span<std::int32_t> Engine::add_row(std::int32_t slot, int kind, std::uint64_t value, const EngineMemory& memory) {
  const std::span<std::int32_t> added = begin_row(slot, kind, value, memory);
  added[row::GENERATION] = at(slot).generation;
  return added;
}

std::span<std::int32_t> Engine::begin_row(std::int32_t subject, int kind, std::uint64_t value,
                                          const EngineMemory& memory) {
  const std::span<std::int32_t> to = memory.table.subspan(row_count_ * layout::ROW_WORDS, layout::ROW_WORDS);
  std::fill(to.begin(), to.end(), 0);
  to[row::SLOT] = subject;
  to[row::KIND] = kind;
  to[row::LENGTH_LOW] = low_word(value);
  to[row::LENGTH_HIGH] = high_word(value);
  ++row_count_;
  return to;
}

std::size_t Engine::rows_left(const EngineMemory& memory) const {
  return memory.table.size() / layout::ROW_WORDS - row_count_;
}

void Engine::close(std::int32_t slot, std::int32_t generation) {
  if (is_live(slot, generation)) vacate(slot);
}

void Engine::vacate(std::int32_t slot) {
  Slot& found = at(slot);
  const bool was_listed = found.is_listed;
  if (found.is_unreferenced) --unreferenced_count_;
  const std::int32_t next = found.generation == MAX_GENERATION ? 0 : found.generation + 1;
  found = Slot{};
  found.generation = next;
  found.is_listed = was_listed;
  free_.push_back(slot);
  --socket_count_;
}

void Engine::set_unreferenced(std::int32_t slot, std::int32_t generation, bool is_unreferenced) {
  if (!is_live(slot, generation) || at(slot).is_unreferenced == is_unreferenced) return;
  at(slot).is_unreferenced = is_unreferenced;
  if (is_unreferenced) ++unreferenced_count_;
  else --unreferenced_count_;
}

void Engine::close_all() {
  listeners_.clear();
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const auto slot = static_cast<std::int32_t>(i);
    close(slot, slots_[i].generation);
  }
}

}  // namespace hotsocket
