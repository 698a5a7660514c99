#include "frames.h"

#include <algorithm>
#include <string_view>

namespace {

std::vector<uint8_t> make_payload(const std::string& kind, size_t payload_bytes) {
  static constexpr std::string_view kUtf8 = "Grüße, 世界, мир, 🌍! ";
  std::vector<uint8_t> payload(payload_bytes);
  for (size_t i = 0; i < payload.size(); i++) {
    if (kind == "binary") payload[i] = static_cast<uint8_t>(i * 131 + 7);
    else if (kind == "text") payload[i] = static_cast<uint8_t>('a' + i % 26);
    else payload[i] = static_cast<uint8_t>(kUtf8[i % kUtf8.size()]);
  }
  if (kind == "utf8") {
    // Do not end inside a code point.
    const size_t end = payload.size() - payload.size() % kUtf8.size();
    std::fill(payload.begin() + static_cast<ptrdiff_t>(end), payload.end(), uint8_t{'.'});
  }
  return payload;
}

void append_header(std::vector<uint8_t>& out, uint8_t first, size_t length, bool masked) {
  const uint8_t mask = masked ? 0x80 : 0;
  out.push_back(first);
  if (length < 126) {
    out.push_back(static_cast<uint8_t>(mask | length));
    return;
  }
  const int length_bits = length < 65536 ? 16 : 64;
  out.push_back(mask | (length_bits == 16 ? 126 : 127));
  for (int shift = length_bits - 8; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(length >> shift));
}

}  // namespace

std::vector<uint8_t> make_request(uint8_t first, std::span<const uint8_t> payload) {
  static constexpr std::array<uint8_t, 4> kKey = {0x37, 0xfa, 0x21, 0x3d};
  std::vector<uint8_t> frame;
  append_header(frame, first, payload.size(), true);
  frame.insert(frame.end(), kKey.begin(), kKey.end());
  for (size_t i = 0; i < payload.size(); i++) frame.push_back(payload[i] ^ kKey[i % 4]);
  return frame;
}

std::vector<uint8_t> make_reply(uint8_t first, std::span<const uint8_t> payload) {
  std::vector<uint8_t> frame;
  append_header(frame, first, payload.size(), false);
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}

Frames make_frames(const std::string& kind, size_t payload_bytes) {
  const std::vector<uint8_t> payload = make_payload(kind, payload_bytes);
  const uint8_t first = kind == "binary" ? 0x82 : 0x81;
  Frames frames{make_request(first, payload), make_reply(first, payload), 0};
  frames.reply_header = frames.reply.size() - payload.size();
  return frames;
}

std::vector<uint8_t> repeat(const std::vector<uint8_t>& request, size_t max_count, size_t max_bytes) {
  const size_t count = std::max<size_t>(1, std::min(max_count, max_bytes / request.size()));
  std::vector<uint8_t> batch;
  batch.reserve(count * request.size());
  for (size_t i = 0; i < count; i++) batch.insert(batch.end(), request.begin(), request.end());
  return batch;
}
