// Mode flood: what one client's flood of small messages does to another client's latency.
// Names: port, bytes (of one text message of the flood), warmup-ms, measure-ms.
// Reports two stages, and goes on when it is answered: idle (the good client alone) and flooded (beside the flood), each
// with probes, p50Us, p99Us, maxUs; flooded with floodMessages (echoed in the time) and seconds, too.
// Both clients are served by one thread; the good one comes first, the flood gets one write and one read at a time, so
// that what is measured is the server's delay and not the generator's.
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "frames.h"
#include "modes.h"
#include "poller.h"
#include "prober.h"
#include "process.h"
#include "socket.h"

namespace {

constexpr size_t kWriteBytes = 64 * 1024;
constexpr size_t kReadBytes = 128 * 1024;

class Flood {
 public:
  explicit Flood(const Arguments& arguments)
      : prober_(arguments.number("port")),
        flooder_(open_connection(arguments.number("port"), 1)),
        frames_(make_frames("text", arguments.number("bytes"))),
        // A write may begin at any byte of the first frame.
        batch_(repeat(frames_.request, SIZE_MAX, kWriteBytes + 2 * frames_.request.size())) {
    poller_.watch(prober_.fd(), 0);
    poller_.watch(flooder_, 1);
  }

  void run(size_t warmup_ms, size_t measure_ms) {
    prober_.start();
    measure("idle", warmup_ms, measure_ms);
    is_flooding_ = true;
    measure("flooded", warmup_ms, measure_ms);
  }

 private:
  void measure(const char* stage, size_t warmup_ms, size_t measure_ms) {
    loop(warmup_ms);
    prober_.reset();
    const uint64_t read = read_;
    const uint64_t start = now_ns();
    loop(measure_ms);
    const double seconds = static_cast<double>(now_ns() - start) / 1e9;
    std::array<char, 320> line;
    std::snprintf(line.data(), line.size(), "{\"stage\":\"%s\",%s,\"floodMessages\":%llu,\"seconds\":%.6f}", stage,
                  prober_.figures().c_str(),
                  static_cast<unsigned long long>((read_ - read) / frames_.reply.size()), seconds);
    report_stage(line.data());
  }

  void loop(size_t milliseconds) {
    const uint64_t end = now_ns() + milliseconds * 1'000'000;
    bool is_moving = true;
    while (now_ns() < end) {
      poller_.wait(is_moving ? 0 : 10, [](uint64_t, uint32_t) {});
      prober_.receive();
      is_moving = is_flooding_ && write() + read() > 0;
    }
  }

  size_t write() {
    const uint8_t* from = &batch_[written_ % frames_.request.size()];
    const ssize_t count = send(flooder_, from, kWriteBytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN) fail_errno("send");
    if (count <= 0) return 0;
    written_ += static_cast<uint64_t>(count);
    return static_cast<size_t>(count);
  }

  /// The bytes are only counted: MSG_TRUNC drops them without copying.
  size_t read() {
    const ssize_t count = recv(flooder_, nullptr, kReadBytes, MSG_DONTWAIT | MSG_TRUNC);
    if (count == 0) fail("the server closed the flooding connection");
    if (count < 0) {
      if (errno == EAGAIN) return 0;
      fail_errno("recv");
    }
    read_ += static_cast<uint64_t>(count);
    return static_cast<size_t>(count);
  }

  Prober prober_;
  int flooder_;
  Frames frames_;
  std::vector<uint8_t> batch_;
  Poller poller_;
  bool is_flooding_ = false;
  uint64_t written_ = 0;
  uint64_t read_ = 0;
};

}  // namespace

void run_flood(const Arguments& arguments) {
  Flood(arguments).run(arguments.number("warmup-ms"), arguments.number("measure-ms"));
}
