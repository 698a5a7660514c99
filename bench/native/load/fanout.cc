// Mode fanout: one publisher, whose messages the server sends to all subscribers of a topic: connection n subscribes to topic
// n % topics, publication k goes to topic k % topics, and the publisher comes last and subscribes to none.
// Names: port, pid (the server's), connections, topics, in-flight, warmup-ms, measure-ms, and `kind` and `bytes`, or
// `payload-file` with `extensions`, as in traffic.h; `publish-port` is where the publisher connects, if that is another server, with
// `publisher-pid`, and `broker-pid` if there is a broker between them, for publisherCpuSeconds and brokerCpuSeconds.
// A publication is in flight until all of its topic have it.
// Reports two stages, and goes on when it is answered: open (all are), and measured, with deliveries, publications, seconds, cpuSeconds (the server's), p50Us, p99Us (of publications), replyBytes.
// The first message of each connection is checked whole, of the others the header and the length.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <vector>

#include "histogram.h"
#include "modes.h"
#include "poller.h"
#include "process.h"
#include "socket.h"
#include "traffic.h"

namespace {

struct Subscriber {
  int fd = -1;
  /// Bytes of the message at hand that have arrived.
  size_t received = 0;
  /// Number of the publication that comes next here.
  size_t next = 0;
};

struct Publication {
  uint64_t sent_at = 0;
  /// Subscribers that do not have it.
  size_t missing = 0;
};

class Fanout {
 public:
  explicit Fanout(const Arguments& arguments)
      : topics_(arguments.number("topics")),
        in_flight_(arguments.number("in-flight")),
        publications_(in_flight_),
        subscribers_(arguments.number("connections")),
        stopwatch_(arguments.number("pid")) {
    if (arguments.has("publisher-pid")) publisher_stopwatch_.emplace(arguments.number("publisher-pid"));
    if (arguments.has("broker-pid")) broker_stopwatch_.emplace(arguments.number("broker-pid"));
    std::string extensions;
    std::vector<uint8_t> expected;
    if (arguments.has("payload-file")) {
      extensions = arguments.text("extensions");
      request_ = make_request(kCompressedText, read_file(arguments.text("payload-file")));
    } else {
      const Frames frames = make_frames(arguments.text("kind"), arguments.number("bytes"));
      request_ = frames.request;
      expected = frames.reply;
    }
    const size_t port = arguments.number("port");
    for (size_t i = 0; i < subscribers_.size(); i++) subscribers_[i].fd = open_connection(port, i, extensions);
    const size_t publish_port = arguments.has("publish-port") ? arguments.number("publish-port") : port;
    publisher_ = open_connection(publish_port, subscribers_.size(), extensions);
    report_stage("{\"stage\":\"open\"}");
    publish_to_all(expected);
    batch_ = repeat(request_, in_flight_, 1 << 20);
    for (size_t i = 0; i < subscribers_.size(); i++) poller_.watch(subscribers_[i].fd, i);
  }

  void run(size_t warmup_ms, size_t measure_ms) {
    publish(in_flight_);
    loop(warmup_ms);
    deliveries_ = completed_ = 0;
    is_measuring_ = true;
    stopwatch_.start();
    if (publisher_stopwatch_) publisher_stopwatch_->start();
    if (broker_stopwatch_) broker_stopwatch_->start();
    loop(measure_ms);
    std::array<char, 480> line;
    std::snprintf(
        line.data(), line.size(),
        "{\"stage\":\"measured\",\"deliveries\":%llu,\"publications\":%llu,\"seconds\":%.6f,\"cpuSeconds\":%.6f,\"p50Us\":%.1f,\"p99Us\":%.1f,"
        "\"publisherCpuSeconds\":%.6f,\"brokerCpuSeconds\":%.6f,\"replyBytes\":%zu}",
        static_cast<unsigned long long>(deliveries_), static_cast<unsigned long long>(completed_), stopwatch_.seconds(),
        stopwatch_.cpu_seconds(), latencies_.quantile_us(0.5), latencies_.quantile_us(0.99),
        cpu_seconds(publisher_stopwatch_), cpu_seconds(broker_stopwatch_), reply_.size());
    report_stage(line.data());
  }

