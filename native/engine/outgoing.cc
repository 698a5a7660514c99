#include "outgoing.h"

#include <algorithm>
#include <cstring>

namespace hotsocket {
namespace {

constexpr std::size_t FIRST_BLOCK_BYTES = 4 * 1024;
constexpr std::size_t LAST_BLOCK_BYTES = 64 * 1024;

}  // namespace

void Outgoing::append(std::span<const std::uint8_t> bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    if (blocks_.empty() || blocks_.back().end >= blocks_.back().capacity) {
      const std::size_t doubled = blocks_.empty() ? 0 : std::min(blocks_.back().capacity * 2, LAST_BLOCK_BYTES);
      const std::size_t capacity = std::max({bytes.size(), doubled, FIRST_BLOCK_BYTES});
      blocks_.push_back({std::make_unique_for_overwrite<std::uint8_t[]>(capacity), nullptr, capacity, 0, 0});
    }
    Block& block = blocks_.back();
    const std::size_t count = std::min(bytes.size(), block.capacity - block.end);
    std::memcpy(block.own.get() + block.end, bytes.data(), count);
    block.end += count;
    bytes = bytes.subspan(count);
  }
}

void Outgoing::append(std::unique_ptr<Kept> kept, std::size_t begin, std::size_t end) {
  size_ += end - begin;
  blocks_.push_back({nullptr, std::move(kept), 0, begin, end});
}

std::size_t Outgoing::front(std::span<iovec> parts) const {
  std::size_t count = 0;
  for (const Block& block : blocks_) {
    if (count == parts.size()) break;
    std::uint8_t* bytes = block.own.get();
    if (block.own == nullptr) {
      const std::span<std::uint8_t> now = block.kept == nullptr ? std::span<std::uint8_t>() : block.kept->bytes();
      if (now.size() < block.end) break;
      bytes = now.data();
    }
    parts[count++] = {bytes + block.begin, block.end - block.begin};
  }
  return count;
}

std::size_t Outgoing::take(std::span<std::uint8_t> room) {
  std::size_t taken = 0;
  while (taken < room.size() && size_ > 0) {
    const Block& block = blocks_.front();
    const std::size_t part = std::min(room.size() - taken, block.end - block.begin);
    std::memcpy(&room[taken], block.own.get() + block.begin, part);
    taken += part;
    drop(part);
  }
  return taken;
}

void Outgoing::drop(std::size_t count) {
  size_ -= count;
  while (count > 0) {
    Block& block = blocks_.front();
    const std::size_t part = std::min(count, block.end - block.begin);
    block.begin += part;
    count -= part;
    if (block.begin == block.end) blocks_.pop_front();
  }
}

}  // namespace hotsocket
