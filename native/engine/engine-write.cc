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
  std::array<iovec, 2> parts{iovec{const_cast<std::uint8_t*>(head.data()), head.size()},
                             iovec{const_cast<std::uint8_t*>(bytes.data()), bytes.size()}};
  const std::span<iovec> left = write_now(slot, parts);
  if (left.size() == parts.size()) found.outgoing->append(head.last(left.front().iov_len));
  if (!left.empty()) found.outgoing->append(std::move(kept), bytes.size() - left.back().iov_len);
  return waiting_bytes(found);
}

// Writes parts, and keeps a copy of what the socket does not take.
void Engine::send_parts(std::int32_t slot, std::span<iovec> parts) {
  const std::span<iovec> left = write_now(slot, parts);
  for (const iovec& part : left) at(slot).outgoing->append({static_cast<std::uint8_t*>(part.iov_base), part.iov_len});
}

// Writes as much as the socket takes, unless earlier bytes wait. Returns the parts that are left; then there is a queue
// for them.
std::span<iovec> Engine::write_now(std::int32_t slot, std::span<iovec> parts) {
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
  return parts;
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

}  // namespace hotsocket
