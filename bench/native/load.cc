// A load generator for WebSocket echo servers: epoll, one thread, frames made in advance.
// Usage: load HOST PORT CONNECTIONS IN_FLIGHT PAYLOAD_BYTES text|binary|utf8 WARMUP_MS MEASURE_MS
// Prints one JSON object: messages, seconds, p50Us, p99Us. Every echo's header and length are checked, and the whole
// payload of the first echo of each connection; a mismatch ends the program with status 1.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "load: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

/// Counts latencies in buckets of about 3 % each.
class Histogram {
 public:
  void add(uint64_t nanoseconds) { buckets_[index(nanoseconds)]++, count_++; }

  double quantile_us(double quantile) const {
    uint64_t rest = static_cast<uint64_t>(quantile * static_cast<double>(count_));
    for (size_t i = 0; i < buckets_.size(); i++) {
      if (buckets_[i] > rest) return static_cast<double>(value(i)) / 1000.0;
      rest -= buckets_[i];
    }
    return 0;
  }

 private:
  static size_t index(uint64_t value) {
    if (value < 32) return value;
    const int shift = 58 - __builtin_clzll(value);
    return static_cast<size_t>(shift + 1) * 32 + ((value >> shift) - 32);
  }
  static uint64_t value(size_t index) {
    if (index < 32) return index;
    const size_t shift = index / 32 - 1;
    return (index % 32 + 32) << shift;
  }

  std::array<uint64_t, 64 * 32> buckets_{};
  uint64_t count_ = 0;
};

struct Connection {
  int fd = -1;
  /// Bytes of the echo at hand that have arrived.
  size_t received = 0;
  /// Bytes that could not be sent yet, counted from the end of a whole number of frames.
  size_t unsent = 0;
  bool verified = false;
  std::vector<uint8_t> first;
  /// Send times of the messages in flight, a ring.
  std::vector<uint64_t> sent_at;
  size_t oldest = 0;
  size_t newest = 0;
};

struct Plan {
  const char* host;
  int port;
  size_t connections;
  size_t in_flight;
  size_t payload_bytes;
  std::string kind;
  int warmup_ms;
  int measure_ms;
};

uint64_t now_ns() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count());
}

std::vector<uint8_t> make_payload(const Plan& plan) {
  static constexpr std::string_view kUtf8 = "Grüße, 世界, мир, 🌍! ";
  std::vector<uint8_t> payload(plan.payload_bytes);
  for (size_t i = 0; i < payload.size(); i++) {
    if (plan.kind == "binary") payload[i] = static_cast<uint8_t>(i * 131 + 7);
    else if (plan.kind == "text") payload[i] = static_cast<uint8_t>('a' + i % 26);
    else payload[i] = static_cast<uint8_t>(kUtf8[i % kUtf8.size()]);
  }
  if (plan.kind == "utf8") {
    // Do not end inside a code point.
    size_t end = payload.size() - payload.size() % kUtf8.size();
    std::fill(payload.begin() + static_cast<ptrdiff_t>(end), payload.end(), uint8_t{'.'});
  }
  return payload;
}

void append_header(std::vector<uint8_t>& out, uint8_t first, size_t length, bool masked) {
  const uint8_t mask = masked ? 0x80 : 0;
  out.push_back(first);
  if (length < 126) {
    out.push_back(static_cast<uint8_t>(mask | length));
  } else if (length < 65536) {
    out.push_back(mask | 126);
    for (int shift = 8; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(length >> shift));
  } else {
    out.push_back(mask | 127);
    for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(length >> shift));
  }
}

/// The frame that is sent, masked, and the frame that must come back.
struct Frames {
  std::vector<uint8_t> request;
  std::vector<uint8_t> reply;
  size_t reply_header;
};

Frames make_frames(const Plan& plan) {
  static constexpr std::array<uint8_t, 4> kKey = {0x37, 0xfa, 0x21, 0x3d};
  const std::vector<uint8_t> payload = make_payload(plan);
  const uint8_t first = plan.kind == "binary" ? 0x82 : 0x81;
  Frames frames;
  append_header(frames.request, first, payload.size(), true);
  frames.request.insert(frames.request.end(), kKey.begin(), kKey.end());
  for (size_t i = 0; i < payload.size(); i++) frames.request.push_back(payload[i] ^ kKey[i % 4]);
  append_header(frames.reply, first, payload.size(), false);
  frames.reply_header = frames.reply.size();
  frames.reply.insert(frames.reply.end(), payload.begin(), payload.end());
  return frames;
}

int open_socket(const Plan& plan) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(plan.port));
  if (inet_pton(AF_INET, plan.host, &address.sin_addr) != 1) fail(plan.host);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("connect");
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

