// A load generator for HTTP/1.1 on one thread, with a connection for each client.
// Closed loop: each client sends its next request when it has the answer. Open loop: requests are
// due at a fixed rate, and a latency counts from when its request was due, so that a server that
// stalls is charged for all that had to wait (no coordinated omission).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/histogram.hpp"
#include "http/message.hpp"

namespace bench {

// What is asked, and what counts as an answer.
class Workload {
 public:
  virtual ~Workload() = default;
  // The bytes of the next request of this client; they stay until its answer is there.
  virtual std::string_view request(std::size_t client) = 0;
  // Whether that was done. Where not, the client sends the same request again, to the next server.
  virtual bool accept(std::size_t client, const http::Response& response) = 0;
};

struct LoadOptions {
  std::vector<std::uint16_t> ports;  // on 127.0.0.1: client i begins at the i-th, round and round
  std::size_t clients = 1;
  std::chrono::milliseconds warm_up{500};  // not counted
  std::chrono::milliseconds duration{3000};
  double rate = 0;  // requests a second of all clients; 0: closed loop
  std::uint64_t requests_max = 0;  // then the run is over, however long it took; 0: by time alone
  // A client that has no answer after so long asks the next server; 0: it waits.
  std::chrono::milliseconds deadline{0};
  std::chrono::milliseconds slice{0};  // latencies of each such part of the time, too; 0: not
};

struct LoadResult {
  std::uint64_t done = 0;
  std::uint64_t failed = 0;  // tries: a refusal, a broken connection
  double seconds = 0;
  Histogram latency;
  std::vector<Histogram> slices;  // by when a request was answered
  // The longest time without an accepted answer, anywhere in `duration`, and when it began.
  std::chrono::nanoseconds longest_gap{0};
  std::chrono::nanoseconds longest_gap_at{0};
  std::string first_failure;  // what the first failed try gave

  double rate() const { return seconds > 0 ? static_cast<double>(done) / seconds : 0; }
};

// An event at a time after the begin of `duration`, such as a kill -9.
struct Event {
  std::chrono::milliseconds at{0};
  std::function<void()> act;
};

LoadResult run_load(const LoadOptions& options, Workload& workload,
                    const std::vector<Event>& events = {});

// The bytes of a request to 127.0.0.1 with a body of JSON, or without one where it is empty.
std::string request_bytes(std::string_view method, std::string_view target,
                          std::string_view body = {}, std::string_view more_fields = {});

}  // namespace bench
