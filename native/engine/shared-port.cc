#include "shared-port.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <utility>

namespace hotsocket {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { freeaddrinfo(addresses); }
};

bool set_option(const Descriptor& socket, int level, int name, int value) {
  return setsockopt(socket.number(), level, name, &value, sizeof value) == 0;
}

bool prepare(const Descriptor& socket, int family) {
  return set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1) && set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1) &&
         (family != AF_INET6 || set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, 0));
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
  if (!own.is_open() || !prepare(own, found->ai_family) ||
      bind(own.number(), found->ai_addr, found->ai_addrlen) != 0) {
    return {.socket = {}, .error = errno};
  }
  return {.socket = std::move(own), .error = 0};
}

}  // namespace hotsocket
