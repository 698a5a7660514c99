// Owns all sockets of one thread: reads them in batches into rows of the segment table, writes what is to be sent, and
// keeps what a socket does not take. Must know neither Node-API nor any rule of WebSocket. See src/transport/engine.ts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "../generated/layout.h"
#include "descriptor.h"
#include "outgoing.h"
#include "socket-address.h"
#include "poller.h"

namespace hotsocket {

// Memory that is shared with whoever takes the batches: valid for as long as the engine.
struct EngineMemory {
  std::span<std::int32_t> table;
  std::span<std::uint8_t> arena;
};

// What one call of `Engine::send` is about.
struct SendMemory {
  std::span<const std::int32_t> records;
  std::span<const std::uint8_t> arena;
  // A second arena; records say STAGED and an offset in it.
  std::span<const std::uint8_t> staged;
  const Pieces& pieces;
};

// Who takes batches of rows.
class BatchHandler {
 public:
  virtual ~BatchHandler() = default;
  // Hands over `row_count` rows; the handler may call any method of the engine but `turn`, and keeps nothing of table and
  // arena. Returns false if the environment is ending: no further call may be made.
  virtual bool deliver(std::size_t row_count) = 0;
};

class Engine {
 public:
  // Words of one record given to `send`: slot, generation, where and how many the bytes are. Where: an offset in the arena,
  // STAGED and more for the second one, or ~index of a piece, whose first bytes they are.
  static constexpr std::size_t RECORD_WORDS = 4;
  static constexpr std::int32_t STAGED = 0x40000000;
  // Words of one entry that `send` makes: slot, low and high word of the bytes that wait.
  static constexpr std::size_t STUCK_WORDS = 3;
  // An arena is at least as long.
  static constexpr std::size_t MIN_ARENA_BYTES = 64 * 1024;

  Engine() = default;

  bool is_open() const { return poller_.is_open(); }
  int poll_descriptor() const { return poller_.number(); }
  std::size_t socket_count() const { return socket_count_; }
  // Sockets that keep the process alive: all but those of `unref`.
  std::size_t referenced_count() const { return socket_count_ - unreferenced_count_; }

  // Takes a connected socket over, paused. `head`: bytes that somebody has read of it already; they come first. Returns
  // its slot, or -1 with errno set; the descriptor is closed then.
  std::int32_t adopt(Descriptor descriptor, std::span<const std::uint8_t> head);

  // Accepts on a listening socket from here on: each socket accepted is a row OPEN. What arrives on it is delivered
  // unscanned, as rows RAW, until `upgrade`; after each such row it is paused. Returns the listener's number, or -1 with
  // errno set; the descriptor is closed then.
  std::int32_t listen(Descriptor descriptor);

  // Tries again after a row REFUSED that said that the kernel lacked something.
  void accept_again(std::int32_t listener);

  // Closes a listening socket; what was accepted lives on.
  void stop_listening(std::int32_t listener);

  std::size_t listener_count() const { return listeners_.size(); }

  // From here on the bytes of a raw slot are frames, `head` first: those that its last raw row had behind the upgrade.
  void upgrade(std::int32_t slot, std::int32_t generation, std::span<const std::uint8_t> head);

  // Gives a slot's descriptor away, and frees the slot. What was read of it is the caller's to know.
  Descriptor release(std::int32_t slot, std::int32_t generation);

  // The peer of a socket that was accepted or adopted: its address, all zero where there is none.
  const SocketAddress& peer(std::int32_t slot) const { return slots_[static_cast<std::size_t>(slot)].peer; }

  // This end of such a socket, asked of the kernel: few want to know, and it would take memory of all.
  SocketAddress local(std::int32_t slot) const {
    return local_of(slots_[static_cast<std::size_t>(slot)].descriptor.number());
  }

  // The generation of a slot: rows with another one are of an earlier connection.
  std::int32_t generation(std::int32_t slot) const { return slots_[static_cast<std::size_t>(slot)].generation; }

