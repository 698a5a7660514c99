// The machine's limit: an epoll echo server for WebSocket frames that checks nothing. What servers are compared with, and
// what clients talk to. Usage: echo-ceiling. Prints the port it listens at on 127.0.0.1 and runs until it is killed or its
// parent ends.
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
#include <memory>
#include <span>
#include <vector>

#include "answer.h"

namespace {

struct Connection {
  Answer answer;
  /// What the socket did not take, and how much of it was sent since.
  std::vector<uint8_t> waiting;
  size_t sent = 0;
};

/// By descriptor.
std::vector<std::unique_ptr<Connection>> connections;
/// What was read last, and the answer to it.
std::array<uint8_t, 256 * 1024> arrived;
std::array<uint8_t, arrived.size() + kMaxExtraBytes> answer;

size_t send_some(int fd, std::span<const uint8_t> bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = send(fd, &bytes[sent], bytes.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count <= 0) break;
    sent += static_cast<size_t>(count);
  }
  return sent;
}

void flush(int fd, Connection& connection) {
  connection.sent += send_some(fd, std::span(connection.waiting).subspan(connection.sent));
  if (connection.sent < connection.waiting.size()) return;
  connection.waiting.clear();
  connection.sent = 0;
}

void say(int fd, Connection& connection, std::span<const uint8_t> bytes) {
  const size_t sent = connection.waiting.empty() ? send_some(fd, bytes) : 0;
  const auto rest = bytes.subspan(sent);
  connection.waiting.insert(connection.waiting.end(), rest.begin(), rest.end());
}

/// Answers all that is there. Returns false if the client has ended the connection.
bool receive(int fd, Connection& connection) {
  for (;;) {
    const ssize_t count = recv(fd, arrived.data(), arrived.size(), MSG_DONTWAIT);
    if (count <= 0) return count < 0;
    const size_t size = static_cast<size_t>(count);
    say(fd, connection, {answer.data(), connection.answer.to({arrived.data(), size}, answer.data())});
    if (size < arrived.size()) return true;
  }
}

void serve(int fd) {
  Connection& connection = *connections[static_cast<size_t>(fd)];
  if (!connection.waiting.empty()) flush(fd, connection);
  const bool has_ended = !receive(fd, connection);
  if (!has_ended && !(connection.answer.is_last() && connection.waiting.empty())) return;
  close(fd);
  connections[static_cast<size_t>(fd)].reset();
}

void watch(int poll, int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}

void accept_all(int poll, int listener) {
  for (int fd; (fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connections.size() <= static_cast<size_t>(fd)) connections.resize(static_cast<size_t>(fd) + 1);
    connections[static_cast<size_t>(fd)] = std::make_unique<Connection>();
    watch(poll, fd, EPOLLIN | EPOLLOUT | EPOLLET);
  }
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
  watch(poll, listener, EPOLLIN);
  std::array<epoll_event, 512> events;
  for (;;) {
    const int count = epoll_wait(poll, events.data(), static_cast<int>(events.size()), -1);
    for (const epoll_event& event : std::span(events).first(static_cast<size_t>(count < 0 ? 0 : count))) {
      if (event.data.fd == listener) accept_all(poll, listener);
      else serve(event.data.fd);
    }
  }
}
