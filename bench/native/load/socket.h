// Owns how connections to the server come about. Must not know what is sent on them afterwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

/// Starts to connect to 127.0.0.1; the socket does not block. Sources rotate over several addresses of the loopback
/// network with `index`, because one has too few ports for many connections.
int start_connect(size_t port, size_t index);

/// The opening handshake of every connection. `extensions`: what it offers, as in the header; none if empty.
std::string handshake_request(size_t port, const std::string& extensions = "");

/// Whether `head` is a whole response; ends the program if it is not 101.
bool is_accepted(const std::string& head);

/// Connects and shakes hands, waiting for both; ends the program if the server declines what is offered. The socket that it
/// returns blocks.
int open_connection(size_t port, size_t index, const std::string& extensions = "");

/// For sockets that block; ends the program if the server has closed.
void send_all(int fd, std::span<const uint8_t> bytes);
void receive(int fd, std::span<uint8_t> bytes);
void receive_exactly(int fd, std::span<const uint8_t> expected);

/// A closing handshake, and the end that the server makes of it: the first part on its own, so that many may overlap.
void send_close(int fd);
void finish_close(int fd);
