// Owns the tests of mask, UTF-8 validation and scanner that need a sanitizer or a kernel that is not the fastest one.
// What they yield is tested further through the binding, over both twins.
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../kernels/mask.h"
#include "../kernels/scanner.h"
#include "../kernels/utf8.h"
#include "check.h"
#include "reference.h"
#include "scan-comparison.h"

namespace hotsocket {
namespace {

// Of exactly its size on the heap, so that the sanitizer sees a byte read or written beyond it.
using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t MAX_LENGTH = 300;
constexpr std::size_t MAX_OFFSET = 64;
constexpr std::uint32_t KEY = 0xe1a24537;

// The same numbers in every run.
class Random {
 public:
  std::uint32_t next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::uint32_t>(state_ >> 33);
  }
  std::uint32_t below(std::uint32_t limit) { return next() % limit; }

 private:
  std::uint64_t state_ = 1;
};

Bytes random_bytes(Random& random, std::size_t length) {
  Bytes bytes(length);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.next());
  return bytes;
}

Bytes text(std::string_view characters) { return {characters.begin(), characters.end()}; }

std::string at(const char* kernel, std::size_t length, std::size_t offset) {
  return std::string(kernel) + ", length " + std::to_string(length) + ", offset " + std::to_string(offset);
}

// Every instruction set, every length and alignment: the bytes, and nothing but the bytes.
void masks_every_length_at_every_offset(const MaskKernel& kernel) {
  Random random;
  for (std::size_t length = 0; length <= MAX_LENGTH; ++length) {
    for (std::size_t offset = 0; offset < MAX_OFFSET; ++offset) {
      const Bytes original = random_bytes(random, offset + length);
      const std::uint32_t key = rotate_masking_key(KEY, offset);
      Bytes expected = original;
      bool is_ascii = true;
      for (std::size_t i = 0; i < length; ++i) {
        expected[offset + i] = reference::mask_byte(original[offset + i], KEY, offset + i);
        is_ascii = is_ascii && expected[offset + i] < 0x80;
      }
      Bytes in_place = original;
      const std::span<std::uint8_t> bytes = std::span(in_place).subspan(offset);
      check(kernel.mask(bytes, bytes, key) == is_ascii, at(kernel.name, length, offset).c_str());
      check(in_place == expected, at(kernel.name, length, offset).c_str());
      Bytes apart(length);
      kernel.mask(std::span(original).subspan(offset), apart, key);
      check(std::equal(apart.begin(), apart.end(), expected.begin() + static_cast<std::ptrdiff_t>(offset)),
            at(kernel.name, length, offset).c_str());
    }
  }
}

void tells_where_a_byte_is_not_ascii(const MaskKernel& kernel) {
  for (std::size_t length = 1; length <= MAX_LENGTH; ++length) {
    for (std::size_t i = 0; i < length; ++i) {
      Bytes bytes(length, 'a');
      check(kernel.mask(bytes, bytes, 0), at(kernel.name, length, i).c_str());
      check(is_ascii(bytes), at("is_ascii", length, i).c_str());
      bytes[i] = 0x80;
      check(!kernel.mask(bytes, bytes, 0), at(kernel.name, length, i).c_str());
      check(!is_ascii(bytes), at("is_ascii", length, i).c_str());
    }
  }
}

const std::array<Bytes, 5> TEXTS = {text("plain"), text("Größe"), text("日本語"), text("😀🎉"), text("a£€𐍈")};

Bytes repeat(const Bytes& unit, std::size_t length) {
  Bytes bytes;
  while (bytes.size() < length) bytes.insert(bytes.end(), unit.begin(), unit.end());
  bytes.resize(length);
  bytes.shrink_to_fit();
  return Bytes(bytes);
}

void expect_as_reference(const Utf8Kernel* kernel, const Bytes& bytes) {
  const std::int32_t expected = reference::validate_utf8(bytes);
  const char* const name = kernel == nullptr ? "scalar" : kernel->name;
  check(validate_utf8_with(kernel, 0, bytes) == expected, at(name, bytes.size(), 0).c_str());
}

void validates_texts_cut_anywhere(const Utf8Kernel* kernel) {
  for (const Bytes& unit : TEXTS) {
    for (std::size_t length = 0; length <= MAX_LENGTH; ++length) {
      const Bytes whole = repeat(unit, length);
      expect_as_reference(kernel, whole);
      for (std::size_t cut = 0; cut <= length; ++cut) {
        const Bytes head(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut));
        const Bytes tail(whole.begin() + static_cast<std::ptrdiff_t>(cut), whole.end());
        const std::int32_t between = validate_utf8_with(kernel, 0, head);
        check(validate_utf8_with(kernel, between, tail) == reference::validate_utf8(whole), "split text");
      }
    }
  }
}

void finds_a_bad_byte_anywhere(const Utf8Kernel* kernel) {
  constexpr std::uint8_t BAD[] = {0x00, 0x7f, 0x80, 0x90, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1,
                                  0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xf8, 0xfc, 0xfe, 0xff};
  for (const Bytes& unit : TEXTS) {
    for (const std::size_t length : {1u, 16u, 31u, 64u, 65u, 127u, 200u}) {
      for (std::size_t i = 0; i < length; ++i) {
        for (const std::uint8_t bad : BAD) {
          Bytes bytes = repeat(unit, length);
          bytes[i] = bad;
          expect_as_reference(kernel, bytes);
        }
      }
    }
  }
}

