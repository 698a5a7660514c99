// Owns what concerns processes: how this one fails and waits, and the clocks of the server's one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>

/// Prints what went wrong and ends the program with status 1.
[[noreturn]] void fail(const std::string& what);
/// The same, with errno's words.
[[noreturn]] void fail_errno(const std::string& what);

uint64_t now_ns();

/// Prints a line for the harness and waits until it answers with one; ends the program if the harness has gone.
void report_stage(const std::string& json);

/// Time, and user and system time of another process, all threads, since it was made or started anew.
class Stopwatch {
 public:
  explicit Stopwatch(size_t pid);
  void start();
  double seconds() const;
  double cpu_seconds() const;

 private:
  clockid_t cpu_clock_{};
  uint64_t start_ns_ = 0;
  uint64_t cpu_start_ns_ = 0;
};
