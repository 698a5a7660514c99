#include "shared-port.h"

#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <utility>

namespace hotsocket {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { freeaddrinfo(addresses); }
};

bool set_option(const Descriptor& socket, int name) {
  const int on = 1;
  return setsockopt(socket.number(), SOL_SOCKET, name, &on, sizeof on) == 0;
}

}  // namespace

SharedPort bind_shared_port(const char* address, const char* port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(address, port, &hints, &found) != 0) return {.socket = {}, .error = EINVAL};
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
  Descriptor own(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!own.is_open() || !set_option(own, SO_REUSEADDR) || !set_option(own, SO_REUSEPORT) ||
      bind(own.number(), found->ai_addr, found->ai_addrlen) != 0) {
    return {.socket = {}, .error = errno};
  }
  return {.socket = std::move(own), .error = 0};
}

}  // namespace hotsocket
