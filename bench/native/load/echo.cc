// Mode echo: so many connections keep so many messages in flight each.
// Names: port, pid (the server's), connections, in-flight, warmup-ms, measure-ms, those of traffic.h.
// Prints messages, seconds, cpuSeconds (the server's), p50Us, p99Us, replyBytes. Every echo's header and length are checked, and the
// whole payload of the first echo of each connection.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "histogram.h"
#include "modes.h"
#include "poller.h"
#include "process.h"
#include "socket.h"
#include "traffic.h"

namespace {

struct Connection {
  int fd = -1;
  /// Bytes of the echo at hand that have arrived.
  size_t received = 0;
  /// Bytes that could not be sent yet, counted from the end of a whole number of frames.
  size_t unsent = 0;
  bool verified = false;
  /// Send times of the messages in flight, a ring.
  std::vector<uint64_t> sent_at;
  size_t oldest = 0;
  size_t newest = 0;
};

/// One write carries as many frames as may be in flight, but no more than a megabyte of them.
constexpr size_t kMaxBatchBytes = 1 << 20;

class Echo {
 public:
  explicit Echo(const Arguments& arguments)
      : in_flight_(arguments.number("in-flight")),
        traffic_(prepare_traffic(arguments)),
        batch_(repeat(frames_.request, in_flight_, kMaxBatchBytes)),
        connections_(arguments.number("connections")),
        stopwatch_(arguments.number("pid")) {
    for (size_t i = 0; i < connections_.size(); i++) {
      connections_[i].fd = open_connection(arguments.number("port"), i, traffic_.extensions);
      connections_[i].sent_at.resize(in_flight_);
      poller_.watch(connections_[i].fd, i);
    }
  }

  void run(size_t warmup_ms, size_t measure_ms) {
    for (Connection& connection : connections_) queue(connection, in_flight_);
    loop(warmup_ms);
    messages_ = 0;
    is_measuring_ = true;
    stopwatch_.start();
    loop(measure_ms);
    std::printf("{\"messages\":%llu,\"seconds\":%.6f,\"cpuSeconds\":%.6f,\"p50Us\":%.1f,\"p99Us\":%.1f,\"replyBytes\":%zu}\n",
                static_cast<unsigned long long>(messages_), stopwatch_.seconds(), stopwatch_.cpu_seconds(),
                latencies_.quantile_us(0.5), latencies_.quantile_us(0.99), frames_.reply.size());
  }

 private:
  void loop(size_t milliseconds) {
    poller_.run(milliseconds, [this](uint64_t index, uint32_t ready) {
      Connection& connection = connections_[index];
      if (connection.unsent > 0) flush(connection);
      if ((ready & EPOLLIN) != 0) receive(connection);
    });
  }

  void receive(Connection& connection) {
    for (;;) {
      const ssize_t count = recv(connection.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (count == 0) fail("the server closed a connection");
      if (count < 0) {
        if (errno == EAGAIN) return;
        fail_errno("recv");
      }
      const size_t whole = take(connection, static_cast<size_t>(count));
      if (whole > 0) queue(connection, whole);
      if (static_cast<size_t>(count) < buffer_.size()) return;
    }
  }

  /// Checks what arrived against the expected echoes; returns how many became whole.
  size_t take(Connection& connection, size_t count) {
    const uint64_t now = now_ns();
    const size_t length = frames_.reply.size();
    size_t whole = 0;
    for (size_t at = 0; at < count;) {
      const size_t part = std::min(length - connection.received, count - at);
      const size_t checked = connection.verified ? frames_.reply_header : length;
      if (connection.received < checked) {
        const size_t size = std::min(part, checked - connection.received);
        if (std::memcmp(&buffer_[at], &frames_.reply[connection.received], size) != 0)
          fail("an echo differs from what was sent");
      }
      connection.received += part;
      at += part;
      if (connection.received < length) continue;
      connection.received = 0;
      connection.verified = true;
      whole++;
      if (is_measuring_) latencies_.add(now - connection.sent_at[connection.oldest]);
      connection.oldest = (connection.oldest + 1) % in_flight_;
    }
    messages_ += whole;
    return whole;
  }

  void queue(Connection& connection, size_t frame_count) {
    const uint64_t now = now_ns();
    for (size_t i = 0; i < frame_count; i++) {
      connection.sent_at[connection.newest] = now;
      connection.newest = (connection.newest + 1) % in_flight_;
    }
    connection.unsent += frame_count * frames_.request.size();
    flush(connection);
  }

  void flush(Connection& connection) {
    while (connection.unsent > 0) {
      // What is unsent ends at a frame's end, so its place within a frame follows from its length.
      const size_t length = frames_.request.size();
      const size_t offset = (length - connection.unsent % length) % length;
      const size_t size = std::min(connection.unsent, batch_.size() - offset);
      const ssize_t count = send(connection.fd, &batch_[offset], size, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count < 0) {
        if (errno == EAGAIN) return;
        fail_errno("send");
      }
      connection.unsent -= static_cast<size_t>(count);
    }
  }

  size_t in_flight_;
  Traffic traffic_;
  const Frames& frames_ = traffic_.frames;
  std::vector<uint8_t> batch_;
  std::vector<Connection> connections_;
  std::vector<uint8_t> buffer_ = std::vector<uint8_t>(256 * 1024);
  Histogram latencies_;
  uint64_t messages_ = 0;
  bool is_measuring_ = false;
  Poller poller_;
  Stopwatch stopwatch_;
};

}  // namespace

void run_echo(const Arguments& arguments) {
  Echo(arguments).run(arguments.number("warmup-ms"), arguments.number("measure-ms"));
}
