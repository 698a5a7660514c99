// Owns one raw deflate stream (RFC 1951) that keeps its window between messages.
// Must not know Node-API, nor what a message means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "byte-buffer.h"
#include "malloc-allocated.h"
#include "zlib-api.h"

namespace hotsocket {

enum class DeflateStatus { kOk, kNoMemory };

struct DeflaterOptions {
  int window_bits = 15;  // 9-15: zlib's raw deflate has no window of 256 bytes
  int level = 6;         // 0-9
  int mem_level = 8;     // 1-9
  int strategy = Z_DEFAULT_STRATEGY;  // or Z_RLE, which reaches back one byte only
};

class Deflater : public MallocAllocated {
  struct Key {};  // only `create` has one

 public:
  // Returns null if there is no memory. The options are in their ranges.
  static std::unique_ptr<Deflater> create(const ZlibApi& api, const DeflaterOptions& options);

  Deflater(Key, const ZlibApi& api) : api_(api) {}
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater();

  // Deflates one piece of a message behind what `out` holds. With `is_final` the output ends with 00 00 ff ff.
  DeflateStatus deflate(std::span<const std::uint8_t> piece, bool is_final, ByteBuffer& out);

  // Deflates a whole message without the tail 00 00 ff ff: into `target`, if it has room, with the count in
  // `target_bytes`; else behind what `out` holds, and `target_bytes` is nothing.
  DeflateStatus deflate_message(std::span<const std::uint8_t> message, std::span<std::uint8_t> target,
                                std::optional<std::size_t>& target_bytes, ByteBuffer& out);

  // Forgets the window and the message that has begun.
  void reset();

  // Bytes that a context takes. Source: zlib's zconf.h.
  static std::size_t memory_bytes(const DeflaterOptions& options);

 private:
  DeflateStatus run(int flush, ByteBuffer& out);

  const ZlibApi& api_;
  z_stream stream_{};
};

}  // namespace hotsocket
