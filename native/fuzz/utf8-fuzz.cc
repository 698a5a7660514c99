// Compares every UTF-8 kernel with the naive one: on the whole text, and cut into pieces.
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

}  // namespace
}  // namespace hotsocket

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hotsocket;
  FuzzInput input(data, size);
  const std::size_t piece_size = 1 + input.byte();
  const std::vector<std::uint8_t> text = make_text(input);
  compare(nullptr, text, piece_size);
  for (const Utf8Kernel& kernel : utf8_kernels()) compare(&kernel, text, piece_size);
  return 0;
}