  // Whether there was ever a slot of that number.
  bool has_slot(std::int32_t slot) const { return slot >= 0 && static_cast<std::size_t>(slot) < slots_.size(); }

  // Whether `slot` has that generation and is open. Every method below does nothing for another.
  bool is_live(std::int32_t slot, std::int32_t generation) const;

  // One turn of the loop: polls, writes what waits, reads what came, within a budget. Returns false if the environment
  // is ending.
  bool turn(const EngineMemory& memory, BatchHandler& handler);

  // Sends the bytes of the records, RECORD_WORDS each. What a socket does not take is copied, or kept where it is if it is
  // much of a piece. Slots that could not take all of theirs are listed in `stuck`, STUCK_WORDS each. Returns how many
  // those are. `stuck` must have room for as many slots as there are records. A slot whose piece is gone fails.
  std::size_t send(const SendMemory& memory, std::span<std::int32_t> stuck);

  // Lends memory for the rest of the frame that is arriving: the socket is read into it until it is full or the frame
  // ends. Returns false, and takes nothing, between frames, or if a part of the frame is read and not delivered.
  bool receive_into(std::int32_t slot, std::int32_t generation, std::unique_ptr<Kept> target);

  // Says that texts of that slot are wanted as bytes: nobody needs to make strings of them.
  void keep_texts(std::int32_t slot, std::int32_t generation);
  // Whether a socket keeps the process alive; at first it does.
  void ref(std::int32_t slot, std::int32_t generation) { set_unreferenced(slot, generation, false); }
  void unref(std::int32_t slot, std::int32_t generation) { set_unreferenced(slot, generation, true); }
  bool keeps_texts(std::int32_t slot) const {
    return has_slot(slot) && slots_[static_cast<std::size_t>(slot)].keeps_texts;
  }

  void pause(std::int32_t slot, std::int32_t generation);
  void resume(std::int32_t slot, std::int32_t generation);
  // Ends the sending side when all that waits is sent.
  void end(std::int32_t slot, std::int32_t generation);
  // As `end`, behind what the next `send` has for that slot: the last bytes and the end go out together.
  void end_behind(std::int32_t slot, std::int32_t generation);
  // Closes the socket at once.
  void close(std::int32_t slot, std::int32_t generation);
  void close_all();

 private:
  struct Listener {
    Descriptor descriptor;
    std::int32_t number = -1;
    bool is_ready = false;  // there may be more to accept; no edge will tell
  };

  using ScanWords = std::array<std::int32_t, layout::SCAN_STATE_WORDS>;

  // What a socket is in the middle of receiving.
  struct Incoming {
    std::unique_ptr<Outgoing> head;  // bytes read before the socket came here; null when they are through
    std::unique_ptr<Kept> target;    // where the rest of a long frame goes; null if there is none
    std::size_t target_used = 0;
    ScanWords scan{};  // all zero between frames
  };

  // Most sockets idle: what they do not need then is made when they do, and dropped.
  struct Slot {
    Descriptor descriptor;
    std::int32_t generation = 0;
    SocketAddress peer;
    bool is_raw = false;          // what arrives is not scanned
    bool is_readable = false;     // an edge was seen and the socket has not been drained since
    bool is_hanging_up = false;   // it must be read until its end shows
    bool is_paused = false;
    bool is_listed = false;       // in readable_
    bool is_ending = false;       // the sending side ends when nothing waits
    bool has_ended = false;       // the peer's end was reported: every later edge would show it again
    bool keeps_texts : 1 = false;      // its texts are wanted as bytes
    bool is_unreferenced : 1 = false;  // the process may end without it
    std::int32_t error = 0;       // errno of a failed write: no other is tried
    std::unique_ptr<Outgoing> outgoing;  // null while nothing waits
    std::unique_ptr<Incoming> incoming;  // null between frames
  };
  static_assert(sizeof(Slot) <= 56, "every connection has one");

