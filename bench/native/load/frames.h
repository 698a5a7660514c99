// Owns the bytes that are sent and those that must come back, made once, in advance.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

/// A message of one frame as a client sends it, masked. `first`: its first byte.
std::vector<uint8_t> make_request(uint8_t first, std::span<const uint8_t> payload);
/// The same as a server sends it.
std::vector<uint8_t> make_reply(uint8_t first, std::span<const uint8_t> payload);

/// One message as the client sends it, masked, and as the server must echo it.
struct Frames {
  std::vector<uint8_t> request;
  std::vector<uint8_t> reply;
  size_t reply_header;
};

/// `kind`: 'binary', 'text' (ASCII) or 'utf8' (text of one to four bytes a character).
Frames make_frames(const std::string& kind, size_t payload_bytes);

/// As many copies of a request as fit into `max_bytes`, but at least one and at most `max_count`.
std::vector<uint8_t> repeat(const std::vector<uint8_t>& request, size_t max_count, size_t max_bytes);

/// A masked close frame with code 1000, and what a server answers.
inline constexpr std::array<uint8_t, 8> kCloseRequest = {0x88, 0x82, 0x37, 0xfa, 0x21, 0x3d, 0x03 ^ 0x37, 0xe8 ^ 0xfa};
inline constexpr std::array<uint8_t, 4> kCloseReply = {0x88, 0x02, 0x03, 0xe8};
