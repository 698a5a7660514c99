// Owns the engine's writing: records in, what a socket does not take kept and written later. See engine.h.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "../kernels/words.h"
#include "engine.h"

namespace hotsocket {
namespace {

namespace row_kind = layout::row_kind;

// Rests of pieces up to this long are copied: a reference costs more, and may hold memory of more than the piece.
constexpr std::size_t COPIED_REST_BYTES = 16 * 1024;

// Writes parts; returns the byte count, or -1 with errno set. `flags`: MSG_MORE if an end follows at once.
ssize_t write_parts(int descriptor, std::span<iovec> parts, int flags = 0) {
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = std::min(parts.size(), Outgoing::MAX_PARTS);
  const int all_flags = MSG_DONTWAIT | MSG_NOSIGNAL | flags;
  for (;;) {
    // The usual case, of which the kernel has less to read.
    const ssize_t count = parts.size() == 1 ? send(descriptor, parts[0].iov_base, parts[0].iov_len, all_flags)
                                            : sendmsg(descriptor, &message, all_flags);
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

std::size_t Engine::send(const SendMemory& memory, std::span<std::int32_t> stuck) {
  chain_records(memory.records);
  std::size_t stuck_count = 0;
  for (const std::int32_t first : first_records_) {
    const std::int32_t slot = memory.records[static_cast<std::size_t>(first) * RECORD_WORDS];
    last_record_[static_cast<std::size_t>(slot)] = -1;
    gather_parts(first, memory);
    send_parts(slot, memory.pieces);
    shut_down_if_done(at(slot));
    const std::uint64_t waiting = waiting_bytes(at(slot));
    if (waiting == 0 || (stuck_count + 1) * STUCK_WORDS > stuck.size()) continue;
    std::int32_t* entry = &stuck[stuck_count++ * STUCK_WORDS];
    entry[0] = slot;
    entry[1] = low_word(waiting);
    entry[2] = high_word(waiting);
  }
  return stuck_count;
}

// Links the records of each live slot; `first_records_` has the first of each.
void Engine::chain_records(std::span<const std::int32_t> records) {
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
}

// Collects what the records from `first` on name. Records come from JavaScript: what they say is checked, not believed.
void Engine::gather_parts(std::int32_t first, const SendMemory& memory) {
  parts_.clear();
  part_pieces_.clear();
  for (std::int32_t i = first; i >= 0; i = next_record_[static_cast<std::size_t>(i)]) {
    const std::int32_t* record = &memory.records[static_cast<std::size_t>(i) * RECORD_WORDS];
    const std::int32_t piece = record[2] < 0 ? ~record[2] : -1;
    const auto length = static_cast<std::uint32_t>(record[3]);
    const bool is_staged = record[2] >= STAGED;
    std::span<const std::uint8_t> bytes = is_staged ? memory.staged : memory.arena;
    if (piece >= 0) {
      bytes = memory.pieces.bytes(static_cast<std::size_t>(piece));
      if (bytes.size() < length) bytes = {};
    } else {
      const auto offset = static_cast<std::uint32_t>(is_staged ? record[2] - STAGED : record[2]);
      if (offset > bytes.size() || length > bytes.size() - offset) continue;
      bytes = bytes.subspan(offset);
    }
    if (length == 0) continue;
    // What stands side by side goes out as one part: what was published in one turn to many, above all.
    if (piece < 0 && !parts_.empty() && part_pieces_.back() < 0 &&
        static_cast<const std::uint8_t*>(parts_.back().iov_base) + parts_.back().iov_len == bytes.data()) {
      parts_.back().iov_len += length;
      continue;
    }
    parts_.push_back({const_cast<std::uint8_t*>(bytes.data()), length});
    part_pieces_.push_back(piece);
  }
}

// Writes the parts, and keeps what the socket does not take.
void Engine::send_parts(std::int32_t slot, const Pieces& pieces) {
  Slot& found = at(slot);
  const auto gone = std::ranges::find(parts_, nullptr, &iovec::iov_base);
  const std::size_t left_count = write_now(slot, {parts_.begin(), gone}).size();
  if (gone != parts_.end()) {
    // An application has moved away what it gave to be sent: the stream would have a gap.
    fail(slot, EFAULT);
    if (found.outgoing == nullptr) found.outgoing = std::make_unique<Outgoing>();
  }
  const auto end = static_cast<std::size_t>(gone - parts_.begin());
  for (std::size_t i = end - left_count; i < parts_.size(); ++i) keep_part(*found.outgoing, i, pieces);
}

void Engine::keep_part(Outgoing& outgoing, std::size_t index, const Pieces& pieces) const {
  const auto* begin = static_cast<const std::uint8_t*>(parts_[index].iov_base);
  const std::size_t size = parts_[index].iov_len;
  const std::int32_t piece = part_pieces_[index];
  if (begin == nullptr) return outgoing.append(nullptr, 0, size);
  if (piece < 0 || size <= COPIED_REST_BYTES) return outgoing.append({begin, size});
  const auto number = static_cast<std::size_t>(piece);
  const auto offset = static_cast<std::size_t>(begin - pieces.bytes(number).data());
  outgoing.append(pieces.keep(number), offset, offset + size);
}

// Writes as much as the socket takes, unless earlier bytes wait. Returns the parts that are left; then there is a queue
// for them.
std::span<iovec> Engine::write_now(std::int32_t slot, std::span<iovec> parts) {
  Slot& found = at(slot);
  while (!parts.empty() && found.outgoing == nullptr) {
    const ssize_t count = write_parts(found.descriptor.number(), parts, found.is_ending ? MSG_MORE : 0);
    if (count >= 0) {
      parts = drop_front(parts, static_cast<std::size_t>(count));
    } else {
      if (errno != EAGAIN) fail(slot, errno);
      found.outgoing = std::make_unique<Outgoing>();
    }
  }
  return parts;
}

void Engine::end(std::int32_t slot, std::int32_t generation) {
  if (!is_live(slot, generation)) return;
  at(slot).is_ending = true;
  shut_down_if_done(at(slot));
}

void Engine::end_behind(std::int32_t slot, std::int32_t generation) {
  if (is_live(slot, generation)) at(slot).is_ending = true;
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

}  // namespace hotsocket
