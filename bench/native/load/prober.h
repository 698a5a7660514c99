// Owns one well-behaved connection with one message in flight, which tells how others fare beside a bad client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "frames.h"
#include "histogram.h"

class Prober {
 public:
  /// Connects; nothing is sent before `start`.
  explicit Prober(size_t port);
  int fd() const { return fd_; }
  void start();
  /// Takes what has arrived; when an echo is whole, it counts and the next message goes out.
  void receive();
  /// Counts anew from the next echo on.
  void reset() { latencies_ = Histogram(); }
  /// Members of a JSON object: probes, p50Us, p99Us, maxUs. One that still waits counts for the last, so that an echo that
  /// never comes is seen.
  std::string figures() const;

 private:
  uint64_t waiting_ns() const;

  Frames frames_;
  int fd_;
  std::vector<uint8_t> received_;
  size_t received_bytes_ = 0;
  uint64_t sent_at_ = 0;
  Histogram latencies_;
};
