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

ProcessCpu::ProcessCpu(size_t pid) {
  if (clock_getcpuclockid(static_cast<pid_t>(pid), &clock_) != 0) fail("no process " + std::to_string(pid));
}

uint64_t ProcessCpu::read_ns() const { return read_clock(clock_); }
