// Owns what connections exchange with the server: which extensions they offer, which message they send, which reply they
// must get. A compressed message's reply is learned from the server itself; who runs this program inflates it.
#pragma once

#include <string>

#include "arguments.h"
#include "frames.h"

struct Traffic {
  /// What a handshake offers; may be empty.
  std::string extensions;
  Frames frames;
};

/// Names: `kind` and `bytes`, or `payload-file` (compressed as by permessage-deflate) with `extensions`. Of the latter's reply,
/// a frame of which each connection gets the same bytes as long as no context is kept, a copy goes to `reply-file`, if given.
Traffic prepare_traffic(const Arguments& arguments);

/// First byte of a text message of one frame, compressed.
inline constexpr uint8_t kCompressedText = 0xc1;

std::vector<uint8_t> read_file(const std::string& path);

/// Waits for a whole frame of any length. `payload_bytes`, if not null, is set to how many of it are payload.
std::vector<uint8_t> receive_frame(int fd, size_t* payload_bytes = nullptr);
