// Mode hold: connections that only exist; for the server's memory. Names: port, connections.
// Reports three stages, and goes on when it is answered: open (all are), used (each has had one echo of 64 bytes of
// text), closed (each with a closing handshake that the server has ended).
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "frames.h"
#include "modes.h"
#include "process.h"
#include "socket.h"

namespace {

void wait_for_end(int fd) {
  char byte;
  if (recv(fd, &byte, 1, 0) != 0) fail("the server sent something behind its close frame, or reset");
  close(fd);
}

}  // namespace

void run_hold(const Arguments& arguments) {
  const Frames frames = make_frames("text", 64);
  std::vector<int> sockets(arguments.number("connections"));
  for (size_t i = 0; i < sockets.size(); i++) sockets[i] = open_connection(arguments.number("port"), i);
  report_stage("{\"stage\":\"open\"}");
  for (const int fd : sockets) {
    send_all(fd, frames.request);
    receive_exactly(fd, frames.reply);
  }
  report_stage("{\"stage\":\"used\"}");
  for (const int fd : sockets) send_all(fd, kCloseRequest);
  for (const int fd : sockets) {
    receive_exactly(fd, kCloseReply);
    wait_for_end(fd);
  }
  report_stage("{\"stage\":\"closed\"}");
}
