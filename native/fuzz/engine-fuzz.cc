// Drives an engine over socket pairs: bytes, operations and what its handler does come from the input. What it says of a
// stream is held against the naive scanner, which sees the stream in one piece; what it sends, against what it was given.
#include "../test/engine-harness.h"
#include "../test/reference.h"
#include "input.h"

#include <deque>

namespace hotsocket {
namespace {

namespace row = layout::row;
namespace row_flag = layout::row_flag;
namespace row_kind = layout::row_kind;

// A frame as far as it came, however it was cut.
struct Frame {
  std::uint64_t byte_length;
  Bytes payload;
  bool is_whole;
  friend bool operator==(const Frame&, const Frame&) = default;
};

void add_piece(std::vector<Frame>& frames, int flags, std::int32_t header, std::uint64_t byte_length,
               std::span<const std::uint8_t> bytes) {
  const bool is_binary = (header & 0x0f) == 2;
  const bool is_ascii = !is_binary && std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte < 0x80; });
  require(is_ascii == ((flags & row_flag::ASCII) != 0));
  if ((flags & row_flag::FIRST) != 0) frames.push_back({byte_length, {}, false});
  require(!frames.empty() && !frames.back().is_whole && frames.back().byte_length == byte_length);
  append(frames.back().payload, bytes);
  frames.back().is_whole = (flags & row_flag::LAST) != 0;
  require(frames.back().is_whole == (frames.back().payload.size() == byte_length));
}

std::vector<Frame> frames_of(Bytes stream) {
  std::vector<Frame> frames;
  reference::Scanner scanner;
  for (const reference::Row& found : scanner.scan(stream)) {
    const std::uint64_t length = static_cast<std::uint32_t>(found[row::LENGTH_LOW]) |
                                 static_cast<std::uint64_t>(static_cast<std::uint32_t>(found[row::LENGTH_HIGH])) << 32;
    const auto bytes = std::span(stream).subspan(static_cast<std::size_t>(found[row::OFFSET]),
                                                 static_cast<std::size_t>(found[row::BYTE_LENGTH]));
    add_piece(frames, found[row::KIND], found[row::HEADER], length, bytes);
  }
  return frames;
}

// One connection: what its peer wrote and read, and what the engine said of it.
class Subject {
 public:
  Subject(EngineSubject& engine, const Bytes& head) : engine_(engine), peer_(Descriptor()) {
    auto [own, peer] = unix_pair();
    peer_ = std::move(peer);
    written_ = head;
    slot_ = engine.engine.adopt(std::move(own), head);
    require(slot_ >= 0);
    generation_ = engine.engine.generation(slot_);
  }

  // One that the engine has accepted: its first `raw_left` bytes are no frames.
  Subject(EngineSubject& engine, const Event& opened, Peer peer, std::size_t raw_left)
      : engine_(engine), peer_(std::move(peer)), slot_(opened.slot), generation_(opened.generation), raw_left_(raw_left),
        is_raw_(true) {}

  std::int32_t slot() const { return slot_; }
  std::int32_t generation() const { return generation_; }
  bool is_live() const { return engine_.engine.is_live(slot_, generation_); }

  void write(const Bytes& bytes) {
    if (has_ended_) return;
    const ssize_t count = ::send(peer_.number(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) written_.insert(written_.end(), bytes.begin(), bytes.begin() + count);
  }

  void end() {
    has_ended_ = true;
    peer_.end();
  }

  void read() { append(read_, peer_.read()); }

  void send(const Bytes& bytes, bool is_long) {
    if (!is_live()) return;
    append(sent_, bytes);
    if (is_long) engine_.send_piece(slot_, bytes, std::make_shared<Bytes>(bytes));
    else engine_.send({{slot_, bytes}});
    if (is_long) append(sent_, bytes);
  }

  // Everything has come to rest: were both directions whole?
  void finish() {
    if (!is_live()) return;
    for (;;) {
      engine_.resume(slot_);
      const std::size_t before = read_.size();
      read();
      if (engine_.run() == 0 && read_.size() == before) break;
    }
    require(frames_ == frames_of(Bytes(written_.begin() + static_cast<std::ptrdiff_t>(raw_read_), written_.end())));
    require(read_ == sent_);
    require(end_count_ == (has_ended_ ? 1 : 0));
  }

  void take(const Event& event) {
    require(end_count_ == 0 || event.kind == row_kind::SENT);
    if (event.kind == row_kind::SEGMENT) add_piece(frames_, event.flags, event.header, event.value, event.bytes);
    if (event.kind == row_kind::RAW) take_raw(event.bytes);
    if (event.kind == row_kind::END) ++end_count_;
    require(event.kind != row_kind::ERROR);
  }

 private:
  // Bytes before the upgrade; what stands behind them in the same row goes back.
  void take_raw(const Bytes& bytes) {
    require(is_raw_ && !bytes.empty());
    const std::size_t used = std::min(bytes.size(), raw_left_);
    require(std::ranges::equal(std::span(bytes), std::span(written_).subspan(raw_read_, bytes.size())));
    raw_read_ += used;
    raw_left_ -= used;
    if (raw_left_ == 0) {
      is_raw_ = false;
      engine_.engine.upgrade(slot_, generation_, std::span(bytes).subspan(used));
    }
    engine_.resume(slot_);
  }

  EngineSubject& engine_;
  Peer peer_;
  std::int32_t slot_ = -1;
  std::int32_t generation_ = -1;
  Bytes written_, read_, sent_;
  std::vector<Frame> frames_;
  bool has_ended_ = false;
  int end_count_ = 0;
  std::size_t raw_left_ = 0, raw_read_ = 0;
  bool is_raw_ = false;
};

class Run {
 public:
  explicit Run(FuzzInput input) : input_(std::move(input)) {
    engine_.onevent = [this](const Event& event) { take(event); };
    engine_.onbatch = [this] { lend(); };
    require(engine_.engine.listen(listener_.release()) >= 0);
    for (int i = 0; i < 2; ++i) adopt();
  }

