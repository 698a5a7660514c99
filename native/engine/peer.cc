#include "peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

namespace hotsocket {

bool PeerAddress::write(std::array<char, TEXT_BYTES>& text) const {
  return is_ip && inet_ntop(is_v6 ? AF_INET6 : AF_INET, address.data(), text.data(), TEXT_BYTES) != nullptr;
}

PeerAddress peer_from(const sockaddr_storage& name) {
  PeerAddress peer;
  if (name.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(name);
    std::memcpy(peer.address.data(), &v4.sin_addr, sizeof v4.sin_addr);
    peer.port = ntohs(v4.sin_port);
    peer.is_ip = true;
  } else if (name.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(name);
    std::memcpy(peer.address.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
    peer.port = ntohs(v6.sin6_port);
    peer.is_ip = peer.is_v6 = true;
  }
  return peer;
}

PeerAddress peer_of(int descriptor) {
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&name), &length) != 0) return {};
  return peer_from(name);
}

}  // namespace hotsocket