// Strides of the driver: a fault, or a cut code point, around the border between two of them.
void validates_across_strides(const Utf8Kernel* kernel) {
  for (const Bytes& unit : TEXTS) {
    for (std::size_t lead = 0; lead < 4; ++lead) {
      Bytes bytes(lead, 'x');
      const Bytes body = repeat(unit, 3 * 4096 + 17);
      bytes.insert(bytes.end(), body.begin(), body.end());
      expect_as_reference(kernel, Bytes(bytes));
      for (std::size_t i = 4080; i < 4110; ++i) {
        Bytes broken = bytes;
        broken[i] = 0xff;
        expect_as_reference(kernel, broken);
      }
    }
  }
}

void validates_random_bytes(const Utf8Kernel* kernel) {
  // Bytes at the borders of the grammar's ranges, so that valid sequences are likely.
  constexpr std::uint8_t ALPHABET[] = {0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc2,
                                       0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5};
  Random random;
  for (int round = 0; round < 100000; ++round) {
    Bytes bytes = repeat(TEXTS[random.below(TEXTS.size())], random.below(80));
    for (std::size_t i = bytes.size() - std::min<std::size_t>(bytes.size(), 6); i < bytes.size(); ++i) {
      bytes[i] = ALPHABET[random.below(std::size(ALPHABET))];
    }
    expect_as_reference(kernel, bytes);
  }
}

Bytes random_frames(Random& random) {
  constexpr std::size_t LENGTHS[] = {0, 1, 2, 7, 31, 64, 125, 126, 127, 300};
  Bytes stream;
  for (int i = 0; i < 8; ++i) {
    const std::size_t length = LENGTHS[random.below(std::size(LENGTHS))];
    const std::uint8_t mask_bit = random.below(4) == 0 ? 0 : 0x80;
    const int form = length < 126 ? static_cast<int>(random.below(3)) : 1 + static_cast<int>(random.below(2));
    stream.push_back(static_cast<std::uint8_t>(random.next()));
    stream.push_back(static_cast<std::uint8_t>(mask_bit | (form == 0 ? length : form == 1 ? 126 : 127)));
    for (int shift = form == 0 ? -8 : form == 1 ? 8 : 56; shift >= 0; shift -= 8) {
      stream.push_back(static_cast<std::uint8_t>(std::uint64_t{length} >> shift));
    }
    const Bytes rest = random_bytes(random, (mask_bit != 0 ? 4 : 0) + length);
    stream.insert(stream.end(), rest.begin(), rest.end());
  }
  return stream;
}

void scans_as_reference_at_every_chunk_size() {
  Random random;
  for (int round = 0; round < 40; ++round) {
    const Bytes stream = random_frames(random);
    for (const std::size_t chunk_size : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7},
                                         std::size_t{64}, std::size_t{100}, stream.size()}) {
      ScanComparison comparison;
      for (std::size_t i = 0; i < stream.size(); i += chunk_size) {
        const auto first = stream.begin() + static_cast<std::ptrdiff_t>(i);
        const Bytes chunk(first, first + static_cast<std::ptrdiff_t>(std::min(chunk_size, stream.size() - i)));
        check(comparison.holds(chunk, 1 + random.below(9)), "rows and payload");
      }
    }
  }
}

void survives_any_state() {
  constexpr std::int32_t WORDS[] = {0, 1, 2, 13, 14, 15, -1, 0x7fffffff, -0x7fffffff - 1, 0xff, 0x8182, 0xfe82};
  Random random;
  for (int round = 0; round < 200000; ++round) {
    ScannerState state;
    for (std::int32_t& word : state) word = WORDS[random.below(std::size(WORDS))];
    Bytes chunk = random_bytes(random, random.below(40));
    std::vector<std::int32_t> table(random.below(3 * layout::ROW_WORDS));
    const std::size_t count = scan(ScanState(state), chunk, random.below(50), table);
    check(count <= table.size() / layout::ROW_WORDS, "row count");
    const std::int32_t consumed = state[layout::scan_state::CONSUMED];
    check(consumed >= 0 && static_cast<std::size_t>(consumed) <= chunk.size(), "consumed");
  }
}

void needs_room_for_a_row() {
  Bytes chunk = {0x81, 0x01, 'a'};
  ScannerState state{};
  state[layout::scan_state::CONSUMED] = 7;
  std::vector<std::int32_t> table(layout::ROW_WORDS - 1);
  check(scan(ScanState(state), chunk, 0, table) == 0, "no row");
  check(state == ScannerState{}, "nothing consumed");
}

}  // namespace
}  // namespace hotsocket

int main() {
  using namespace hotsocket;
  for (const MaskKernel& kernel : mask_kernels()) {
    std::printf("  mask: %s\n", kernel.name);
    masks_every_length_at_every_offset(kernel);
    tells_where_a_byte_is_not_ascii(kernel);
  }
  std::vector<const Utf8Kernel*> kernels = {nullptr};
  for (const Utf8Kernel& kernel : utf8_kernels()) kernels.push_back(&kernel);
  for (const Utf8Kernel* kernel : kernels) {
    std::printf("  utf8: %s\n", kernel == nullptr ? "scalar" : kernel->name);
    validates_texts_cut_anywhere(kernel);
    finds_a_bad_byte_anywhere(kernel);
    validates_across_strides(kernel);
    validates_random_bytes(kernel);
  }
  scans_as_reference_at_every_chunk_size();
  survives_any_state();
  needs_room_for_a_row();
}
