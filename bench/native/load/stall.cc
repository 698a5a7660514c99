// Mode stall: what one client's large compressed message does to another client's latency.
// Names: port, warmup-ms, measure-ms, payload-file (see traffic.h), extensions, bytes (of the message when inflated).
// The server answers a large message with its length, in digits. Reports two stages, and goes on when it is answered: idle
// (the good client alone) and busy (messages one after the other, until the time is over and one at least is answered), each
// with probes, p50Us, p99Us, maxUs; busy with messages and seconds, too.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "modes.h"
#include "poller.h"
#include "prober.h"
#include "process.h"
#include "socket.h"
#include "traffic.h"

namespace {

/// So much at a time, so that the good client is looked at in between.
constexpr size_t kTurnBytes = 256 * 1024;

class Stall {
 public:
  explicit Stall(const Arguments& arguments)
      : prober_(arguments.number("port")),
        fd_(open_connection(arguments.number("port"), 1, arguments.text("extensions"))),
        request_(make_request(kCompressedText, read_file(arguments.text("payload-file")))),
        reply_(make_reply(0x81, bytes_of(arguments.text("bytes")))) {
    poller_.watch(prober_.fd(), 0);
    poller_.watch(fd_, 1);
  }

  void run(size_t warmup_ms, size_t measure_ms) {
    prober_.start();
    wait(warmup_ms);
    prober_.reset();
    wait(measure_ms);
    report_stage("{\"stage\":\"idle\"," + prober_.figures() + "}");
    prober_.reset();
    const uint64_t start = now_ns();
    size_t messages = 0;
    while (messages == 0 || now_ns() - start < measure_ms * 1'000'000) {
      exchange();
      messages++;
    }
    const double seconds = static_cast<double>(now_ns() - start) / 1e9;
    report_stage("{\"stage\":\"busy\"," + prober_.figures() + ",\"messages\":" + std::to_string(messages) +
                 ",\"seconds\":" + std::to_string(seconds) + "}");
  }

 private:
  static std::vector<uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

  void wait(size_t milliseconds) {
    poller_.run(milliseconds, [this](uint64_t, uint32_t) { prober_.receive(); });
  }

  void exchange() {
    size_t sent = 0;
    std::vector<uint8_t> received;
    while (received.size() < reply_.size()) {
      const bool has_moved = sent < request_.size() && write(sent);
      poller_.wait(has_moved ? 0 : 10, [](uint64_t, uint32_t) {});
      prober_.receive();
      read(received);
    }
    if (received != reply_) fail("the server did not count the bytes of the large message");
  }

  bool write(size_t& sent) {
    const size_t size = std::min(request_.size() - sent, kTurnBytes);
    const ssize_t count = send(fd_, &request_[sent], size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN) fail_errno("send");
    if (count <= 0) return false;
    sent += static_cast<size_t>(count);
    return true;
  }

  void read(std::vector<uint8_t>& received) {
    std::array<uint8_t, 64> part;
    const ssize_t count = recv(fd_, part.data(), part.size(), MSG_DONTWAIT);
    if (count == 0) fail("the server closed the connection of the large message");
    if (count < 0 && errno != EAGAIN) fail_errno("recv");
    if (count > 0) received.insert(received.end(), part.begin(), part.begin() + count);
  }

  Prober prober_;
  int fd_;
  std::vector<uint8_t> request_;
  std::vector<uint8_t> reply_;
  Poller poller_;
};

}  // namespace

void run_stall(const Arguments& arguments) {
  Stall(arguments).run(arguments.number("warmup-ms"), arguments.number("measure-ms"));
}
