#include "inflater.h"

#include <algorithm>
#include <array>
#include <limits>

namespace hotsocket {
namespace {

// What a peer leaves out at the end of a message and the caller appends again. Source: RFC 7692 §7.2.1.
constexpr std::array<std::uint8_t, 4> kTail = {0x00, 0x00, 0xff, 0xff};

// The same numbers as in src/kernels/js/zlib.ts: what one refuses, the other refuses.
constexpr int kMaxStreamsPerMessage = 1024;
constexpr std::size_t kSpareInputBytes = 1024;

// Room to spare: zlib takes a slower path where less than 258 bytes are left.
constexpr std::size_t kFirstOutputBytes = 16 * 1024;
constexpr std::size_t kMaxSliceBytes = std::size_t{1} << 30;  // zlib counts in 32 bits

// zlib's data_type after a call that did something: bits left over in the last byte, and "stands between two blocks".
constexpr int kLeftOverBits = 0x3f;
constexpr int kBetweenBlocks = 0x80;

constexpr std::size_t add_saturating(std::size_t a, std::size_t b) {
  return a > std::numeric_limits<std::size_t>::max() - b ? std::numeric_limits<std::size_t>::max() : a + b;
}

}  // namespace

std::unique_ptr<Inflater> Inflater::create(const ZlibApi& api, int window_bits) {
  auto inflater = std::make_unique<Inflater>(Key{}, api);
  if (inflater == nullptr) return nullptr;
  const int result =
      api.inflate_init2(&inflater->stream_, -window_bits, ZLIB_VERSION, static_cast<int>(sizeof(z_stream)));
  if (result != Z_OK) return nullptr;
  return inflater;
}

Inflater::~Inflater() { api_.inflate_end(&stream_); }

InflateStatus Inflater::inflate(std::span<const std::uint8_t> piece, bool is_final, std::size_t max_bytes,
                                std::size_t budget, ByteBuffer& out) {
  if (!accept_input(piece.size(), max_bytes)) return InflateStatus::kTooLarge;
  while (!piece.empty() || is_midway_) {
    is_midway_ = false;
    const auto slice = piece.first(std::min(piece.size(), kMaxSliceBytes));
    piece = piece.subspan(slice.size());
    const InflateStatus status = inflate_slice(slice, max_bytes, budget, out);
    if (status == InflateStatus::kMore) {
      is_midway_ = true;
      rest_ = stream_.avail_in + piece.size();
      input_bytes_ -= rest_;  // it is counted when it comes again
    }
    if (status != InflateStatus::kOk) return status;
  }
  return is_final ? end_message() : InflateStatus::kOk;
}

InflateStatus Inflater::inflate_message(std::span<const std::uint8_t> message, std::size_t max_bytes,
                                        std::size_t budget, ByteBuffer& out) {
  const InflateStatus status = inflate(message, false, max_bytes, budget, out);
  if (status != InflateStatus::kOk) return status;
  // The tail ends a block and yields nothing: no budget is needed any more.
  return inflate(kTail, true, max_bytes, max_bytes, out);
}

void Inflater::reset() {
  api_.inflate_reset(&stream_);
  is_inside_message_ = false;
  is_midway_ = false;
}

std::size_t Inflater::memory_bytes(int window_bits) {
  constexpr std::size_t kStateBytes = 8 * 1024;
  return kStateBytes + (std::size_t{1} << window_bits);
}

// Empty blocks yield nothing, so the output's limit alone would let a message go on for ever.
bool Inflater::accept_input(std::size_t byte_length, std::size_t max_bytes) {
  if (!is_inside_message_) {
    begin_message();
    max_input_bytes_ = add_saturating(add_saturating(max_bytes, max_bytes), kSpareInputBytes);
  }
  input_bytes_ = add_saturating(input_bytes_, byte_length);
  return input_bytes_ <= max_input_bytes_;
}

InflateStatus Inflater::inflate_slice(std::span<const std::uint8_t> slice, std::size_t max_bytes, std::size_t budget,
                                      ByteBuffer& out) {
  const std::size_t stop = std::min(max_bytes, budget);
  stream_.next_in = const_cast<Bytef*>(slice.data());  // zlib reads only
  stream_.avail_in = static_cast<uInt>(slice.size());
  for (;;) {
    const bool is_at_limit = out.size() >= max_bytes;
    if (!is_at_limit && out.size() >= budget) return InflateStatus::kMore;
    if (!is_at_limit && out.room().empty() && !out.grow(kFirstOutputBytes, stop)) return InflateStatus::kNoMemory;
    // At the limit one byte of room tells an end from an excess.
    std::uint8_t excess = 0;
    const std::span<std::uint8_t> room =
        is_at_limit ? std::span(&excess, 1)
                    : out.room().first(std::min({out.room().size(), stop - out.size(), kMaxSliceBytes}));
    stream_.next_out = room.data();
    stream_.avail_out = static_cast<uInt>(room.size());

    const std::uint8_t* const before = stream_.next_in;
    const int result = api_.inflate(&stream_, Z_SYNC_FLUSH);
    const std::size_t yielded = room.size() - stream_.avail_out;
    if (is_at_limit && yielded > 0) return InflateStatus::kTooLarge;
    out.commit(yielded);
    match_tail({before, stream_.next_in});

    if (result == Z_STREAM_END) {
      const InflateStatus status = end_stream();
      if (status != InflateStatus::kOk) return status;
      if (stream_.avail_in == 0) return InflateStatus::kOk;
      continue;
    }
    if (result == Z_MEM_ERROR) return InflateStatus::kNoMemory;
    if (result != Z_OK && result != Z_BUF_ERROR) return InflateStatus::kCorrupt;
    // Z_BUF_ERROR: there was nothing to do, and data_type says nothing.
    if (result == Z_OK) {
      is_between_blocks_ = (stream_.data_type & kBetweenBlocks) != 0 && (stream_.data_type & kLeftOverBits) == 0;
    }
    // Room left over means that zlib holds nothing back.
    if (stream_.avail_out > 0) return InflateStatus::kOk;
  }
}

// What follows a final block is a new stream with an empty window. Source: RFC 7692 §7.2.3.4.
InflateStatus Inflater::end_stream() {
  ended_stream_count_ += 1;
  if (ended_stream_count_ > kMaxStreamsPerMessage) return InflateStatus::kCorrupt;
  tail_bytes_ = 0;
  api_.inflate_reset(&stream_);
  return InflateStatus::kOk;
}

void Inflater::match_tail(std::span<const std::uint8_t> consumed) {
  for (const std::uint8_t byte : consumed) {
    if (tail_bytes_ == kNoTail) return;
    const auto index = static_cast<std::size_t>(tail_bytes_);
    tail_bytes_ = index < kTail.size() && byte == kTail[index] ? tail_bytes_ + 1 : kNoTail;
  }
}

// A message ends between two blocks on a whole byte, or with a final block. A peer that ended with one and sent no
// 00 after it leaves the bare tail over, which is no block.
InflateStatus Inflater::end_message() {
  is_inside_message_ = false;
  if (input_bytes_ == 0 || tail_bytes_ == 0) return InflateStatus::kOk;
  if (tail_bytes_ == static_cast<int>(kTail.size())) {
    api_.inflate_reset(&stream_);
    return InflateStatus::kOk;
  }
  return is_between_blocks_ ? InflateStatus::kOk : InflateStatus::kCorrupt;
}

void Inflater::begin_message() {
  is_inside_message_ = true;
  input_bytes_ = 0;
  ended_stream_count_ = 0;
  tail_bytes_ = kNoTail;
}

}  // namespace hotsocket
