// Compares the scanner with the naive one on a stream cut into arbitrary chunks, with tables of arbitrary size; then
// lets it loose on an arbitrary state, where only the bounds matter.
#include "../kernels/scanner.h"
#include "../test/scan-comparison.h"
#include "input.h"

namespace hotsocket {
namespace {

void compare(FuzzInput& input) {
  ScanComparison comparison;
  while (!input.is_empty()) {
    const std::size_t capacity = 1 + input.byte() % 8;
    require(comparison.holds(input.bytes(1 + input.byte()), capacity));
  }
}

void scan_with_any_state(FuzzInput& input) {
  ScannerState state;
  for (std::int32_t& word : state) {
    word = static_cast<std::int32_t>(input.byte() | input.byte() << 8 | std::uint32_t{input.byte()} << 24);
  }
  const std::size_t from = input.byte();
  std::vector<std::int32_t> table(input.byte());
  std::vector<std::uint8_t> chunk = input.bytes(SIZE_MAX);
  require(scan(ScanState(state), chunk, from, table) <= table.size() / layout::ROW_WORDS);
  const std::int32_t consumed = state[layout::scan_state::CONSUMED];
  require(consumed >= 0 && static_cast<std::size_t>(consumed) <= chunk.size());
}

}  // namespace
}  // namespace hotsocket

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hotsocket;
  FuzzInput input(data, size);
  if (input.byte() % 4 == 0) {
    scan_with_any_state(input);
  } else {
    compare(input);
  }
  return 0;
}
