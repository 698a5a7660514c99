#include "prober.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "process.h"
#include "socket.h"

Prober::Prober(size_t port)
    : frames_(make_frames("text", 64)), fd_(open_connection(port, 0)), received_(frames_.reply.size()) {}

void Prober::start() {
  received_bytes_ = 0;
  sent_at_ = now_ns();
  send_all(fd_, frames_.request);
}

void Prober::receive() {
  for (;;) {
    const std::span<uint8_t> rest = std::span(received_).subspan(received_bytes_);
    const ssize_t count = recv(fd_, rest.data(), rest.size(), MSG_DONTWAIT);
    if (count == 0) fail("the server closed the connection of a good client");
    if (count < 0) {
      if (errno == EAGAIN) return;
      fail_errno("recv");
    }
    received_bytes_ += static_cast<size_t>(count);
    if (received_bytes_ < received_.size()) continue;
    if (received_ != frames_.reply) fail("an echo differs from what was sent");
    latencies_.add(waiting_ns());
    start();
  }
}

std::string Prober::figures() const {
  std::array<char, 160> text;
  std::snprintf(text.data(), text.size(), "\"probes\":%llu,\"p50Us\":%.1f,\"p99Us\":%.1f,\"maxUs\":%.1f",
                static_cast<unsigned long long>(latencies_.count()), latencies_.quantile_us(0.5),
                latencies_.quantile_us(0.99),
                std::max(latencies_.max_us(), static_cast<double>(waiting_ns()) / 1000.0));
  return text.data();
}

uint64_t Prober::waiting_ns() const { return now_ns() - sent_at_; }
