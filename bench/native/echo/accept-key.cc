// SHA-1 (FIPS 180-4) and base64 stand here so that the bench needs no more than a compiler: sixty bytes per handshake.
#include "accept-key.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace {

using Digest = std::array<uint32_t, 5>;
constexpr size_t kBlockBytes = 64;

/// A message as SHA-1 wants it: a one bit, zeros, and its length in bits, in whole blocks.
std::string pad(std::string message) {
  const uint64_t bits = message.size() * 8;
  message += '\x80';
  while (message.size() % kBlockBytes != kBlockBytes - 8) message += '\0';
  for (int shift = 56; shift >= 0; shift -= 8) message += static_cast<char>(bits >> shift);
  return message;
}

uint32_t read_word(std::string_view bytes, size_t at) {
  uint32_t word = 0;
  for (size_t i = at; i < at + 4; i++) word = word << 8 | static_cast<uint8_t>(bytes[i]);
  return word;
}

void add_block(Digest& digest, std::string_view block) {
  std::array<uint32_t, 80> words;
  for (size_t i = 0; i < words.size(); i++)
    words[i] = i < 16 ? read_word(block, 4 * i)
                      : std::rotl(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
  auto [a, b, c, d, e] = digest;
  for (size_t i = 0; i < words.size(); i++) {
    const auto [f, k] = i < 20   ? std::array{(b & c) | (~b & d), 0x5a827999U}
                        : i < 40 ? std::array{b ^ c ^ d, 0x6ed9eba1U}
                        : i < 60 ? std::array{(b & c) | (b & d) | (c & d), 0x8f1bbcdcU}
                                 : std::array{b ^ c ^ d, 0xca62c1d6U};
    const uint32_t next = std::rotl(a, 5) + f + e + k + words[i];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  const Digest round = {a, b, c, d, e};
  for (size_t i = 0; i < digest.size(); i++) digest[i] += round[i];
}

std::string sha1(std::string message) {
  const std::string padded = pad(std::move(message));
  Digest digest = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  for (size_t at = 0; at < padded.size(); at += kBlockBytes)
    add_block(digest, std::string_view(padded).substr(at, kBlockBytes));
  std::string bytes;
  for (const uint32_t word : digest)
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(word >> shift);
  return bytes;
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t group = 0;
    for (size_t i = at; i < at + 3; i++) group = group << 8 | (i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0);
    for (size_t i = 0; i < 4; i++)
      text += at + i > bytes.size() ? '=' : kDigits[group >> (18 - 6 * i) & 63];
  }
  return text;
}

}  // namespace

std::string accept_key(std::string_view key) {
  return base64(sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
}
