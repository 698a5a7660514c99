// Generated from src/core/layout.ts by native/generate-layout.mjs; do not edit. The meaning of each word stands there.
#pragma once

namespace hotsocket::layout {

inline constexpr int ROW_WORDS = 8;
inline constexpr int SCAN_STATE_WORDS = 14;
inline constexpr int TEXT_SHIFT = 16;

namespace row {
inline constexpr int SLOT = 0;
inline constexpr int GENERATION = 1;
inline constexpr int KIND = 2;
inline constexpr int HEADER = 3;
inline constexpr int LENGTH_LOW = 4;
inline constexpr int LENGTH_HIGH = 5;
inline constexpr int OFFSET = 6;
inline constexpr int BYTE_LENGTH = 7;
}  // namespace row

namespace row_flag {
inline constexpr int FIRST = 256;
inline constexpr int LAST = 512;
inline constexpr int ASCII = 1024;
inline constexpr int DIRECT = 2048;
}  // namespace row_flag

namespace row_kind {
inline constexpr int SEGMENT = 1;
inline constexpr int END = 2;
inline constexpr int ERROR = 3;
inline constexpr int SENT = 4;
inline constexpr int OPEN = 5;
inline constexpr int RAW = 6;
inline constexpr int REFUSED = 7;
}  // namespace row_kind

namespace scan_state {
inline constexpr int CONSUMED = 0;
inline constexpr int PHASE = 1;
inline constexpr int HEADER_LENGTH = 2;
inline constexpr int HEADER = 3;
inline constexpr int LEFT_LOW = 7;
inline constexpr int LEFT_HIGH = 8;
inline constexpr int MASKING_KEY = 9;
inline constexpr int LENGTH_LOW = 10;
inline constexpr int LENGTH_HIGH = 11;
inline constexpr int SLOT = 12;
inline constexpr int GENERATION = 13;
}  // namespace scan_state

}  // namespace hotsocket::layout
