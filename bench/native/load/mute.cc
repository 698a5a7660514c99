// Mode mute: clients that send and never read, and one good client beside them.
// Names: port, clients, bytes (of one binary message), total-bytes (offered by all together), quiet-ms, limit-ms.
// Ends when the kernel has taken nothing for quiet-ms, because all is sent or because the server has stopped reading.
// Prints offeredBytes, acceptedBytes, and of the good client probes, p50Us, p99Us, maxUs (one that still waits counts).
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "frames.h"
#include "modes.h"
#include "poller.h"
#include "prober.h"
#include "process.h"
#include "socket.h"

namespace {

struct MuteClient {
  int fd = -1;
  size_t sent = 0;
};

/// So much at a time for one client, so that the good one is looked at in between.
constexpr size_t kTurnBytes = 256 * 1024;

class Mute {
 public:
  explicit Mute(const Arguments& arguments)
      : prober_(arguments.number("port")),
        request_(make_frames("binary", arguments.number("bytes")).request),
        clients_(arguments.number("clients")),
        share_(whole_frames(arguments.number("total-bytes") / clients_.size())) {
    for (size_t i = 0; i < clients_.size(); i++) {
      clients_[i].fd = open_connection(arguments.number("port"), i);
      poller_.watch(clients_[i].fd, i);
    }
    poller_.watch(prober_.fd(), clients_.size());
  }

  void run(size_t quiet_ms, size_t limit_ms) {
    const uint64_t limit = now_ns() + limit_ms * 1'000'000;
    prober_.start();
    uint64_t accepted_at = now_ns();
    while (now_ns() < limit && now_ns() - accepted_at < quiet_ms * 1'000'000) {
      // Writers are tried in turn; readiness is asked for only to sleep while none can go on.
      const bool has_moved = offer() > 0;
      if (has_moved) accepted_at = now_ns();
      wait(has_moved ? 0 : 1);
    }
    print();
  }

 private:
  size_t whole_frames(size_t bytes) const { return std::max<size_t>(1, bytes / request_.size()) * request_.size(); }

  size_t offer() {
    size_t accepted = 0;
    for (MuteClient& client : clients_) {
      const size_t offset = client.sent % request_.size();
      const size_t size = std::min({request_.size() - offset, share_ - client.sent, kTurnBytes});
      if (size == 0) continue;
      const ssize_t count = send(client.fd, &request_[offset], size, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count < 0 && errno != EAGAIN) fail_errno("send");
      if (count <= 0) continue;
      client.sent += static_cast<size_t>(count);
      accepted += static_cast<size_t>(count);
      prober_.receive();
    }
    return accepted;
  }

  void wait(int milliseconds) {
    poller_.wait(milliseconds, [](uint64_t, uint32_t) {});
    prober_.receive();
  }

  void print() const {
    uint64_t accepted = 0;
    for (const MuteClient& client : clients_) accepted += client.sent;
    std::printf("{\"offeredBytes\":%llu,\"acceptedBytes\":%llu,%s}\n",
                static_cast<unsigned long long>(share_ * clients_.size()), static_cast<unsigned long long>(accepted),
                prober_.figures().c_str());
  }

  Prober prober_;
  std::vector<uint8_t> request_;
  std::vector<MuteClient> clients_;
  size_t share_;
  Poller poller_;
};

}  // namespace

void run_mute(const Arguments& arguments) {
  Mute(arguments).run(arguments.number("quiet-ms"), arguments.number("limit-ms"));
}