  void all() {
    while (!input_.is_empty()) step();
    engine_.onevent = [this](const Event& event) {
      if (event.kind == row_kind::OPEN) arrive(event);
      else find(event).take(event);
    };
    engine_.run();
    require(waiting_.empty());
    for (const auto& subject : subjects_) subject->finish();
  }

 private:
  void step() {
    const std::uint8_t operation = input_.byte();
    Subject& subject = *subjects_[operation / 16 % subjects_.size()];
    switch (operation % 16) {
      case 0: case 1: case 2: return subject.write(input_.bytes(1 + input_.byte()));
      case 3: return subject.write(masked_frame(input_.bytes(input_.byte())));
      case 4: return subject.write(repeat(masked_frame(input_.bytes(input_.byte() % 8)), 4000));
      case 5: return subject.write(masked_frame(pattern(input_.byte() * 700u)));
      case 6: case 7: engine_.turn(); return;
      case 8: if ((operation & 0x80) != 0) return connect();
        return engine_.engine.pause(subject.slot(), subject.generation());
      case 9: return engine_.engine.resume(subject.slot(), subject.generation());
      case 10: return subject.send(input_.bytes(input_.byte()), false);
      case 11: return subject.send(pattern(input_.byte() * 700u), (operation & 0x80) != 0);
      case 12: return subject.read();
      case 13: return subject.end();
      case 14: if ((operation & 0x80) != 0) lose_piece(subject);
        return close(subject);
      default: return send_anything();
    }
  }

  void adopt() { subjects_.push_back(std::make_unique<Subject>(engine_, input_.bytes(input_.byte() % 64))); }

  void connect() {
    if (subjects_.size() + waiting_.size() < 8) waiting_.push_back(listener_.connect());
  }

  // Those who connect one after the other are accepted in that order.
  void arrive(const Event& opened) {
    require(!waiting_.empty());
    const std::size_t raw_bytes = 1 + input_.byte() % 64;
    subjects_.push_back(std::make_unique<Subject>(engine_, opened, std::move(waiting_.front()), raw_bytes));
    waiting_.pop_front();
  }

  void close(Subject& subject) {
    engine_.engine.close(subject.slot(), subject.generation());
    if (subjects_.size() < 8) adopt();
  }

  // A record of any kind: it may reach no live socket, for then the peer would see bytes that nobody counted.
  void send_anything() {
    std::vector<std::int32_t> words;
    for (int i = 0; i < 4; ++i) words.push_back(static_cast<std::int32_t>(input_.byte() * 0x01000101u));
    if (engine_.engine.is_live(words[0], words[1])) return;
    engine_.send_records(words, text("nothing"), {std::make_shared<Bytes>(text("piece"))});
  }

  // A record whose piece is shorter than it says, or that is none: its socket fails, and the one behind it must not be sent.
  void lose_piece(const Subject& subject) {
    const std::int32_t slot = subject.slot(), generation = subject.generation(), where = ~(input_.byte() % 3);
    engine_.send_records({slot, generation, where, 1 + input_.byte(), slot, generation, 0, 4}, text("gap!"),
                         {std::make_shared<Bytes>(), std::make_shared<Bytes>(text("x"))});
  }

  // What the handler does with an event comes from the input, too.
  void take(const Event& event) {
    if (event.kind == row_kind::OPEN) return arrive(event);
    Subject& subject = find(event);
    subject.take(event);
    if (engine_.events.size() % 7 != 0) return;
    const std::uint8_t operation = input_.byte();
    if (operation % 8 == 1) engine_.engine.pause(subject.slot(), subject.generation());
    if (operation % 8 == 2) close(subject);
    if (operation % 8 == 3) subject.send(input_.bytes(9), (operation & 0x80) != 0);
    if (operation % 8 == 4) close(*subjects_[operation / 8 % subjects_.size()]);
    if (operation % 8 == 5) engine_.engine.resume(subject.slot(), subject.generation());
  }

  // Memory for the frame at hand, longer or shorter than what is missing of it.
  void lend() {
    const std::uint8_t operation = input_.byte();
    if (operation % 4 != 1) return;
    const Subject& subject = *subjects_[operation / 4 % subjects_.size()];
    engine_.receive_into(subject.slot(), subject.generation(), 1 + input_.byte() * 700u);
  }

  Subject& find(const Event& event) {
    const auto found = std::ranges::find_if(subjects_, [&](const auto& subject) {
      return subject->slot() == event.slot && subject->generation() == event.generation;
    });
    require(found != subjects_.end());
    return **found;
  }

  FuzzInput input_;
  EngineSubject engine_;
  Listener listener_{AF_UNIX};
  std::deque<Peer> waiting_;
  std::vector<std::unique_ptr<Subject>> subjects_;
};

}  // namespace
}  // namespace hotsocket

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hotsocket::Run(hotsocket::FuzzInput(data, size)).all();
  return 0;
}
