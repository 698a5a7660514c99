// Owns the tests of the inflater and the deflater that need a sanitizer: bounds, limits, memory, failed allocations.
// What they yield is tested through the binding, over both twins. Links the system's zlib in the place of Node's.
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "../kernels/deflater.h"
#include "../kernels/inflater.h"
#include "check.h"

namespace hotsocket {
namespace {

// Of exactly its size on the heap, so that the sanitizer sees a byte read beyond it.
using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kNoLimit = 1 << 30;

const ZlibApi& zlib() {
  const ZlibApi* const api = zlib_api();
  check(api != nullptr, "zlib is found");
  return *api;
}

Bytes copy(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

Bytes text(std::string_view characters) { return {characters.begin(), characters.end()}; }

Bytes noise(std::size_t byte_length, std::uint32_t seed) {
  Bytes bytes(byte_length);
  std::ranges::generate(bytes, [state = seed]() mutable {
    state = state * 1'664'525 + 1'013'904'223;
    return static_cast<std::uint8_t>(state >> 24);
  });
  return bytes;
}

Bytes deflate(Deflater& deflater, const Bytes& message, std::size_t piece_size) {
  ByteBuffer out;
  for (std::size_t from = 0; from == 0 || from < message.size(); from += piece_size) {
    const Bytes piece = copy(std::span(message).subspan(from, std::min(piece_size, message.size() - from)));
    const bool is_final = from + piece_size >= message.size();
    check(deflater.deflate(piece, is_final, out) == DeflateStatus::kOk, "deflates");
  }
  return copy(out.bytes());
}

struct Inflated {
  InflateStatus status;
  Bytes bytes;
  friend bool operator==(const Inflated&, const Inflated&) = default;
};

Inflated inflate(Inflater& inflater, const Bytes& message, std::size_t piece_size, std::size_t max_bytes = kNoLimit) {
  ByteBuffer out;
  for (std::size_t from = 0; from == 0 || from < message.size(); from += piece_size) {
    const Bytes piece = copy(std::span(message).subspan(from, std::min(piece_size, message.size() - from)));
    const bool is_final = from + piece_size >= message.size();
    const InflateStatus status = inflater.inflate(piece, is_final, max_bytes, max_bytes, out);
    check(out.size() <= max_bytes, "never holds more than the limit");
    if (status != InflateStatus::kOk) return {status, {}};
  }
  return {InflateStatus::kOk, copy(out.bytes())};
}

void gives_back_messages_in_one_context() {
  for (const int window_bits : {9, 12, 15}) {
    const auto deflater = Deflater::create(zlib(), {window_bits, 6, 8});
    const auto inflater = Inflater::create(zlib(), window_bits);
    for (std::size_t byte_length = 0; byte_length < 70'000; byte_length = byte_length * 2 + 1) {
      for (const std::size_t piece_size : {std::size_t{7}, std::size_t{1000}, kNoLimit}) {
        const Bytes message = noise(byte_length, 1);
        const Bytes deflated = deflate(*deflater, message, piece_size);
        check(inflate(*inflater, deflated, piece_size) == Inflated{InflateStatus::kOk, message}, "gives it back");
      }
    }
  }
}

void holds_the_limit_to_the_byte() {
  const Bytes message = noise(5000, 2);
  const auto deflater = Deflater::create(zlib(), {});
  const Bytes deflated = deflate(*deflater, message, kNoLimit);
  for (const std::size_t piece_size : {std::size_t{1}, std::size_t{999}, kNoLimit}) {
    const auto inflate_with = [&](std::size_t max_bytes) {
      return inflate(*Inflater::create(zlib(), 15), deflated, piece_size, max_bytes).status;
    };
    check(inflate_with(5000) == InflateStatus::kOk, "exactly the limit");
    check(inflate_with(4999) == InflateStatus::kTooLarge, "one byte more");
    check(inflate_with(2499) == InflateStatus::kTooLarge, "too much input");
  }
}

void stops_a_bomb_at_the_limit() {
  const auto deflater = Deflater::create(zlib(), {});
  const Bytes mebibyte = deflate(*deflater, Bytes(1 << 20), kNoLimit);
  const auto inflater = Inflater::create(zlib(), 15);
  ByteBuffer out;
  InflateStatus status = InflateStatus::kOk;
  for (int i = 0; i < 4 && status == InflateStatus::kOk; i++) {
    status = inflater->inflate(mebibyte, false, 3 << 20, 3 << 20, out);
  }
  check(status == InflateStatus::kTooLarge, "the fourth is too much");
  check(out.size() == 3 << 20, "what was ready before stays");
}

// A message in slices of at most `budget` bytes.
Inflated inflate_in_slices(Inflater& inflater, std::span<const std::uint8_t> message, std::size_t budget,
                           std::size_t max_bytes) {
  Bytes text;
  for (;;) {
    ByteBuffer out;
    const Bytes input = copy(message);
    const InflateStatus status = inflater.inflate_message(input, max_bytes - text.size(), budget, out);
    check(out.size() <= budget, "keeps to its budget");
    text.insert(text.end(), out.bytes().begin(), out.bytes().end());
    if (status == InflateStatus::kOk) return {status, text};
    if (status != InflateStatus::kMore) return {status, {}};
    check(inflater.rest() <= message.size(), "the rest is a part of the input");
    message = message.last(inflater.rest());
  }
}

void inflates_in_slices() {
  const auto deflater = Deflater::create(zlib(), {});
  const auto inflater = Inflater::create(zlib(), 15);
  for (const Bytes& message : {noise(3000, 4), Bytes(100'000), Bytes{}, text("Hello")}) {
    const Bytes whole = deflate(*deflater, message, kNoLimit);
    const auto deflated = std::span(whole).first(whole.size() - 4);
    for (const std::size_t budget : {std::size_t{1}, std::size_t{258}, std::size_t{1000}, kNoLimit}) {
      const auto sliced = [&](std::size_t max_bytes) {
        inflater->reset();
        return inflate_in_slices(*inflater, deflated, budget, max_bytes);
      };
      const std::size_t enough = std::max(message.size(), deflated.size());
      check(sliced(enough) == Inflated{InflateStatus::kOk, message}, "gives it back in slices");
      if (!message.empty()) {
        check(inflate_in_slices(*Inflater::create(zlib(), 15), deflated, budget, message.size() - 1).status ==
                  InflateStatus::kTooLarge,
              "holds the limit in slices");
      }
    }
    deflater->reset();
  }
}

void deflates_into_a_target_of_any_size() {
  const Bytes message = noise(700, 5);
  for (std::size_t target_size = 0; target_size < 900; target_size++) {
    const auto deflater = Deflater::create(zlib(), {});
    Bytes target(target_size);
    std::optional<std::size_t> count;
    ByteBuffer out;
    check(deflater->deflate_message(message, target, count, out) == DeflateStatus::kOk, "deflates");
    const Bytes deflated = count ? Bytes(target.begin(), target.begin() + static_cast<std::ptrdiff_t>(*count))
                                 : copy(out.bytes());
    ByteBuffer inflated;
    const auto inflater = Inflater::create(zlib(), 15);
    check(inflater->inflate_message(deflated, 1000, 1000, inflated) == InflateStatus::kOk, "inflates");
    check(copy(inflated.bytes()) == message, "gives it back");
  }
}

void reaches_back_one_byte_only_by_run_lengths() {
  Bytes message = noise(2000, 6);
  message.insert(message.end(), message.begin(), message.begin() + 2000);
  message.insert(message.end(), 500, 7);
  const auto deflater = Deflater::create(zlib(), {.window_bits = 9, .strategy = Z_RLE});
  const Bytes deflated = deflate(*deflater, message, kNoLimit);
  check(deflated.size() > 4000, "finds no repetition");
  check(deflated.size() < 4200, "but runs");
  check(inflate(*Inflater::create(zlib(), 8), deflated, 7) == Inflated{InflateStatus::kOk, message}, "in 256 bytes");
}

void accepts_a_final_block() {
  const Bytes final = {0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00};
  for (const Bytes& rest : std::initializer_list<Bytes>{{}, {0, 0, 0xff, 0xff}, {0, 0, 0, 0xff, 0xff}}) {
    Bytes message = final;
    message.insert(message.end(), rest.begin(), rest.end());
    const auto inflater = Inflater::create(zlib(), 15);
    for (const std::size_t piece_size : {std::size_t{1}, kNoLimit}) {
      check(inflate(*inflater, message, piece_size) == Inflated{InflateStatus::kOk, text("Hello")}, "RFC 7692 §7.2.3.4");
    }
  }
}

void survives_any_input() {
  for (std::uint32_t seed = 0; seed < 20'000; seed++) {
    Bytes message = noise(seed % 97, seed);
    if (!message.empty()) message[0] = static_cast<std::uint8_t>(seed % 8);  // reaches every kind of block
    inflate(*Inflater::create(zlib(), 8 + static_cast<int>(seed % 8)), message, 1 + seed % 13, seed % 1000);
  }
}

void reports_failed_allocations() {
  ZlibApi api = zlib();
  api.inflate = [](z_streamp, int) { return Z_MEM_ERROR; };
  const auto inflater = Inflater::create(api, 15);
  check(inflate(*inflater, text("x"), 1).status == InflateStatus::kNoMemory, "inflate without memory");
  api.inflate_init2 = [](z_streamp, int, const char*, int) { return Z_MEM_ERROR; };
  api.deflate_init2 = [](z_streamp, int, int, int, int, int, const char*, int) { return Z_MEM_ERROR; };
  check(Inflater::create(api, 15) == nullptr, "no inflater");
  check(Deflater::create(api, {}) == nullptr, "no deflater");
}

}  // namespace
}  // namespace hotsocket

int main() {
  hotsocket::gives_back_messages_in_one_context();
  hotsocket::holds_the_limit_to_the_byte();
  hotsocket::stops_a_bomb_at_the_limit();
  hotsocket::inflates_in_slices();
  hotsocket::deflates_into_a_target_of_any_size();
  hotsocket::reaches_back_one_byte_only_by_run_lengths();
  hotsocket::accepts_a_final_block();
  hotsocket::survives_any_input();
  hotsocket::reports_failed_allocations();
}
