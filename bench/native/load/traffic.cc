#include "traffic.h"

#include <fstream>
#include <iterator>
#include <span>

#include "process.h"
#include "socket.h"

namespace {

void write_file(const std::string& path, const std::vector<uint8_t>& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) fail("cannot write " + path);
}

/// From one connection, which is closed again.
void learn_reply(size_t port, Traffic& traffic) {
  const int fd = open_connection(port, 0, traffic.extensions);
  send_all(fd, traffic.frames.request);
  size_t payload_bytes = 0;
  traffic.frames.reply = receive_frame(fd, &payload_bytes);
  traffic.frames.reply_header = traffic.frames.reply.size() - payload_bytes;
  if (traffic.frames.reply[0] != kCompressedText) fail("the reply is not one compressed frame");
  send_close(fd);
  finish_close(fd);
}

}  // namespace

Traffic prepare_traffic(const Arguments& arguments) {
  if (!arguments.has("payload-file")) return {"", make_frames(arguments.text("kind"), arguments.number("bytes"))};
  Traffic traffic{arguments.text("extensions"), {}};
  traffic.frames.request = make_request(kCompressedText, read_file(arguments.text("payload-file")));
  learn_reply(arguments.number("port"), traffic);
  if (arguments.has("reply-file")) write_file(arguments.text("reply-file"), traffic.frames.reply);
  return traffic;
}

std::vector<uint8_t> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file || bytes.empty()) fail("cannot read " + path);
  return bytes;
}

std::vector<uint8_t> receive_frame(int fd, size_t* payload_bytes) {
  std::vector<uint8_t> frame(2);
  receive(fd, frame);
  size_t length = frame[1];
  if (length > 125) {
    frame.resize(length == 126 ? 4 : 10);
    receive(fd, std::span(frame).subspan(2));
    length = 0;
    for (size_t i = 2; i < frame.size(); i++) length = length << 8 | frame[i];
  }
  if (length > 1'000'000'000) fail("a frame is too long");
  const size_t header_bytes = frame.size();
  frame.resize(header_bytes + length);
  receive(fd, std::span(frame).subspan(header_bytes));
  if (payload_bytes != nullptr) *payload_bytes = length;
  return frame;
}
