// Owns what the engine tells its descriptors in the epoll set by: a slot with its generation, or a listener's number.
// Must not know anything else of them.
#pragma once

#include <cstdint>

namespace hotsocket {

// Generations are never negative, so that this bit is no slot's.
inline constexpr std::uint64_t LISTENER_TAG = std::uint64_t{1} << 63;

inline std::uint64_t tag_of(std::int32_t slot, std::int32_t generation) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(generation)) << 32 | static_cast<std::uint32_t>(slot);
}

inline std::uint64_t tag_of_listener(std::int32_t number) { return LISTENER_TAG | static_cast<std::uint32_t>(number); }

inline bool is_listener(std::uint64_t tag) { return (tag & LISTENER_TAG) != 0; }

}  // namespace hotsocket
