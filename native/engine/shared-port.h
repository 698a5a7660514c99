// Owns sockets that are bound to a port together with other processes and threads. Must not know what is accepted on them.
#pragma once

#include "descriptor.h"

namespace hotsocket {

struct SharedPort {
  Descriptor socket;
  // Why there is no socket: an errno; EINVAL for an address that is no numeric one.
  int error = 0;
};

// Binds a TCP socket with SO_REUSEPORT; it does not listen yet. `address`: IPv4 or IPv6, numeric; `port`: decimal. "::" takes
// IPv4 connections, too, as Node.js does it.
SharedPort bind_shared_port(const char* address, const char* port);

}  // namespace hotsocket
