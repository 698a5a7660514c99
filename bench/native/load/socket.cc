#include "socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "frames.h"
#include "process.h"

namespace {

constexpr size_t kSources = 16;

sockaddr_in loopback(size_t last_byte, size_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + static_cast<uint32_t>(last_byte));
  return address;
}

/// From 127.0.0.2 upwards. The kernel chooses the port when it knows the whole connection, so that it can use one again.
void bind_source(int fd, size_t index) {
  const int one = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  const sockaddr_in source = loopback(2 + index % kSources, 0);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0) fail_errno("bind");
}

int connect_socket(size_t port, size_t index, int flags) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (fd < 0) fail_errno("socket");
  bind_source(fd, index);
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  const sockaddr_in address = loopback(1, port);
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (result != 0 && errno != EINPROGRESS) fail_errno("connect");
  return fd;
}

}  // namespace

int start_connect(size_t port, size_t index) { return connect_socket(port, index, SOCK_NONBLOCK); }

std::string handshake_request(size_t port, const std::string& extensions) {
  return "GET / HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
         "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
         (extensions.empty() ? "" : "Sec-WebSocket-Extensions: " + extensions + "\r\n") + "\r\n";
}

bool is_accepted(const std::string& head) {
  if (!head.ends_with("\r\n\r\n")) return false;
  if (!head.starts_with("HTTP/1.1 101")) fail("the server answered " + head.substr(0, head.find('\r')));
  return true;
}

int open_connection(size_t port, size_t index, const std::string& extensions) {
  const int fd = connect_socket(port, index, 0);
  const std::string request = handshake_request(port, extensions);
  send_all(fd, {reinterpret_cast<const uint8_t*>(request.data()), request.size()});
  // No server speaks before it is spoken to, so nothing can come behind the response.
  std::string head;
  char part[1024];
  while (!is_accepted(head)) {
    const ssize_t count = recv(fd, part, sizeof part, 0);
    if (count <= 0) fail_errno("handshake");
    head.append(part, static_cast<size_t>(count));
  }
  const std::string name = extensions.substr(0, extensions.find(';'));
  if (head.find(name) == std::string::npos) fail("the server declined " + name);
  return fd;
}

void send_all(int fd, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0) fail_errno("send");
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
}

void receive(int fd, std::span<uint8_t> bytes) {
  const ssize_t count = recv(fd, bytes.data(), bytes.size(), MSG_WAITALL);
  if (count < 0) fail_errno("recv");
  if (static_cast<size_t>(count) < bytes.size()) fail("the server closed a connection");
}

void receive_exactly(int fd, std::span<const uint8_t> expected) {
  std::vector<uint8_t> received(expected.size());
  receive(fd, received);
  if (std::memcmp(received.data(), expected.data(), expected.size()) != 0) fail("an echo differs from what was sent");
}

void send_close(int fd) { send_all(fd, kCloseRequest); }

void finish_close(int fd) {
  receive_exactly(fd, kCloseReply);
  char byte;
  if (recv(fd, &byte, 1, 0) != 0) fail("the server sent something behind its close frame, or reset");
  close(fd);
}
