// Compares every UTF-8 kernel with the naive one: on the whole text, and cut into pieces; and encodes what was decoded.
#include "../kernels/utf8-decode.h"
#include "../kernels/utf8.h"
#include "../test/reference.h"
#include "input.h"

namespace hotsocket {
namespace {

// The first byte is how often the rest is repeated, so that short inputs fill vectors and strides.
std::vector<std::uint8_t> make_text(FuzzInput& input) {
  const int copies = 1 << input.byte() % 8;
  const std::vector<std::uint8_t> unit = input.bytes(SIZE_MAX);
  std::vector<std::uint8_t> text;
  text.reserve(copies * unit.size());
  for (int i = 0; i < copies; ++i) text.insert(text.end(), unit.begin(), unit.end());
  return text;
}

void compare(const Utf8Kernel* kernel, std::span<const std::uint8_t> text, std::size_t piece_size) {
  const std::int32_t expected = reference::validate_utf8(text);
  require(validate_utf8_with(kernel, 0, text) == expected);
  std::int32_t state = 0;
  for (std::size_t i = 0; i < text.size(); i += piece_size) {
    const auto piece = text.subspan(i, std::min(piece_size, text.size() - i));
    const std::vector<std::uint8_t> exact(piece.begin(), piece.end());
    state = validate_utf8_with(kernel, state, exact);
    if (state < 0) {
      require(state - static_cast<std::int32_t>(i) == expected);
      return;
    }
  }
  require(state == expected);
}

std::vector<std::uint8_t> encode(std::span<const char16_t> units) {
  std::vector<std::uint8_t> bytes;
  const auto put = [&](std::uint32_t value) { bytes.push_back(static_cast<std::uint8_t>(value)); };
  for (std::size_t i = 0; i < units.size(); ++i) {
    std::uint32_t code = units[i];
    if (code >= 0xd800 && code < 0xdc00) code = 0x10000 + ((code - 0xd800) << 10) + (units[++i] - 0xdc00u);
    const int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    constexpr std::uint32_t LEADS[] = {0, 0xc0, 0xe0, 0xf0};
    put(LEADS[more] | code >> 6 * more);
    for (int left = more; left-- > 0;) put(0x80 | (code >> 6 * left & 0x3f));
  }
  return bytes;
}

// Of what is not valid only that it stays within its memory.
void check_decoding(const std::vector<std::uint8_t>& text) {
  std::vector<char16_t> units(text.size());
  units.resize(decode_utf8(text, units));
  if (reference::validate_utf8(text) == 0) require(encode(units) == text);
}

}  // namespace
}  // namespace hotsocket

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hotsocket;
  FuzzInput input(data, size);
  const std::size_t piece_size = 1 + input.byte();
  const std::vector<std::uint8_t> text = make_text(input);
  check_decoding(text);
  compare(nullptr, text, piece_size);
  for (const Utf8Kernel& kernel : utf8_kernels()) compare(&kernel, text, piece_size);
  return 0;
}
