#include "text-stage.h"

#include "../engine/engine.h"
#include "../kernels/text-frames.h"

namespace hotsocket {
namespace {

// Texts are short (see src/core/sender.ts).
constexpr std::int32_t MAX_TEXT_UNITS = 4096;
// More memory than this is not kept from one call to the next.
constexpr std::size_t KEPT_BYTES = 1024 * 1024;

struct Count {
  std::size_t texts = 0;
  std::size_t units = 0;
};

// Counts the texts of the records. False if there cannot be so many, or one cannot be so long.
bool count_texts(std::span<const std::int32_t> records, std::span<const std::int32_t> lengths, Count& count) {
  for (std::size_t at = 0; at < records.size(); at += Engine::RECORD_WORDS) {
    if (records[at + 2] < Engine::STAGED) continue;
    const std::int32_t text_count = records[at + 3];
    if (text_count < 0 || static_cast<std::size_t>(text_count) > lengths.size() - count.texts) return false;
    count.texts += static_cast<std::size_t>(text_count);
  }
  for (const std::int32_t length : lengths.first(count.texts)) {
    if (length < 0 || length > MAX_TEXT_UNITS) return false;
    count.units += static_cast<std::size_t>(length);
  }
  return true;
}

}  // namespace

bool TextStage::add(napi_env env, napi_value text) {
  std::size_t unit_count = 0, size = 0;
  if (napi_get_value_string_utf16(env, text, nullptr, 0, &unit_count) != napi_ok) return false;
  if (unit_count == 0) return true;
  // Of one unit come at most three bytes; a zero comes last.
  const std::size_t capacity = 3 * unit_count + 1;
  if (utf8_.room().size() < capacity && !utf8_.grow(utf8_.size() + capacity, SIZE_MAX / 2)) return false;
  if (napi_get_value_string_utf8(env, text, reinterpret_cast<char*>(utf8_.room().data()), capacity, &size) != napi_ok) {
    return false;
  }
  utf8_.commit(size);
  return true;
}

bool TextStage::frame(std::span<std::int32_t> records, std::span<const std::int32_t> lengths) {
  frames_.release(KEPT_BYTES);
  const bool is_framed = frame_all(records, lengths);
  utf8_.release(KEPT_BYTES);
  return is_framed;
}

bool TextStage::frame_all(std::span<std::int32_t> records, std::span<const std::int32_t> lengths) {
  Count count;
  if (!count_texts(records, lengths, count)) return false;
  if (count.texts == 0) return true;
  if (!frames_.reserve(utf8_.size() + count.texts * TextFramer::EXTRA_BYTES)) return false;
  TextFramer framer(utf8_.bytes(), count.units, frames_.room());
  std::size_t next = 0;
  for (std::size_t at = 0; at < records.size(); at += Engine::RECORD_WORDS) {
    if (records[at + 2] < Engine::STAGED) continue;
    const std::size_t begin = framer.size();
    for (std::int32_t i = records[at + 3]; i > 0; --i) {
      if (!framer.add(static_cast<std::size_t>(lengths[next++]))) return false;
    }
    records[at + 2] = Engine::STAGED + static_cast<std::int32_t>(begin);
    records[at + 3] = static_cast<std::int32_t>(framer.size() - begin);
  }
  frames_.commit(framer.size());
  return true;
}

}  // namespace hotsocket
