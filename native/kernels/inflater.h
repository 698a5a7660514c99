// Owns one raw inflate stream (RFC 1951) that keeps its window between messages, and the limits on what it yields.
// Must not know Node-API, nor what a message means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "byte-buffer.h"
#include "malloc-allocated.h"
#include "zlib-api.h"

namespace hotsocket {

enum class InflateStatus { kOk, kCorrupt, kTooLarge, kNoMemory };

class Inflater : public MallocAllocated {
  struct Key {};  // only `create` has one

 public:
  static constexpr int kLeastWindowBits = 8;
  static constexpr int kMostWindowBits = 15;

  // Returns null if there is no memory. `window_bits`: 8-15.
  static std::unique_ptr<Inflater> create(const ZlibApi& api, int window_bits);

  Inflater(Key, const ZlibApi& api) : api_(api) {}
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater();

  // Inflates one piece of a message behind what `out` holds, which it never lets hold more than `max_bytes` bytes.
  // `is_final`: the message ends with the piece, as Inflater in src/core/kernels.ts says. After any status but kOk the
  // stream is of no use.
  InflateStatus inflate(std::span<const std::uint8_t> piece, bool is_final, std::size_t max_bytes, ByteBuffer& out);

  // Forgets the window and the message that has begun.
  void reset();

  // Bytes that a context takes, roughly: zlib's state and the window.
  static std::size_t memory_bytes(int window_bits);

 private:
  bool accept_input(std::size_t byte_length, std::size_t max_bytes);
  InflateStatus inflate_slice(std::span<const std::uint8_t> slice, std::size_t max_bytes, ByteBuffer& out);
  InflateStatus end_stream();
  void match_tail(std::span<const std::uint8_t> consumed);
  InflateStatus end_message();
  void begin_message();

  const ZlibApi& api_;
  z_stream stream_{};
  // Of the message: bytes received, the most it may have, and the streams that a final block has ended.
  std::size_t input_bytes_ = 0;
  std::size_t max_input_bytes_ = 0;
  int ended_stream_count_ = 0;
  // Bytes since the last final block if they are the first of 00 00 ff ff, else kNoTail.
  int tail_bytes_ = kNoTail;
  bool is_inside_message_ = false;
  // The last byte consumed was the last one of a block.
  bool is_between_blocks_ = false;

  static constexpr int kNoTail = -1;
};

}  // namespace hotsocket
