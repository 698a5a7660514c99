// Owns the step from a chunk of bytes to rows of the segment table (RFC 6455 §5.2): finds the frames, unmasks their
// payloads in place, notes whether they are ASCII. Decides nothing: every rule is the receiver's, in TypeScript.
// Must know neither sockets nor Node-API. The words of states and rows are numbered in src/core/layout.ts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "../generated/layout.h"

namespace hotsocket {

// The state of one connection's scanner; all zero at the start. Its words are not trusted: a state that the scanner
// did not write itself yields other rows, but never a byte outside of `chunk` or `table`.
using ScanState = std::span<std::int32_t, layout::SCAN_STATE_WORDS>;

// Longest chunk, in bytes, so that every offset fits a row.
inline constexpr std::size_t MAX_CHUNK_BYTES = 0x7fffffff;

// Scans `chunk`, from byte `from` on, into whole rows of `table`; words beyond the last whole row are not touched.
// Returns the row count. state[CONSUMED] tells where to go on: the chunk's end, or less if the table is full.
// A `from` beyond the chunk counts as its end; bytes beyond MAX_CHUNK_BYTES are not scanned.
std::size_t scan(ScanState state, std::span<std::uint8_t> chunk, std::size_t from, std::span<std::int32_t> table);

}  // namespace hotsocket
