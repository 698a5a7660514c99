#include "answer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

#include "accept-key.h"

namespace {

static_assert(std::endian::native == std::endian::little, "masking keys are turned as little-endian words");

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kKeyName = "sec-websocket-key:";
constexpr uint8_t kClose = 8;
constexpr uint8_t kPing = 9;

/// Bytes of a header that begins like this, with the masking key; at least 2 of it are there.
size_t header_length(const uint8_t* header) {
  const uint8_t length = header[1] & 0x7f;
  return length < 126 ? 6 : length == 126 ? 8 : 14;
}

uint64_t payload_length(const uint8_t* header, size_t header_bytes) {
  uint64_t length = header[1] & 0x7f;
  if (header_bytes > 6) length = 0;
  for (size_t i = 2; i < header_bytes - 4; i++) length = length << 8 | header[i];
  return length;
}

void mask(const uint8_t* __restrict from, uint8_t* __restrict to, size_t size, uint32_t key) {
  const uint64_t keys = static_cast<uint64_t>(key) << 32 | key;
  size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    uint64_t word;
    std::memcpy(&word, from + i, 8);
    word ^= keys;
    std::memcpy(to + i, &word, 8);
  }
  for (; i < size; i++) to[i] = from[i] ^ static_cast<uint8_t>(key >> (i % 4 * 8));
}

std::string response(const std::string& head) {
  const auto is_same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; };
  const auto name = std::search(head.begin(), head.end(), kKeyName.begin(), kKeyName.end(), is_same);
  const auto end = std::find(name, head.end(), '\r');
  const size_t named = std::min<size_t>(kKeyName.size(), static_cast<size_t>(end - name));
  const auto key = std::find_if(name + static_cast<ptrdiff_t>(named), end, [](char c) { return c != ' '; });
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
         accept_key({key, end}) + "\r\n\r\n";
}

}  // namespace

size_t Answer::to(std::span<const uint8_t> arrived, uint8_t* out) {
  if (!is_open_) return take_head(arrived, out);
  uint8_t* const begin = out;
  while (!arrived.empty() && !is_last()) {
    if (rest_ == 0) {
      arrived = arrived.subspan(take_header(arrived, out));
    } else {
      const size_t size = take_payload(arrived, out);
      arrived = arrived.subspan(size);
      out += size;
    }
  }
  return static_cast<size_t>(out - begin);
}

/// Nothing comes behind a request before it is answered.
size_t Answer::take_head(std::span<const uint8_t> arrived, uint8_t* out) {
  head_.append(arrived.begin(), arrived.end());
  if (!head_.ends_with(kHeadEnd)) return 0;
  is_open_ = true;
  const std::string text = response(head_);
  head_ = std::string();
  std::memcpy(out, text.data(), text.size());
  return text.size();
}

/// Returns how many bytes it took. A whole header is answered, and `out` moved behind the answer.
size_t Answer::take_header(std::span<const uint8_t> arrived, uint8_t*& out) {
  const uint8_t* header = arrived.data();
  size_t taken = 0;
  if (header_bytes_ > 0 || arrived.size() < 2 || arrived.size() < header_length(header)) {
    do header_[header_bytes_++] = arrived[taken++];
    while (taken < arrived.size() && (header_bytes_ < 2 || header_bytes_ < header_length(header_.data())));
    if (header_bytes_ < 2 || header_bytes_ < header_length(header_.data())) return taken;
    header = header_.data();
    header_bytes_ = 0;
  }
  const size_t length = header_length(header);
  if (taken == 0) taken = length;
  rest_ = payload_length(header, length);
  std::memcpy(&key_, header + length - 4, 4);
  is_close_ = (header[0] & 0x0f) == kClose;
  std::memcpy(out, header, length - 4);
  // A ping is answered by a pong, which is the next opcode.
  if ((header[0] & 0x0f) == kPing) out[0]++;
  out[1] &= 0x7f;
  out += length - 4;
  return taken;
}

size_t Answer::take_payload(std::span<const uint8_t> arrived, uint8_t* out) {
  const size_t size = std::min<uint64_t>(rest_, arrived.size());
  mask(arrived.data(), out, size, key_);
  key_ = std::rotr(key_, static_cast<int>(size % 4 * 8));
  rest_ -= size;
  return size;
}
