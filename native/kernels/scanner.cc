#include "scanner.h"

#include <algorithm>
#include <array>

#include "mask.h"
#include "utf8.h"
#include "words.h"

namespace hotsocket {
namespace {

namespace row = layout::row;
namespace row_flag = layout::row_flag;
namespace scan_state = layout::scan_state;

constexpr int COLLECTING_HEADER = 0;
constexpr int INSIDE_PAYLOAD = 1;

constexpr std::size_t MAX_HEADER_SIZE = 14;
constexpr std::uint8_t MASK_BIT = 0x80;
constexpr std::uint32_t OPCODE_BITS = 0x0f;
constexpr std::uint32_t BINARY = 2;

// One frame: what its header says, and how much of its payload is still to come.
struct Frame {
  std::uint32_t first_two;
  std::uint32_t masking_key;
  std::uint64_t payload_length;
  std::uint64_t left;
};

// Where rows go.
struct Rows {
  std::int32_t* next;
  std::size_t left;
  std::int32_t slot;
  std::int32_t generation;
};

std::size_t length_size(std::uint8_t second) {
  const int code = second & 0x7f;
  return code < 126 ? 0 : code == 126 ? 2 : 8;
}

std::size_t header_size(std::uint8_t second) { return 2 + length_size(second) + ((second & MASK_BIT) != 0 ? 4 : 0); }

std::uint64_t big_endian(const std::uint8_t* bytes, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | bytes[i];
  return value;
}

std::uint32_t little_endian_32(const std::uint8_t* bytes) {
  return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | static_cast<std::uint32_t>(bytes[3]) << 24;
}

// Reads a whole header.
Frame read_header(const std::uint8_t* header, std::size_t size) {
  const std::uint8_t second = header[1];
  const std::size_t extended = length_size(second);
  const std::uint64_t length = extended == 0 ? second & 0x7f : big_endian(header + 2, extended);
  const std::uint32_t key = (second & MASK_BIT) != 0 ? little_endian_32(header + size - 4) : 0;
  return {static_cast<std::uint32_t>(header[0] | second << 8), key, length, length};
}

// Unmasks as much of the frame's payload as the chunk has at `at` and writes one row about it. Returns its byte count.
std::size_t take_payload(Frame& frame, std::span<std::uint8_t> chunk, std::size_t at, int first, Rows& rows) {
  const std::size_t count = std::min<std::uint64_t>(frame.left, chunk.size() - at);
  const std::span<std::uint8_t> piece = chunk.subspan(at, count);
  // Nobody asks it of binary frames, and looking costs as much as unmasking.
  const bool is_asked = (frame.first_two & OPCODE_BITS) != BINARY;
  const bool ascii = frame.masking_key != 0 ? mask(piece, piece, frame.masking_key) : is_asked && is_ascii(piece);
  frame.left -= count;
  std::int32_t* const to = rows.next;
  to[row::SLOT] = rows.slot;
  to[row::GENERATION] = rows.generation;
  to[row::KIND] = layout::row_kind::SEGMENT | first | (frame.left == 0 ? row_flag::LAST : 0) |
                  (is_asked && ascii ? row_flag::ASCII : 0);
  to[row::HEADER] = static_cast<std::int32_t>(frame.first_two);
  to[row::LENGTH_LOW] = low_word(frame.payload_length);
  to[row::LENGTH_HIGH] = high_word(frame.payload_length);
  to[row::OFFSET] = static_cast<std::int32_t>(at);
  to[row::BYTE_LENGTH] = static_cast<std::int32_t>(count);
  rows.next += layout::ROW_WORDS;
  --rows.left;
  return count;
}

// A header that is split between chunks, or whose payload is.
struct HeldHeader {
  std::array<std::uint8_t, MAX_HEADER_SIZE> bytes{};
  std::size_t size = 0;

  // Whether the bytes are a whole header.
  bool is_whole() const { return size >= 2 && size >= header_size(bytes[1]); }

