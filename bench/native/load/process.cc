#include "process.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

void fail(const std::string& what) {
  std::fprintf(stderr, "load: %s\n", what.c_str());
  std::exit(1);
}

void fail_errno(const std::string& what) { fail(what + ": " + std::strerror(errno)); }

namespace {

uint64_t read_clock(clockid_t clock) {
  timespec time{};
  if (clock_gettime(clock, &time) != 0) fail_errno("clock_gettime");
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace

uint64_t now_ns() { return read_clock(CLOCK_MONOTONIC); }

void report_stage(const std::string& json) {
  std::puts(json.c_str());
  std::fflush(stdout);
  int byte;
  do byte = std::getchar();
  while (byte != '\n' && byte != EOF);
  if (byte == EOF) std::exit(1);
}

Stopwatch::Stopwatch(size_t pid) {
  if (clock_getcpuclockid(static_cast<pid_t>(pid), &cpu_clock_) != 0) fail("no process " + std::to_string(pid));
  start();
}

void Stopwatch::start() {
  cpu_start_ns_ = read_clock(cpu_clock_);
  start_ns_ = now_ns();
}

double Stopwatch::seconds() const { return static_cast<double>(now_ns() - start_ns_) / 1e9; }

double Stopwatch::cpu_seconds() const { return static_cast<double>(read_clock(cpu_clock_) - cpu_start_ns_) / 1e9; }
