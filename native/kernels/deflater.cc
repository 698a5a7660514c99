#include "deflater.h"

#include <algorithm>
#include <array>
#include <limits>

namespace hotsocket {
namespace {

// An empty stored block on a byte boundary: what a flush yields where nothing was written since the last one.
// Source: RFC 7692 §7.2.3.6.
constexpr std::array<std::uint8_t, 5> kEmptyBlock = {0x00, 0x00, 0x00, 0xff, 0xff};

// What the end of a message is stripped of. Source: RFC 7692 §7.2.1.
constexpr std::size_t kTailBytes = 4;

constexpr std::size_t kFirstOutputBytes = 256;
constexpr std::size_t kMaxSliceBytes = std::size_t{1} << 30;  // zlib counts in 32 bits

}  // namespace

std::unique_ptr<Deflater> Deflater::create(const ZlibApi& api, const DeflaterOptions& options) {
  auto deflater = std::make_unique<Deflater>(Key{}, api);
  if (deflater == nullptr) return nullptr;
  const int result =
      api.deflate_init2(&deflater->stream_, options.level, Z_DEFLATED, -options.window_bits, options.mem_level,
                        options.strategy, ZLIB_VERSION, static_cast<int>(sizeof(z_stream)));
  if (result != Z_OK) return nullptr;
  return deflater;
}

Deflater::~Deflater() { api_.deflate_end(&stream_); }

DeflateStatus Deflater::deflate(std::span<const std::uint8_t> piece, bool is_final, ByteBuffer& out) {
  while (!piece.empty()) {
    const auto slice = piece.first(std::min(piece.size(), kMaxSliceBytes));
    piece = piece.subspan(slice.size());
    stream_.next_in = const_cast<Bytef*>(slice.data());  // zlib reads only
    stream_.avail_in = static_cast<uInt>(slice.size());
    const DeflateStatus status = run(is_final && piece.empty() ? Z_SYNC_FLUSH : Z_NO_FLUSH, out);
    if (status != DeflateStatus::kOk || piece.empty()) return status;
  }
  if (!is_final) return DeflateStatus::kOk;
  const std::size_t before = out.size();
  const DeflateStatus status = run(Z_SYNC_FLUSH, out);
  if (status != DeflateStatus::kOk || out.size() > before) return status;
  return out.append(kEmptyBlock) ? DeflateStatus::kOk : DeflateStatus::kNoMemory;
}

DeflateStatus Deflater::deflate_message(std::span<const std::uint8_t> message, std::span<std::uint8_t> target,
                                        std::optional<std::size_t>& target_bytes, ByteBuffer& out) {
  target_bytes.reset();
  if (message.size() <= kMaxSliceBytes && target.size() <= kMaxSliceBytes && target.size() >= kEmptyBlock.size()) {
    stream_.next_in = const_cast<Bytef*>(message.data());  // zlib reads only
    stream_.avail_in = static_cast<uInt>(message.size());
    stream_.next_out = target.data();
    stream_.avail_out = static_cast<uInt>(target.size());
    api_.deflate(&stream_, Z_SYNC_FLUSH);
    const std::size_t yielded = target.size() - stream_.avail_out;
    if (stream_.avail_out > 0) {
      target_bytes = yielded == 0 ? kEmptyBlock.size() - kTailBytes : yielded - kTailBytes;
      if (yielded == 0) target.front() = 0;
      return DeflateStatus::kOk;
    }
    // It goes on behind what was written.
    if (!out.append(target)) return DeflateStatus::kNoMemory;
    message = message.last(stream_.avail_in);
  }
  const DeflateStatus status = deflate(message, true, out);
  if (status == DeflateStatus::kOk) out.drop(kTailBytes);
  return status;
}

void Deflater::reset() { api_.deflate_reset(&stream_); }

std::size_t Deflater::memory_bytes(const DeflaterOptions& options) {
  constexpr std::size_t kStateBytes = 6 * 1024;
  return kStateBytes + (std::size_t{4} << options.window_bits) + (std::size_t{512} << options.mem_level);
}

// Runs until zlib leaves room over, which means that it is done with its input and the flush. A flush that fills the
// room exactly is followed by a second, empty block: valid, and rare.
DeflateStatus Deflater::run(int flush, ByteBuffer& out) {
  do {
    if (out.room().empty() && !out.grow(kFirstOutputBytes, std::numeric_limits<std::size_t>::max())) {
      return DeflateStatus::kNoMemory;
    }
    const auto room = out.room().first(std::min(out.room().size(), kMaxSliceBytes));
    stream_.next_out = room.data();
    stream_.avail_out = static_cast<uInt>(room.size());
    // Z_OK, or Z_BUF_ERROR where there is nothing to do: with options in their ranges there is no other result.
    api_.deflate(&stream_, flush);
    out.commit(room.size() - stream_.avail_out);
  } while (stream_.avail_out == 0);
  return DeflateStatus::kOk;
}

}  // namespace hotsocket
