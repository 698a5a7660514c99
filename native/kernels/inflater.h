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

// `kMore`: the budget is used up, and the piece is not done.
enum class InflateStatus { kOk, kMore, kCorrupt, kTooLarge, kNoMemory };

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
  // `is_final`: the message ends with the piece, as Inflater in src/core/kernels.ts says. `budget`, at least 1: with so
  // many bytes in `out` it stops, if that is less than `max_bytes`; the call that follows kMore takes the last `rest()`
  // bytes of the piece. After any status but kOk and kMore the stream is of no use.
  InflateStatus inflate(std::span<const std::uint8_t> piece, bool is_final, std::size_t max_bytes, std::size_t budget,
                        ByteBuffer& out);

  // Inflates a message, or what is left of it, that comes without the tail 00 00 ff ff.
  InflateStatus inflate_message(std::span<const std::uint8_t> message, std::size_t max_bytes, std::size_t budget,
                                ByteBuffer& out);

  // After kMore: how many bytes of the piece are not consumed.
  std::size_t rest() const { return rest_; }

  // Forgets the window and the message that has begun.
  void reset();

  // Bytes that a context takes, roughly: zlib's state and the window.
  static std::size_t memory_bytes(int window_bits);

 private:
  bool accept_input(std::size_t byte_length, std::size_t max_bytes);
  InflateStatus inflate_slice(std::span<const std::uint8_t> slice, std::size_t max_bytes, std::size_t budget,
                              ByteBuffer& out);
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
  // The last call stopped at its budget: zlib may hold output back.
  bool is_midway_ = false;
  std::size_t rest_ = 0;

  static constexpr int kNoTail = -1;
};

}  // namespace hotsocket