 private:
  /// One publication to each topic, of which every subscriber must get the same bytes.
  void publish_to_all(const std::vector<uint8_t>& expected) {
    reply_ = expected;
    for (size_t topic = 0; topic < topics_; topic++) send_all(publisher_, request_);
    size_t payload_bytes = 0;
    for (const Subscriber& subscriber : subscribers_) {
      const std::vector<uint8_t> frame = receive_frame(subscriber.fd, &payload_bytes);
      if (reply_.empty()) reply_ = frame;
      if (frame != reply_) fail("a subscriber got something else than the others");
    }
    if (expected.empty() && reply_[0] != kCompressedText) fail("a publication is not one compressed frame");
    reply_header_ = reply_.size() - payload_bytes;
    for (size_t i = 0; i < subscribers_.size(); i++) subscribers_[i].next = i % topics_;
  }

  static double cpu_seconds(const std::optional<Stopwatch>& stopwatch) {
    return stopwatch ? stopwatch->cpu_seconds() : 0;
  }

  void loop(size_t milliseconds) {
    const uint64_t end = now_ns() + milliseconds * 1'000'000;
    while (now_ns() < end) {
      size_t before = finished_;
      poller_.wait(100, [this](uint64_t index, uint32_t ready) {
        if ((ready & EPOLLIN) != 0) receive(subscribers_[index]);
      });
      if (finished_ > before) publish(finished_ - before);
    }
  }

  void receive(Subscriber& subscriber) {
    for (;;) {
      const ssize_t count = recv(subscriber.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (count == 0) fail("the server closed a connection");
      if (count < 0) {
        if (errno == EAGAIN) return;
        fail_errno("recv");
      }
      take(subscriber, static_cast<size_t>(count));
      if (static_cast<size_t>(count) < buffer_.size()) return;
    }
  }

  void take(Subscriber& subscriber, size_t count) {
    for (size_t at = 0; at < count;) {
      const size_t part = std::min(reply_.size() - subscriber.received, count - at);
      if (subscriber.received < reply_header_) {
        const size_t size = std::min(part, reply_header_ - subscriber.received);
        if (std::memcmp(&buffer_[at], &reply_[subscriber.received], size) != 0)
          fail("a delivery differs from what was published");
      }
      subscriber.received += part;
      at += part;
      if (subscriber.received < reply_.size()) continue;
      subscriber.received = 0;
      deliveries_++;
      deliver(subscriber.next);
      subscriber.next += topics_;
    }
  }

  void deliver(size_t number) {
    if (number >= published_) fail("more was delivered than was published");
    Publication& publication = publications_[number % in_flight_];
    if (--publication.missing > 0) return;
    finished_++;
    completed_++;
    if (is_measuring_) latencies_.add(now_ns() - publication.sent_at);
  }

  /// So many more, of which each takes the place of one that all have. With several topics these may end out of order; then
  /// the next ones wait for the place that is theirs.
  void publish(size_t count) {
    due_ += count;
    size_t ready = 0;
    while (due_ > 0 && publications_[published_ % in_flight_].missing == 0) {
      const size_t topic = published_ % topics_;
      const size_t subscribers = subscribers_.size() / topics_ + (topic < subscribers_.size() % topics_ ? 1 : 0);
      publications_[published_ % in_flight_] = {now_ns(), subscribers};
      published_++;
      due_--;
      ready++;
    }
    const size_t most = batch_.size() / request_.size();
    for (; ready > 0; ready -= std::min(ready, most))
      send_all(publisher_, std::span(batch_).first(std::min(ready, most) * request_.size()));
  }

  size_t topics_;
  size_t in_flight_;
  std::vector<uint8_t> request_;
  std::vector<uint8_t> batch_;
  std::vector<uint8_t> reply_;
  size_t reply_header_ = 0;
  /// In flight, by number.
  std::vector<Publication> publications_;
  size_t published_ = 0;
  size_t finished_ = 0;
  size_t due_ = 0;
  std::vector<Subscriber> subscribers_;
  int publisher_ = -1;
  std::vector<uint8_t> buffer_ = std::vector<uint8_t>(256 * 1024);
  Histogram latencies_;
  uint64_t deliveries_ = 0;
  uint64_t completed_ = 0;
  bool is_measuring_ = false;
  Poller poller_;
  Stopwatch stopwatch_;
  std::optional<Stopwatch> publisher_stopwatch_;
  std::optional<Stopwatch> broker_stopwatch_;
};

}  // namespace

void run_fanout(const Arguments& arguments) {
  Fanout(arguments).run(arguments.number("warmup-ms"), arguments.number("measure-ms"));
}
