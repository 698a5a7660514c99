// Owns the answer to a handshake's key (RFC 6455 §4.2.2). Must not know sockets.
#pragma once

#include <string>
#include <string_view>

/// Value of Sec-WebSocket-Accept for a value of Sec-WebSocket-Key.
std::string accept_key(std::string_view key);
