// Mode churn: connect, upgrade, closing handshake, and again; so many connections at a time.
// Names: port, pid (the server's), connections, warmup-ms, measure-ms.
// Prints connections, seconds, cpuSeconds (the server's), p50Us, p99Us (from connect to the end of the connection).
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "frames.h"
#include "histogram.h"
#include "modes.h"
#include "poller.h"
#include "process.h"
#include "socket.h"

namespace {

struct Visit {
  enum class State { Connecting, Upgrading, Closing };
  int fd = -1;
  State state = State::Connecting;
  uint64_t started_at = 0;
  std::string received;
};

class Churn {
 public:
  explicit Churn(const Arguments& arguments)
      : port_(arguments.number("port")),
        stopwatch_(arguments.number("pid")),
        request_(handshake_request(port_)),
        visits_(arguments.number("connections")) {
    for (size_t i = 0; i < visits_.size(); i++) start(i);
  }

  void run(size_t warmup_ms, size_t measure_ms) {
    loop(warmup_ms);
    visit_latencies_ = Histogram();
    stopwatch_.start();
    loop(measure_ms);
    std::printf("{\"connections\":%llu,\"seconds\":%.6f,\"cpuSeconds\":%.6f,\"p50Us\":%.1f,\"p99Us\":%.1f}\n",
                static_cast<unsigned long long>(visit_latencies_.count()), stopwatch_.seconds(),
                stopwatch_.cpu_seconds(), visit_latencies_.quantile_us(0.5), visit_latencies_.quantile_us(0.99));
  }

 private:
  void start(size_t index) {
    Visit& visit = visits_[index];
    visit.state = Visit::State::Connecting;
    visit.started_at = now_ns();
    visit.received.clear();
    visit.fd = start_connect(port_, started_++);
    poller_.watch(visit.fd, index);
  }

  void loop(size_t milliseconds) {
    poller_.run(milliseconds, [this](uint64_t index, uint32_t ready) { step(index, ready); });
  }

  void step(size_t index, uint32_t ready) {
    Visit& visit = visits_[index];
    if (visit.state == Visit::State::Connecting) {
      if ((ready & (EPOLLOUT | EPOLLERR)) == 0) return;
      say(visit, request_.data(), request_.size());
      visit.state = Visit::State::Upgrading;
    }
    if ((ready & EPOLLIN) == 0) return;
    const bool has_ended = receive(visit);
    if (visit.state == Visit::State::Upgrading && is_accepted(visit.received)) {
      visit.received.clear();
      say(visit, kCloseRequest.data(), kCloseRequest.size());
      visit.state = Visit::State::Closing;
    }
    if (!has_ended) return;
    static const std::string kExpected(kCloseReply.begin(), kCloseReply.end());
    if (visit.state != Visit::State::Closing || visit.received != kExpected) fail("a connection ended too soon");
    close(visit.fd);
    visit_latencies_.add(now_ns() - visit.started_at);
    start(index);
  }

  /// So little always fits into the buffer of a fresh socket.
  static void say(const Visit& visit, const void* bytes, size_t size) {
    if (send(visit.fd, bytes, size, MSG_NOSIGNAL) != static_cast<ssize_t>(size)) fail_errno("send");
  }

  /// Takes all that is there; returns whether the server has ended the connection.
  static bool receive(Visit& visit) {
    std::array<char, 1024> part;
    for (;;) {
      const ssize_t count = recv(visit.fd, part.data(), part.size(), 0);
      if (count == 0) return true;
      if (count < 0) {
        if (errno == EAGAIN) return false;
        fail_errno("recv");
      }
      visit.received.append(part.data(), static_cast<size_t>(count));
    }
  }

  size_t port_;
  Stopwatch stopwatch_;
  std::string request_;
  std::vector<Visit> visits_;
  size_t started_ = 0;
  Histogram visit_latencies_;
  Poller poller_;
};

}  // namespace

void run_churn(const Arguments& arguments) {
  Churn(arguments).run(arguments.number("warmup-ms"), arguments.number("measure-ms"));
}
