// Mode hold: connections that only exist; for the server's memory. Names: port, connections, those of traffic.h.
// Reports three stages, and goes on when it is answered: open (all are), used (each has had one echo), closed (each with a
// closing handshake that the server has ended).
#include <vector>

#include "modes.h"
#include "process.h"
#include "socket.h"
#include "traffic.h"

namespace {

void exchange(int fd, const Traffic& traffic) {
  send_all(fd, traffic.frames.request);
  if (traffic.extensions.empty()) {
    receive_exactly(fd, traffic.frames.reply);
    return;
  }
  // Whether contexts are kept may differ from connection to connection, and the reply with it.
  if (receive_frame(fd)[0] != kCompressedText) fail("a reply is not one compressed frame");
}

}  // namespace

void run_hold(const Arguments& arguments) {
  const Traffic traffic = prepare_traffic(arguments);
  std::vector<int> sockets(arguments.number("connections"));
  for (size_t i = 0; i < sockets.size(); i++)
    sockets[i] = open_connection(arguments.number("port"), i, traffic.extensions);
  report_stage("{\"stage\":\"open\"}");
  for (const int fd : sockets) exchange(fd, traffic);
  report_stage("{\"stage\":\"used\"}");
  for (const int fd : sockets) send_close(fd);
  for (const int fd : sockets) finish_close(fd);
  report_stage("{\"stage\":\"closed\"}");
}
