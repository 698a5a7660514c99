// Owns the making of JavaScript strings of the short texts in a batch of rows: as arguments of the one call that delivers
// the batch they cost a third of what a call of their own would. Must not judge: what a row may mean is the receiver's.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "../engine/engine.h"

namespace hotsocket {

// A part of a batch with the strings of its texts.
struct RowTexts {
  // As many arguments of one call as are cheap.
  static constexpr std::size_t MAX_TEXTS = 1000;

  // The arguments, those of `begin` in front are the caller's.
  static constexpr std::size_t FIRST_ARGUMENT = 3;
  napi_value arguments[FIRST_ARGUMENT + MAX_TEXTS];
  std::size_t argument_count = FIRST_ARGUMENT;
  // Behind the last row of the part.
  std::size_t end = 0;

  // Makes strings of the rows from `begin` on, until MAX_TEXTS are made or the rows end, and writes each one's number into
  // its row. `rows`: all rows of the batch; `arena`: where they point; `engine`: knows which slots want none. Returns false if
  // the environment makes none.
  bool make(napi_env env, std::span<std::int32_t> rows, std::size_t begin, std::span<const std::uint8_t> arena,
            const Engine& engine);
};

}  // namespace hotsocket
