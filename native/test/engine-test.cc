// Owns the tests of how the engine reads: adoption, batches, pauses, ends, slots that close in the middle of a batch.
// What it writes is in engine-send-test.cc; what the scanner makes of bytes is in byte-kernels-test.cc.
#include <sys/resource.h>

#include <cerrno>

#include "engine-harness.h"

namespace hotsocket {
namespace {

namespace row_flag = layout::row_flag;
namespace row_kind = layout::row_kind;

void reads_the_head_first() {
  EngineSubject subject;
  auto [own, peer] = unix_pair();
  const Bytes first = masked_frame(text("head")), second = masked_frame(text("socket"));
  // The border is in the middle of a frame, and the head is longer than one read.
  Bytes stream = masked_frame(pattern(100'000));
  append(stream, first);
  append(stream, second);
  const std::size_t border = 100'000 + 14 + 3;
  peer.write(std::span(stream).subspan(border));
  const std::int32_t slot = subject.engine.adopt(std::move(own), std::span(stream).first(border));
  subject.run();
  check(subject.events.empty(), "it is adopted paused");
  subject.resume(slot);
  subject.run();
  Bytes expected = pattern(100'000);
  append(expected, text("headsocket"));
  check(subject.payload_of(slot) == expected, "head and socket are one stream");
}

void reads_many_sockets_in_one_batch() {
  EngineSubject subject;
  std::vector<Adopted> sockets;
  for (int i = 0; i < 300; ++i) {
    sockets.push_back(adopt(subject, unix_pair()));
    sockets.back().peer.write(masked_frame(text(std::to_string(i))));
  }
  subject.turn();
  check(subject.batch_count == 1, "one batch");
  for (int i = 0; i < 300; ++i) {
    check(subject.payload_of(sockets[static_cast<std::size_t>(i)].slot) == text(std::to_string(i)), "each its own bytes");
  }
}

// 2 000 sockets, or as many as there may be: each has two descriptors here.
void serves_many_sockets(std::size_t descriptor_limit) {
  const std::size_t socket_count = std::min<std::size_t>(2000, descriptor_limit / 2 - 50);
  EngineSubject subject;
  std::vector<Adopted> sockets;
  for (std::size_t i = 0; i < socket_count; ++i) {
    sockets.push_back(adopt(subject, unix_pair()));
    sockets.back().peer.write(masked_frame(pattern(50, i)));
  }
  subject.run();
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    check(subject.payload_of(sockets[i].slot) == pattern(50, i), "each its own bytes");
    sockets[i].peer.close();
  }
  subject.run();
  for (const Adopted& socket : sockets) check(subject.count(socket.slot, row_kind::END) == 1, "one end each");
  check(subject.engine.socket_count() == socket_count, "closing is the caller's");
  subject.engine.close_all();
  check(subject.engine.socket_count() == 0, "all are closed");
  subject.run();
}

void carries_a_chunk_over_when_the_table_is_full() {
  EngineSubject subject;
  const auto [slot, peer] = adopt(subject, unix_pair());
  // 6 bytes a frame: one read has far more rows than the table.
  peer.write(repeat(masked_frame({}, 9), 20'000));
  subject.run();
  check(subject.events.size() == 20'000, "every frame has its row");
  check(subject.batch_count >= 20'000 / EngineSubject::TABLE_ROWS, "in several batches");
}

void delivers_when_the_arena_is_full() {
  EngineSubject subject;
  std::vector<Adopted> sockets;
  for (std::size_t i = 0; i < 10; ++i) {
    sockets.push_back(adopt(subject, unix_pair()));
    sockets.back().peer.write(masked_frame(pattern(40'000, i)));
  }
  subject.turn();
  check(subject.batch_count > 1, "several batches in one turn");
  for (std::size_t i = 0; i < 10; ++i) check(subject.payload_of(sockets[i].slot) == pattern(40'000, i), "nothing is lost");
}

void stops_at_its_budget_and_comes_back() {
  EngineSubject subject;
  std::vector<Adopted> sockets;
  // 30 times 100 KB is more than the bytes of one turn.
  for (std::size_t i = 0; i < 30; ++i) {
    sockets.push_back(adopt(subject, unix_pair()));
    sockets.back().peer.write(masked_frame(pattern(100'000, i)));
  }
  subject.turn();
  std::size_t size = 0;
  for (const Adopted& socket : sockets) size += subject.payload_of(socket.slot).size();
  check(size < 3'000'000, "a turn has an end");
  check(subject.is_ready(), "it asks for another turn");
  subject.run();
  for (std::size_t i = 0; i < 30; ++i) check(subject.payload_of(sockets[i].slot) == pattern(100'000, i), "nothing is lost");
}

void receives_the_rest_of_a_frame_into_lent_memory() {
  EngineSubject subject;
  const auto [slot, peer] = adopt(subject, unix_pair());
  check(subject.receive_into(slot, subject.engine.generation(slot), 10) == nullptr, "none between frames");
  Bytes stream = masked_frame(pattern(100'000));
  append(stream, masked_frame(text("next")));
  peer.write(std::span(stream).first(1000));
  subject.run();
  // Shorter than what is missing: the arena takes over again.
  const std::size_t first = subject.payload_of(slot).size();
  const auto lent = subject.receive_into(slot, subject.engine.generation(slot), 60'000);
  peer.write(std::span(stream).subspan(1000));
  subject.run();
  Bytes expected = pattern(100'000);
  check(std::ranges::equal(*lent, std::span(expected).subspan(first, 60'000)), "it is full");
  append(expected, text("next"));
  check(subject.payload_of(slot) == expected, "nothing is lost");
  check(lent.use_count() == 2, "the engine has let go of it");
}

void fails_when_lent_memory_is_gone() {
  EngineSubject subject;
  const auto [slot, peer] = adopt(subject, unix_pair());
  const Bytes stream = masked_frame(pattern(50'000));
  peer.write(std::span(stream).first(1000));
  subject.run();
  const auto lent = subject.receive_into(slot, subject.engine.generation(slot), 49'000);
  lent->clear();
  peer.write(std::span(stream).subspan(1000));
  subject.run();
  check(subject.events.back().kind == row_kind::ERROR && subject.events.back().value == EFAULT, "an error instead of a gap");
}

void holds_back_while_paused() {
  EngineSubject subject;
  const auto [slot, peer] = adopt(subject, unix_pair());
  subject.pause(slot);
  peer.write(masked_frame(text("one")));
  subject.run();
  check(subject.events.empty(), "nothing comes");
  subject.resume(slot);
  check(subject.is_ready(), "the edge that was seen while paused counts");
  subject.run();
  check(subject.payload_of(slot) == text("one"), "it comes after the pause");
}

void stops_in_mid_stream_when_a_handler_pauses() {
  EngineSubject subject;
  const auto [slot, peer] = adopt(subject, unix_pair());
  peer.write(masked_frame(pattern(150'000)));
  subject.onevent = [&](const Event& event) { subject.pause(event.slot); };
  subject.run();
  const std::size_t first = subject.payload_of(slot).size();
  check(first > 0 && first < 150'000, "it stops");
  while (subject.payload_of(slot).size() < 150'000) {
    subject.resume(slot);
    check(subject.run() > 0, "it goes on");
  }
  check(subject.payload_of(slot) == pattern(150'000), "nothing is lost");
}

void reads_what_stands_before_an_end() {
  for (const auto& make_pair : {unix_pair, tcp_pair}) {
    EngineSubject subject;
    auto [slot, peer] = adopt(subject, make_pair());
    peer.write(masked_frame(text("last words")));
    peer.end();
    subject.run();
    check(subject.payload_of(slot) == text("last words"), "bytes and end came with one edge");
    check(subject.events.back().kind == row_kind::END, "the end comes last");
    // The peer goes on reading: every edge from here on tells of the end again.
    for (int i = 0; i < 5; ++i) {
      while (subject.send({{slot, pattern(60'000)}}).empty()) {}
      peer.read();
      subject.run();
    }
    check(subject.count(slot, row_kind::END) == 1, "one end");
  }
}

void reports_a_reset_once() {
  EngineSubject subject;
  auto [slot, peer] = adopt(subject, tcp_pair());
  peer.write(masked_frame(text("last words")));
  subject.run();
  peer.reset();
  subject.run();
  check(subject.events.size() == 2, "bytes and an error");
  check(subject.events.back().kind == row_kind::ERROR && subject.events.back().value == ECONNRESET, "ECONNRESET");
}

void closes_any_socket_in_the_middle_of_a_batch() {
  // Which of three is closed when the middle one speaks: itself, one before it, one behind it.
  for (const std::size_t victim : {1, 0, 2}) {
    EngineSubject subject;
    std::vector<Adopted> sockets;
    for (int i = 0; i < 3; ++i) sockets.push_back(adopt(subject, unix_pair()));
    for (const Adopted& socket : sockets) socket.peer.write(repeat(masked_frame(text("x"), 1), 5000));
    subject.onevent = [&](const Event& event) {
      if (event.slot == sockets[1].slot) subject.close(sockets[victim].slot);
    };
    subject.run();
    for (std::size_t i = 0; i < 3; ++i) {
      const std::size_t count = subject.count(sockets[i].slot, row_kind::SEGMENT);
      check(i == victim ? count < 5000 || i == 0 : count == 5000, "only the closed one falls silent");
    }
    check(subject.engine.socket_count() == 2, "one is closed");
    check(sockets[victim].peer.read().empty() && sockets[victim].peer.number() >= 0, "its peer lives on");
  }
}

void adopts_in_the_middle_of_a_batch() {
  EngineSubject subject;
  const auto [slot, peer] = adopt(subject, unix_pair());
  std::vector<Adopted> later;
  peer.write(repeat(masked_frame(text("x"), 1), 5000));
  subject.onevent = [&](const Event& event) {
    if (event.slot == slot && later.size() < 200) later.push_back(adopt(subject, unix_pair(), masked_frame(text("hello"))));
  };
  subject.run();
  check(subject.count(slot, row_kind::SEGMENT) == 5000, "the old one has all");
  for (const Adopted& socket : later) check(subject.payload_of(socket.slot) == text("hello"), "the new ones, too");
}

void tells_a_reused_slot_from_the_old_one() {
  EngineSubject subject;
  auto [slot, peer] = adopt(subject, unix_pair());
  const std::int32_t old = subject.engine.generation(slot);
  check(!subject.engine.keeps_texts(slot), "as ever at first");
  subject.engine.keep_texts(slot, old);
  check(subject.engine.keeps_texts(slot), "texts as bytes");
  peer.write(Bytes{0x82, 0xfe, 0x01});
  subject.run();
  peer.write(masked_frame(text("for nobody")));
  subject.engine.unref(slot, old);
  subject.engine.unref(slot, old);
  check(subject.engine.referenced_count() == 0, "the process need not wait for it");
  subject.engine.ref(slot, old);
  check(subject.engine.referenced_count() == 1, "it does again");
  subject.engine.unref(slot, old);
  subject.close(slot);
  check(!subject.engine.is_live(slot, old), "closed");
  const auto [again, other] = adopt(subject, unix_pair());
  check(again == slot && subject.engine.generation(slot) != old, "the same slot, another generation");
  // What is meant for the old one does nothing to the new one.
  subject.engine.keep_texts(slot, old);
  check(!subject.engine.keeps_texts(slot), "texts as ever");
  subject.engine.unref(slot, old);
  check(subject.engine.referenced_count() == 1, "the process waits for the new one");
  subject.engine.pause(slot, old);
  subject.engine.end(slot, old);
  subject.engine.close(slot, old);
  check(subject.send_records({slot, old, 0, 4}, text("lost")).empty(), "nothing waits");
  other.write(masked_frame(text("new")));
  subject.run();
  check(subject.payload_of(slot) == text("new"), "the split header of the old one is forgotten");
  check(other.read().empty(), "nothing was sent");
}

// Another descriptor of the same socket, e.g. in a child process, keeps it in the epoll set.
void ignores_events_of_a_closed_socket_that_lives_elsewhere() {
  EngineSubject subject;
  auto [own, peer] = unix_pair();
  const Descriptor elsewhere(dup(own.number()));
  const std::int32_t slot = subject.engine.adopt(std::move(own), {});
  subject.resume(slot);
  subject.run();
  subject.close(slot);
  peer.write(masked_frame(text("late")));
  peer.end();
  subject.run();
  check(subject.events.empty(), "nobody is told");
  const auto [again, other] = adopt(subject, unix_pair());
  peer.close();
  other.write(masked_frame(text("new")));
  subject.run();
  check(again == slot && subject.payload_of(slot) == text("new") && subject.events.size() == 1, "nor is the next one");
}

void survives_adoptions_that_fail() {
  EngineSubject subject;
  // Neither is a socket: epoll refuses the file, and recv fails on the pipe.
  Descriptor file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const int number = file.number();
  check(subject.engine.adopt(std::move(file), {}) == -1, "a file is refused");
  check(fcntl(number, F_GETFD) == -1 && errno == EBADF, "and closed");
  int ends[2];
  check(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe");
  const Descriptor end(ends[1]);
  const std::int32_t slot = subject.engine.adopt(Descriptor(ends[0]), {});
  subject.resume(slot);
  check(write(ends[1], "x", 1) == 1, "the pipe has a byte");
  subject.run();
  check(subject.events.size() == 1 && subject.events[0].value == ENOTSOCK, "an error, and only one");
  subject.close(slot);
  const auto [next, peer] = adopt(subject, unix_pair());
  peer.write(masked_frame(text("fine")));
  subject.run();
  check(subject.payload_of(next) == text("fine"), "the next one is served");
}

void says_when_there_are_no_descriptors_for_it() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit none{0, limit.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  const Engine engine;
  check(!engine.is_open(), "it says so");
  setrlimit(RLIMIT_NOFILE, &limit);
}

void makes_no_call_after_the_environment_ended() {
  EngineSubject subject;
  std::vector<Adopted> sockets;
  for (std::size_t i = 0; i < 20; ++i) {
    sockets.push_back(adopt(subject, unix_pair()));
    sockets.back().peer.write(masked_frame(pattern(60'000)));
  }
  subject.onevent = [&](const Event&) { subject.is_alive = false; };
  check(!subject.turn(), "it says so");
  check(subject.batch_count == 1, "no further call");
  subject.engine.close_all();
}

}  // namespace
}  // namespace hotsocket

int main() {
  using namespace hotsocket;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  reads_the_head_first();
  reads_many_sockets_in_one_batch();
  serves_many_sockets(limit.rlim_cur);
  carries_a_chunk_over_when_the_table_is_full();
  delivers_when_the_arena_is_full();
  stops_at_its_budget_and_comes_back();
  receives_the_rest_of_a_frame_into_lent_memory();
  fails_when_lent_memory_is_gone();
  holds_back_while_paused();
  stops_in_mid_stream_when_a_handler_pauses();
  reads_what_stands_before_an_end();
  reports_a_reset_once();
  closes_any_socket_in_the_middle_of_a_batch();
  adopts_in_the_middle_of_a_batch();
  tells_a_reused_slot_from_the_old_one();
  ignores_events_of_a_closed_socket_that_lives_elsewhere();
  survives_adoptions_that_fail();
  says_when_there_are_no_descriptors_for_it();
  makes_no_call_after_the_environment_ended();
}
