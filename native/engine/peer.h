// Owns the address of the other end of a socket, in few bytes. Must not know the socket.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace hotsocket {

struct PeerAddress {
  // Longest text of an address, with the zero behind it: INET6_ADDRSTRLEN.
  static constexpr std::size_t TEXT_BYTES = 46;

  std::array<std::uint8_t, 16> address{};  // in network order; of IPv4 the first four
  std::uint16_t port = 0;
  bool is_ip = false;  // a unix socket's peer has no address
  bool is_v6 = false;

  // Writes the address as text, as inet_ntop does. Returns false if there is none.
  bool write(std::array<char, TEXT_BYTES>& text) const;
};

// Reads what accept or getpeername has given.
PeerAddress peer_from(const sockaddr_storage& name);

// The peer of a connected socket.
PeerAddress peer_of(int descriptor);

}  // namespace hotsocket