  Slot& at(std::int32_t slot) { return slots_[static_cast<std::size_t>(slot)]; }
  std::int32_t occupy(Descriptor descriptor, const SocketAddress& peer);
  Listener* find_listener(std::int32_t number);
  void accept_ready(const EngineMemory& memory);
  bool accept_next(Listener& listener, const EngineMemory& memory);
  void refuse(Listener& listener, int error, const EngineMemory& memory);
  void shed(const Listener& listener);
  void vacate(std::int32_t slot);
  void set_unreferenced(std::int32_t slot, std::int32_t generation, bool is_unreferenced);
  void read_raw(std::int32_t slot, std::span<std::uint8_t> room, const EngineMemory& memory);
  void list(std::int32_t slot);
  void relist(std::int32_t slot, std::size_t size);
  void poll(const EngineMemory& memory);
  void write_waiting(std::int32_t slot, const EngineMemory& memory);
  bool read_listed(const EngineMemory& memory, BatchHandler& handler);
  bool read_slot(std::int32_t slot, const EngineMemory& memory, BatchHandler& handler);
  bool read_head(std::int32_t slot, std::span<std::uint8_t> room, const EngineMemory& memory, BatchHandler& handler);
  std::size_t receive(std::int32_t slot, std::span<std::uint8_t> room, const EngineMemory& memory);
  void put_head(Slot& slot, std::span<const std::uint8_t> head);
  Incoming& open_incoming(Slot& slot);
  void tidy(Slot& slot);
  ScanWords load_scan(std::int32_t slot);
  void store_scan(std::int32_t slot, const ScanWords& state);
  bool read_direct(std::int32_t slot, const EngineMemory& memory);
  bool scan_chunk(std::int32_t slot, std::size_t size, const EngineMemory& memory, BatchHandler& handler);
  bool deliver(BatchHandler& handler);
  // Both return the row. `subject`: a slot, or a listener's number.
  std::span<std::int32_t> add_row(std::int32_t slot, int kind, std::uint64_t value, const EngineMemory& memory);
  std::span<std::int32_t> begin_row(std::int32_t subject, int kind, std::uint64_t value, const EngineMemory& memory);
  std::size_t rows_left(const EngineMemory& memory) const;
  std::size_t waiting_bytes(const Slot& slot) const { return slot.outgoing == nullptr ? 0 : slot.outgoing->size(); }
  void chain_records(std::span<const std::int32_t> records);
  void gather_parts(std::int32_t first, const SendMemory& memory);
  void send_parts(std::int32_t slot, const Pieces& pieces);
  std::span<iovec> write_now(std::int32_t slot, std::span<iovec> parts);
  void keep_part(Outgoing& outgoing, std::size_t index, const Pieces& pieces) const;
  void shut_down_if_done(Slot& slot);
  void fail(std::int32_t slot, int error);

  Poller poller_;
  std::vector<Listener> listeners_;
  std::int32_t listeners_made_ = 0;
  Descriptor reserve_;  // given up when no descriptor is left, to accept and refuse
  std::deque<Slot> slots_;  // a deque: references stay valid when it grows
  std::vector<std::int32_t> free_;
  std::deque<std::int32_t> readable_;
  std::vector<std::int32_t> failed_;
  std::size_t socket_count_ = 0;
  std::size_t unreferenced_count_ = 0;
  std::size_t row_count_ = 0;
  std::size_t arena_used_ = 0;
  std::size_t budget_ = 0;
  std::int32_t scanned_slot_ = -1;  // whose chunk is not scanned to its end
  std::int32_t run_slot_ = -1;  // the socket that was read last, and how much in a row
  std::size_t run_bytes_ = 0;
  // Scratch of `send`.
  std::vector<std::int32_t> next_record_;  // for each record the next one of the same slot, or -1
  std::vector<std::int32_t> last_record_;  // for each slot its last record, or -1
  std::vector<std::int32_t> first_records_;
  std::vector<iovec> parts_;             // of one slot; bytes that are gone have no address
  std::vector<std::int32_t> part_pieces_;  // for each part the piece that it is of, or -1
};

}  // namespace hotsocket
