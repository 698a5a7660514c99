// Owns the address of one end of a socket, in few bytes. Must not know what the socket is for.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace hotsocket {

struct SocketAddress {
  // Longest text of an address, with the zero behind it: INET6_ADDRSTRLEN.
  static constexpr std::size_t TEXT_BYTES = 46;

  std::array<std::uint8_t, 16> address{};  // in network order; of IPv4 the first four
  std::uint16_t port = 0;
  bool is_ip = false;  // a unix socket has no address
  bool is_v6 = false;

  // Writes the address as text, as inet_ntop does. Returns false if there is none.
  bool write(std::array<char, TEXT_BYTES>& text) const;
};

// Reads what accept, getpeername or getsockname has given.
SocketAddress address_from(const sockaddr_storage& name);

// The other end of a connected socket, and this one. All zero where there is none.
SocketAddress peer_of(int descriptor);
SocketAddress local_of(int descriptor);

}  // namespace hotsocket
