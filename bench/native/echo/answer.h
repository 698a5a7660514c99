// Owns what a connection answers: a handshake, then each frame, unmasked, as it comes. Must not know sockets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

/// Longest header of a frame, with its masking key.
inline constexpr size_t kMaxHeaderBytes = 14;
/// No answer to so many bytes of a connection is longer than they are, but for this: a head, or a header whose bytes came before.
inline constexpr size_t kMaxExtraBytes = 256;

/// One connection's answers. It assumes a proper handshake and masked frames with valid lengths, and checks nothing. A frame is
/// not waited for: what is there of its payload is answered at once.
class Answer {
 public:
  /// Answers what arrived. `out`: room for `arrived` and kMaxExtraBytes. Returns how many bytes the answer has.
  size_t to(std::span<const uint8_t> arrived, uint8_t* out);

  /// A close frame was answered: the server ends the connection (RFC 6455 §7.1.1).
  bool is_last() const { return is_close_ && rest_ == 0; }

 private:
  size_t take_head(std::span<const uint8_t> arrived, uint8_t* out);
  size_t take_header(std::span<const uint8_t> arrived, uint8_t*& out);
  size_t take_payload(std::span<const uint8_t> arrived, uint8_t* out);

  bool is_open_ = false;
  bool is_close_ = false;
  /// The request, until it is whole.
  std::string head_;
  /// A header's first bytes, until it is whole.
  std::array<uint8_t, kMaxHeaderBytes> header_{};
  size_t header_bytes_ = 0;
  /// Bytes of the frame's payload that have not come; the masking key, turned so that it begins with the next one's byte.
  uint64_t rest_ = 0;
  uint32_t key_ = 0;
};
