// Owns the frames of the short texts that one flush sends: JavaScript collects the texts in one string, which is encoded
// once. Must not know sockets.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <span>

#include "../kernels/byte-buffer.h"

namespace hotsocket {

class TextStage {
 public:
  // Encodes a part of the texts that the next call of `frame` is about, behind those before it. Returns false if `text` is no
  // string.
  bool add(napi_env env, napi_value text);

  // Frames the texts of `records` (`Engine::RECORD_WORDS` each; one whose place is STAGED has as many texts as it says, whose
  // UTF-16 lengths come next in `lengths`), and writes place and length of the frames into these records. Returns false if
  // there is less text than they tell of, or a count is wrong.
  bool frame(std::span<std::int32_t> records, std::span<const std::int32_t> lengths);

  // Valid until the next call of `frame`.
  std::span<const std::uint8_t> bytes() const { return frames_.bytes(); }

 private:
  bool frame_all(std::span<std::int32_t> records, std::span<const std::int32_t> lengths);

  ByteBuffer utf8_;
  ByteBuffer frames_;
};

}  // namespace hotsocket
