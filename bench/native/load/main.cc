// A load generator for WebSocket echo servers on 127.0.0.1: epoll, one thread, frames made in advance.
// Usage: load MODE NAME=VALUE... The modes and their names stand in the other files of this folder.
// A wrong echo, a refused handshake or a closed connection ends it with status 1 and a word on the standard error stream.
#include <sys/prctl.h>

#include <csignal>
#include <functional>
#include <map>
#include <string>

#include "modes.h"
#include "process.h"

int main(int argc, char** argv) {
  static const std::map<std::string, std::function<void(const Arguments&)>> kModes = {
      {"echo", run_echo}, {"hold", run_hold}, {"churn", run_churn}, {"mute", run_mute},
      {"flood", run_flood}, {"stall", run_stall}, {"fanout", run_fanout}};
  // Whatever happens to the harness, nothing is left running.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto mode = argc < 2 ? kModes.end() : kModes.find(argv[1]);
  if (mode == kModes.end()) fail("usage: load echo|hold|churn|mute|flood|stall|fanout NAME=VALUE...");
  mode->second(Arguments(argc - 2, argv + 2));
}