  // Appends bytes of `from` until the header is whole or they end. Returns how many.
  std::size_t append(std::span<const std::uint8_t> from) {
    std::size_t taken = 0;
    while (taken < from.size() && !is_whole()) bytes[size++] = from[taken++];
    return taken;
  }
};

HeldHeader load_header(ScanState state) {
  HeldHeader held;
  const std::int32_t size = state[scan_state::HEADER_LENGTH];
  if (size < 0 || size > static_cast<std::int32_t>(MAX_HEADER_SIZE)) return held;
  held.size = static_cast<std::size_t>(size);
  for (std::size_t i = 0; i < held.size; ++i) {
    held.bytes[i] = static_cast<std::uint8_t>(state[scan_state::HEADER + i / 4] >> 8 * (i % 4));
  }
  return held;
}

void store_header(ScanState state, const HeldHeader& held) {
  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i < held.size; ++i) words[i / 4] |= static_cast<std::uint32_t>(held.bytes[i]) << 8 * (i % 4);
  state[scan_state::HEADER_LENGTH] = static_cast<std::int32_t>(held.size);
  for (std::size_t i = 0; i < words.size(); ++i) state[scan_state::HEADER + i] = static_cast<std::int32_t>(words[i]);
}

void store_frame(ScanState state, int phase, const Frame& frame) {
  state[scan_state::PHASE] = phase;
  state[scan_state::LEFT_LOW] = low_word(frame.left);
  state[scan_state::LEFT_HIGH] = high_word(frame.left);
  state[scan_state::MASKING_KEY] = static_cast<std::int32_t>(frame.masking_key);
  state[scan_state::LENGTH_LOW] = low_word(frame.payload_length);
  state[scan_state::LENGTH_HIGH] = high_word(frame.payload_length);
}

// Between two frames a state holds nothing but what the caller put there.
void store_collecting(ScanState state, const HeldHeader& held) {
  store_header(state, held);
  store_frame(state, COLLECTING_HEADER, Frame{});
}

// The key moves on by what was unmasked last. The header stays as it is stored.
void store_payload(ScanState state, Frame frame, std::size_t unmasked) {
  frame.masking_key = rotate_masking_key(frame.masking_key, unmasked);
  store_frame(state, INSIDE_PAYLOAD, frame);
}

Frame load_frame(ScanState state) {
  return {static_cast<std::uint32_t>(state[scan_state::HEADER]) & 0xffff,
          static_cast<std::uint32_t>(state[scan_state::MASKING_KEY]),
          join_words(state[scan_state::LENGTH_LOW], state[scan_state::LENGTH_HIGH]),
          join_words(state[scan_state::LEFT_LOW], state[scan_state::LEFT_HIGH])};
}

// Goes on inside the frame that an earlier chunk began. Returns the byte count.
std::size_t resume_payload(ScanState state, std::span<std::uint8_t> chunk, std::size_t at, Rows& rows) {
  Frame frame = load_frame(state);
  if (at == chunk.size()) return 0;
  const std::size_t count = take_payload(frame, chunk, at, 0, rows);
  if (frame.left == 0) {
    store_collecting(state, {});
  } else {
    store_payload(state, frame, count);
  }
  return count;
}

// Goes on inside a header that an earlier chunk began. Returns the byte count, payload included.
std::size_t resume_header(ScanState state, HeldHeader held, std::span<std::uint8_t> chunk, std::size_t at, Rows& rows) {
  const std::size_t appended = held.append(chunk.subspan(at));
  if (!held.is_whole()) {
    store_collecting(state, held);
    return appended;
  }
  Frame frame = read_header(held.bytes.data(), held.size);
  const std::size_t count = take_payload(frame, chunk, at + appended, row_flag::FIRST, rows);
  if (frame.left == 0) {
    store_collecting(state, {});
  } else {
    store_header(state, held);
    store_payload(state, frame, count);
  }
  return appended + count;
}

// Goes on with what an earlier chunk left unfinished, if anything. Returns the byte count.
std::size_t resume(ScanState state, std::span<std::uint8_t> chunk, std::size_t at, Rows& rows) {
  const bool is_inside = (state[scan_state::LEFT_LOW] | state[scan_state::LEFT_HIGH]) != 0;
  if (state[scan_state::PHASE] == INSIDE_PAYLOAD && is_inside) return resume_payload(state, chunk, at, rows);
  const HeldHeader held = load_header(state);
  const bool is_split = state[scan_state::PHASE] == COLLECTING_HEADER && held.size != 0 && !held.is_whole();
  if (is_split) return resume_header(state, held, chunk, at, rows);
  store_collecting(state, {});
  return 0;
}

// Scans frames whose headers begin at `at`. Returns where it ended.
std::size_t scan_frames(ScanState state, std::span<std::uint8_t> chunk, std::size_t at, Rows& rows) {
  while (rows.left != 0 && at < chunk.size()) {
    const std::span<const std::uint8_t> rest = chunk.subspan(at);
    const std::size_t size = rest.size() < 2 ? MAX_HEADER_SIZE : header_size(rest[1]);
    if (rest.size() < size) {
      HeldHeader held;
      at += held.append(rest);
      store_collecting(state, held);
      return at;
    }
    Frame frame = read_header(rest.data(), size);
    const std::size_t count = take_payload(frame, chunk, at + size, row_flag::FIRST, rows);
    if (frame.left != 0) {
      HeldHeader held;
      held.append(rest.first(size));
      store_header(state, held);
      store_payload(state, frame, count);
    }
    at += size + count;
  }
  return at;
}

}  // namespace

std::size_t scan(ScanState state, std::span<std::uint8_t> chunk, std::size_t from, std::span<std::int32_t> table) {
  const std::span<std::uint8_t> scanned = chunk.first(std::min(chunk.size(), MAX_CHUNK_BYTES));
  const std::size_t capacity = table.size() / layout::ROW_WORDS;
  Rows rows{table.data(), capacity, state[scan_state::SLOT], state[scan_state::GENERATION]};
  std::size_t at = std::min(from, scanned.size());
  if (capacity != 0) {
    at += resume(state, scanned, at, rows);
    at = scan_frames(state, scanned, at, rows);
  }
  state[scan_state::CONSUMED] = static_cast<std::int32_t>(at);
  return capacity - rows.left;
}

}  // namespace hotsocket
