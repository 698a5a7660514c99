// The machine's limit: an epoll echo server for WebSocket frames that checks nothing. For comparison only.
// Usage: echo-ceiling. Prints the port it listens at on 127.0.0.1 and runs until it is killed or its parent ends.
// It assumes masked, unfragmented frames with valid lengths, unmasks byte by byte in 8-byte words, and answers them.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <vector>

namespace {

struct Connection {
  bool is_open = false;
  std::vector<uint8_t> in;
  std::vector<uint8_t> out;
};

std::unordered_map<int, std::unique_ptr<Connection>> connections;
std::array<uint8_t, 256 * 1024> buffer;

/// The answer to the one key that the load generator sends.
constexpr const char* kResponse =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

size_t echo_frame(const uint8_t* data, size_t size, std::vector<uint8_t>& out) {
  if (size < 6) return 0;
  size_t header = 2;
  uint64_t length = data[1] & 0x7f;
  if (length == 126) {
    if (size < 8) return 0;
    header = 4;
    length = static_cast<uint64_t>(data[2]) << 8 | data[3];
  } else if (length == 127) {
    if (size < 14) return 0;
    header = 10;
    length = 0;
    for (int i = 2; i < 10; i++) length = length << 8 | data[i];
  }
  if (size < header + 4 + length) return 0;
  const size_t at = out.size();
  out.resize(at + header + length);
  std::memcpy(&out[at], data, header);
  out[at + 1] &= 0x7f;
  uint64_t key = 0;
  std::memcpy(&key, data + header, 4);
  key |= key << 32;
  const uint8_t* from = data + header + 4;
  uint8_t* to = &out[at + header];
  size_t i = 0;
  for (; i + 8 <= length; i += 8) {
    uint64_t word;
    std::memcpy(&word, from + i, 8);
    word ^= key;
    std::memcpy(to + i, &word, 8);
  }
  for (; i < length; i++) to[i] = from[i] ^ data[header + i % 4];
  return header + 4 + length;
}

void flush(int fd, Connection& connection) {
  size_t sent = 0;
  while (sent < connection.out.size()) {
    const ssize_t count =
        send(fd, &connection.out[sent], connection.out.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count <= 0) break;
    sent += static_cast<size_t>(count);
  }
  connection.out.erase(connection.out.begin(), connection.out.begin() + static_cast<ptrdiff_t>(sent));
}

void receive(int fd, Connection& connection) {
  for (;;) {
    const ssize_t count = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count == 0) {
      close(fd);
      connections.erase(fd);
      return;
    }
    if (count < 0) break;
    if (!connection.is_open) {
      connection.is_open = true;
      connection.out.assign(kResponse, kResponse + std::strlen(kResponse));
      continue;
    }
    // Whole frames are echoed from where they arrived; only what is left of the last one is kept.
    const uint8_t* data = buffer.data();
    size_t size = static_cast<size_t>(count);
    if (!connection.in.empty()) {
      connection.in.insert(connection.in.end(), data, data + size);
      data = connection.in.data();
      size = connection.in.size();
    }
    size_t at = 0;
    for (size_t step = 1; step > 0 && at < size; at += step) step = echo_frame(data + at, size - at, connection.out);
    std::vector<uint8_t> rest(data + at, data + size);
    connection.in.swap(rest);
    if (static_cast<size_t>(count) < buffer.size()) break;
  }
  flush(fd, connection);
}

}  // namespace

int main() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0 || listen(listener, 511) != 0) return 1;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  const int poll = epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener;
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  std::array<epoll_event, 512> events;
  for (;;) {
    const int count = epoll_wait(poll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; i++) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd != listener) {
        Connection& connection = *connections[fd];
        if (!connection.out.empty()) flush(fd, connection);
        receive(fd, connection);
        continue;
      }
      for (int accepted; (accepted = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
        const int one = 1;
        setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        connections[accepted] = std::make_unique<Connection>();
        event.events = EPOLLIN | EPOLLOUT | EPOLLET;
        event.data.fd = accepted;
        epoll_ctl(poll, EPOLL_CTL_ADD, accepted, &event);
      }
    }
  }
}