void shake_hands(int fd, const Plan& plan) {
  const std::string request = std::string("GET / HTTP/1.1\r\nHost: ") + plan.host + ":" + std::to_string(plan.port) +
                              "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  if (send(fd, request.data(), request.size(), 0) != static_cast<ssize_t>(request.size())) fail("send");
  std::string response;
  char byte;
  while (response.find("\r\n\r\n") == std::string::npos) {
    if (recv(fd, &byte, 1, 0) != 1) fail("handshake");
    response.push_back(byte);
  }
  if (response.compare(0, 12, "HTTP/1.1 101") != 0) {
    std::fprintf(stderr, "load: the server answered %s\n", response.substr(0, response.find('\r')).c_str());
    std::exit(1);
  }
}

class Load {
 public:
  explicit Load(const Plan& plan) : plan_(plan), frames_(make_frames(plan)) {
    // One write can carry as many frames as may be in flight, but no more than a megabyte of them.
    batch_frames_ = std::max<size_t>(1, std::min(plan.in_flight, (1 << 20) / frames_.request.size()));
    for (size_t i = 0; i < batch_frames_; i++) batch_.insert(batch_.end(), frames_.request.begin(), frames_.request.end());
    connections_.resize(plan.connections);
    poll_ = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < connections_.size(); i++) open(connections_[i], i);
  }

  void run() {
    for (Connection& connection : connections_) queue(connection, plan_.in_flight);
    loop(plan_.warmup_ms);
    messages_ = 0;
    latencies_ = Histogram();
    is_measuring_ = true;
    const uint64_t start = now_ns();
    loop(plan_.measure_ms);
    const double seconds = static_cast<double>(now_ns() - start) / 1e9;
    std::printf("{\"messages\":%llu,\"seconds\":%.6f,\"p50Us\":%.1f,\"p99Us\":%.1f}\n",
                static_cast<unsigned long long>(messages_), seconds, latencies_.quantile_us(0.5),
                latencies_.quantile_us(0.99));
  }

 private:
  void open(Connection& connection, size_t index) {
    connection.fd = open_socket(plan_);
    shake_hands(connection.fd, plan_);
    connection.sent_at.resize(plan_.in_flight);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u64 = index;
    if (epoll_ctl(poll_, EPOLL_CTL_ADD, connection.fd, &event) != 0) fail("epoll_ctl");
  }

  void loop(int milliseconds) {
    const uint64_t end = now_ns() + static_cast<uint64_t>(milliseconds) * 1'000'000;
    std::array<epoll_event, 512> events;
    while (now_ns() < end) {
      const int count = epoll_wait(poll_, events.data(), static_cast<int>(events.size()), 100);
      if (count < 0 && errno != EINTR) fail("epoll_wait");
      for (int i = 0; i < count; i++) {
        Connection& connection = connections_[events[static_cast<size_t>(i)].data.u64];
        if (connection.unsent > 0) flush(connection);
        if ((events[static_cast<size_t>(i)].events & EPOLLIN) != 0) receive(connection);
      }
    }
  }

  void receive(Connection& connection) {
    for (;;) {
      const ssize_t count = recv(connection.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (count == 0) fail("the server closed a connection");
      if (count < 0) {
        if (errno == EAGAIN) return;
        fail("recv");
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
        const size_t end = std::min(part, checked - connection.received);
        if (std::memcmp(&buffer_[at], &frames_.reply[connection.received], end) != 0) {
          std::fprintf(stderr, "load: an echo differs from what was sent\n");
          std::exit(1);
        }
      }
      connection.received += part;
      at += part;
      if (connection.received < length) continue;
      connection.received = 0;
      connection.verified = true;
      whole++;
      if (is_measuring_) latencies_.add(now - connection.sent_at[connection.oldest]);
      connection.oldest = (connection.oldest + 1) % plan_.in_flight;
    }
    messages_ += whole;
    return whole;
  }

  void queue(Connection& connection, size_t frame_count) {
    const uint64_t now = now_ns();
    for (size_t i = 0; i < frame_count; i++) {
      connection.sent_at[connection.newest] = now;
      connection.newest = (connection.newest + 1) % plan_.in_flight;
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
        fail("send");
      }
      connection.unsent -= static_cast<size_t>(count);
    }
  }

  Plan plan_;
  Frames frames_;
  std::vector<uint8_t> batch_;
  size_t batch_frames_ = 1;
  std::vector<Connection> connections_;
  std::vector<uint8_t> buffer_ = std::vector<uint8_t>(256 * 1024);
  Histogram latencies_;
  uint64_t messages_ = 0;
  bool is_measuring_ = false;
  int poll_ = -1;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 9) {
    std::fprintf(stderr, "usage: load HOST PORT CONNECTIONS IN_FLIGHT BYTES text|binary|utf8 WARMUP_MS MEASURE_MS\n");
    return 2;
  }
  const auto number = [&](int index) { return static_cast<size_t>(std::strtoull(argv[index], nullptr, 10)); };
  const Plan plan{argv[1],   std::atoi(argv[2]), number(3), number(4), number(5), argv[6], std::atoi(argv[7]),
                  std::atoi(argv[8])};
  Load(plan).run();
}
