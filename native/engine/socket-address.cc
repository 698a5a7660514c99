#include "socket-address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

namespace hotsocket {

bool SocketAddress::write(std::array<char, TEXT_BYTES>& text) const {
  return is_ip && inet_ntop(is_v6 ? AF_INET6 : AF_INET, address.data(), text.data(), TEXT_BYTES) != nullptr;
}

SocketAddress address_from(const sockaddr_storage& name) {
  SocketAddress found;
  if (name.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(name);
    std::memcpy(found.address.data(), &v4.sin_addr, sizeof v4.sin_addr);
    found.port = ntohs(v4.sin_port);
    found.is_ip = true;
  } else if (name.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(name);
    std::memcpy(found.address.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
    found.port = ntohs(v6.sin6_port);
    found.is_ip = found.is_v6 = true;
  }
  return found;
}

namespace {

SocketAddress ask(int (*get_name)(int, sockaddr*, socklen_t*), int descriptor) {
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  if (get_name(descriptor, reinterpret_cast<sockaddr*>(&name), &length) != 0) return {};
  return address_from(name);
}

}  // namespace

SocketAddress peer_of(int descriptor) { return ask(getpeername, descriptor); }

SocketAddress local_of(int descriptor) { return ask(getsockname, descriptor); }

}  // namespace hotsocket
