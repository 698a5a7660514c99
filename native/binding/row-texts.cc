#include "row-texts.h"

#include "../generated/layout.h"

namespace hotsocket {
namespace {

namespace row = layout::row;
namespace row_flag = layout::row_flag;

// Longer ones gain nothing by it.
constexpr std::int32_t MAX_TEXT_BYTES = 512;
// A whole frame of ASCII, in the arena.
constexpr std::int32_t WANTED = layout::row_kind::SEGMENT | row_flag::FIRST | row_flag::LAST | row_flag::ASCII;
// FIN and the opcode of text, no reserved bit (RFC 6455 §5.2).
constexpr std::int32_t FINAL_TEXT = 0x81;

bool is_text(std::span<const std::int32_t> found) {
  return found[row::KIND] == WANTED && (found[row::HEADER] & 0xff) == FINAL_TEXT &&
         found[row::BYTE_LENGTH] <= MAX_TEXT_BYTES;
}

}  // namespace

bool RowTexts::make(napi_env env, std::span<std::int32_t> rows, std::size_t begin, std::span<const std::uint8_t> arena,
                    const Engine& engine) {
  const std::size_t row_count = rows.size() / layout::ROW_WORDS;
  argument_count = FIRST_ARGUMENT;
  for (end = begin; end < row_count && argument_count < FIRST_ARGUMENT + MAX_TEXTS; ++end) {
    const std::span<std::int32_t> found = rows.subspan(end * layout::ROW_WORDS, layout::ROW_WORDS);
    if (!is_text(found) || engine.keeps_texts(found[row::SLOT])) continue;
    const auto offset = static_cast<std::size_t>(found[row::OFFSET]);
    const auto length = static_cast<std::size_t>(found[row::BYTE_LENGTH]);
    const auto* characters = reinterpret_cast<const char*>(arena.data()) + offset;
    if (napi_create_string_latin1(env, characters, length, &arguments[argument_count]) != napi_ok) return false;
    ++argument_count;
    found[row::KIND] |= static_cast<std::int32_t>((argument_count - FIRST_ARGUMENT) << layout::TEXT_SHIFT);
  }
  return true;
}

}  // namespace hotsocket
