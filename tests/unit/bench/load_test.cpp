// The load generator against the bare server, in one process.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <asio/ip/tcp.hpp>
#include <random>
#include <vector>

#include "bench/bare_server.hpp"
#include "bench/histogram.hpp"
#include "bench/http_load.hpp"
#include "bench/workloads.hpp"

using namespace bench;
using namespace std::chrono_literals;

namespace {

LoadOptions load_of(std::vector<std::uint16_t> ports, std::size_t clients,
                    std::chrono::milliseconds duration) {
  LoadOptions load;
  load.ports = std::move(ports);
  load.clients = clients;
  load.warm_up = 0ms;
  load.duration = duration;
  return load;
}

http::Response answer(int status, std::string_view body) {
  http::Response out;
  out.status = status;
  out.body = body;
  return out;
}

}  // namespace

TEST_CASE("a histogram's parts are at most 1.6 % above what a sorted list says") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  Histogram histogram, first, second;
  std::vector<std::int64_t> values;
  for (int i = 0; i < 10'000; ++i) {
    // Of all orders of magnitude up to a minute.
    const auto value = static_cast<std::int64_t>(random() >> (28 + random() % 36));
    values.push_back(value);
    histogram.record(std::chrono::nanoseconds(value));
    (i % 2 == 0 ? first : second).record(std::chrono::nanoseconds(value));
  }
  std::sort(values.begin(), values.end());
  first.add(second);
  for (const double part : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const std::size_t at = std::min(static_cast<std::size_t>(part * 10'000), std::size_t{9'999});
    const auto found = histogram.at(part).count();
    CHECK(found >= values[at]);
    CHECK(static_cast<double>(found) <= static_cast<double>(values[at]) * 1.016 + 1);
    CHECK(first.at(part) == histogram.at(part));
  }
  CHECK(first.count() == 10'000);
  CHECK(first.max().count() == values.back());
}

TEST_CASE("a run of a number of requests ends with the last of them") {
  BareServer server("{}");
  SameRequest request(request_bytes("GET", "/"), 200);
  LoadOptions load = load_of({server.port()}, 4, 60s);
  load.requests_max = 100;
  const LoadResult result = run_load(load, request);
  CHECK(result.done == 100);
  CHECK(result.failed == 0);
  CHECK(result.seconds < 30);
}

TEST_CASE("an open loop sends what is due, and each slice has its part") {
  BareServer server("{}");
  SameRequest request(request_bytes("GET", "/"), 200);
  LoadOptions load = load_of({server.port()}, 8, 400ms);
  load.rate = 1000;
  load.slice = 100ms;
  const LoadResult result = run_load(load, request);
  CHECK(result.done <= 400);
  CHECK(result.done > 100);
  REQUIRE(result.slices.size() <= 4);
  std::uint64_t sum = 0;
  for (const Histogram& slice : result.slices) sum += slice.count();
  CHECK(sum == result.done);
}

TEST_CASE("a client that gets no answer asks the next server") {
  asio::io_context io;
  // It takes connections into its queue, and never reads.
  asio::ip::tcp::acceptor silent(io, {asio::ip::address_v4::loopback(), 0});
  BareServer server("{}");
  SameRequest request(request_bytes("GET", "/"), 200);
  LoadOptions load = load_of({silent.local_endpoint().port(), server.port()}, 1, 60s);
  load.deadline = 20ms;
  load.requests_max = 10;
  const LoadResult result = run_load(load, request);
  CHECK(result.done == 10);
  CHECK(result.failed == 1);
  CHECK(result.longest_gap >= 20ms);
}

TEST_CASE("an address that is handed out twice ends the run") {
  Allocate allocate("net-1");
  CHECK(allocate.accept(0, answer(201, R"({"id":"alloc-1","ip":"10.0.0.1"})")));
  CHECK(allocate.accept(1, answer(201, R"({"id":"alloc-2","ip":"10.0.0.2"})")));
  CHECK_FALSE(allocate.accept(0, answer(503, "")));
  CHECK_THROWS(allocate.accept(0, answer(201, R"({"id":"alloc-3","ip":"10.0.0.1"})")));
  CHECK_THROWS(allocate.accept(0, answer(201, R"({"id":"alloc-3","ip":"11.0.0.1"})")));
  CHECK(allocate.addresses() == 2);
}

TEST_CASE("what was released may be handed out again, and only then") {
  AllocateAndRelease work("net-1", 2);
  CHECK(work.request(0).find("POST /api/v1/allocations HTTP") == 0);
  CHECK(work.accept(0, answer(201, R"({"id":"alloc-7","ip":"10.0.0.1"})")));
  work.request(1);
  CHECK_THROWS(work.accept(1, answer(201, R"({"id":"alloc-8","ip":"10.0.0.1"})")));
  CHECK(work.request(0).find("POST /api/v1/allocations/alloc-7/release") == 0);
  // Before the answer is there: the server may have been faster.
  CHECK(work.accept(1, answer(201, R"({"id":"alloc-8","ip":"10.0.0.1"})")));
  CHECK_FALSE(work.accept(0, answer(503, "")));
  // The answer was lost, and it is asked again: it holds nothing any more.
  CHECK(work.request(0).find("POST /api/v1/allocations/alloc-7/release") == 0);
  work.request(0);
  CHECK_THROWS(work.accept(1, answer(201, R"({"id":"alloc-9","ip":"10.0.0.1"})")));
  CHECK(work.accept(0, answer(409, "")));
  CHECK(work.request(0).find("POST /api/v1/allocations HTTP") == 0);
}
