// Compares the scanner with the naive one on a stream cut into arbitrary chunks, with tables of arbitrary size; then
// lets it loose on an arbitrary state, where only the bounds matter.
#include <array>

#include "../kernels/scanner.h"
#include "../test/reference.h"
#include "input.h"

namespace hotsocket {
namespace {

using State = std::array<std::int32_t, layout::SCAN_STATE_WORDS>;

std::vector<reference::Row> scan_all(State& state, std::span<std::uint8_t> chunk, std::size_t capacity) {
  std::vector<reference::Row> rows;
  std::vector<std::int32_t> table(capacity * layout::ROW_WORDS);
  std::size_t from = 0;
  do {
    const std::size_t count = scan(ScanState(state), chunk, from, table);
    require(count <= capacity);
    for (std::size_t i = 0; i < count; ++i) {
      reference::Row row;
      std::copy_n(table.begin() + static_cast<std::ptrdiff_t>(i * layout::ROW_WORDS), row.size(), row.begin());
      rows.push_back(row);
    }
    from = static_cast<std::size_t>(state[layout::scan_state::CONSUMED]);
  } while (from < chunk.size());
  return rows;
}

void compare(FuzzInput& input) {
  State state{};
  reference::Scanner naive;
  while (!input.is_empty()) {
    const std::size_t capacity = 1 + input.byte() % 8;
    std::vector<std::uint8_t> chunk = input.bytes(1 + input.byte());
    std::vector<std::uint8_t> expected = chunk;
    require(scan_all(state, chunk, capacity) == naive.scan(expected));
    require(chunk == expected);
  }
}

void scan_with_any_state(FuzzInput& input) {
  State state;
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
