// Owns the fuzz target of the inflater: any bytes, cut in any way, give the same text or the same refusal, and never
// more than the limit; and what it yields comes back through the deflater. Links the system's zlib in place of Node's.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "../kernels/deflater.h"
#include "../kernels/inflater.h"

namespace {

using hotsocket::ByteBuffer;
using hotsocket::Deflater;
using hotsocket::Inflater;
using hotsocket::InflateStatus;
using Bytes = std::vector<std::uint8_t>;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Inflated {
  InflateStatus status;
  Bytes bytes;
};

// Cuts `message` into pieces of `piece_size` bytes, each of its own on the heap.
Inflated inflate(Inflater& inflater, std::span<const std::uint8_t> message, std::size_t piece_size, std::size_t max_bytes) {
  ByteBuffer out;
  do {
    const auto head = message.first(std::min(piece_size, message.size()));
    message = message.subspan(head.size());
    const Bytes piece(head.begin(), head.end());
    const InflateStatus status = inflater.inflate(piece, message.empty(), max_bytes, max_bytes, out);
    require(out.size() <= max_bytes);
    if (status != InflateStatus::kOk) return {status, {}};
  } while (!message.empty());
  return {InflateStatus::kOk, {out.bytes().begin(), out.bytes().end()}};
}

// The same in slices of at most `budget` bytes.
Inflated inflate_in_slices(Inflater& inflater, std::span<const std::uint8_t> message, std::size_t budget,
                           std::size_t max_bytes) {
  Bytes text;
  for (;;) {
    const Bytes rest(message.begin(), message.end());
    ByteBuffer out;
    const InflateStatus status = inflater.inflate(rest, true, max_bytes - text.size(), budget, out);
    require(out.size() <= budget);
    text.insert(text.end(), out.bytes().begin(), out.bytes().end());
    if (status == InflateStatus::kOk) return {status, text};
    if (status != InflateStatus::kMore) return {status, {}};
    require(inflater.rest() <= message.size());
    message = message.last(inflater.rest());
  }
}

void require_round_trip(const hotsocket::ZlibApi& zlib, const Bytes& text, int window_bits) {
  const auto deflater = Deflater::create(zlib, {std::max(window_bits, 9), 1, 1});
  ByteBuffer deflated;
  require(deflater->deflate(text, true, deflated) == hotsocket::DeflateStatus::kOk);
  const auto inflater = Inflater::create(zlib, 15);
  require(inflate(*inflater, deflated.bytes(), deflated.size(), std::max(text.size(), deflated.size())).bytes == text);
}

}  // namespace

// The first three bytes are the window, the size of the pieces and the limit; the rest is the message.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const hotsocket::ZlibApi* const zlib = hotsocket::zlib_api();
  require(zlib != nullptr);
  if (size < 3) return 0;
  const int window_bits = 8 + data[0] % 8;
  const std::size_t piece_size = std::size_t{1} + data[1];
  const std::size_t max_bytes = std::size_t{data[2]} * data[2];
  const std::span message(data + 3, size - 3);

  // Only a window of 15 bits holds all that a stream may reach back to: with less, the cut may decide.
  const auto whole = Inflater::create(*zlib, 15);
  const auto cut = Inflater::create(*zlib, 15);
  const Inflated expected = inflate(*whole, message, size, max_bytes);
  const Inflated actual = inflate(*cut, message, piece_size, max_bytes);
  // A message that is both corrupt and too large is called either: its input is counted before it is inflated.
  require((actual.status == InflateStatus::kOk) == (expected.status == InflateStatus::kOk));
  require(actual.bytes == expected.bytes);

  const auto sliced = Inflater::create(*zlib, 15);
  const Inflated in_slices = inflate_in_slices(*sliced, message, piece_size, max_bytes);
  require((in_slices.status == InflateStatus::kOk) == (expected.status == InflateStatus::kOk));
  require(in_slices.bytes == expected.bytes);

  const auto small = Inflater::create(*zlib, window_bits);
  const Inflated in_small = inflate(*small, message, piece_size, max_bytes);
  require(in_small.status != InflateStatus::kOk || in_small.bytes == expected.bytes);
  if (expected.status == InflateStatus::kOk) require_round_trip(*zlib, expected.bytes, window_bits);
  return 0;
}
