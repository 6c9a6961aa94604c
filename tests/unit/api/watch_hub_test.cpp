// The change stream: gap-free and in order whenever a watcher reads, resumes, or is too slow.
#include "api/watch_hub.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/random.hpp"
#include "harness.hpp"

namespace {

using api::WatchHub;
using api_test::get;
using api_test::post;
using api_test::text_at;
using api_test::World;
using ipam::Revision;

ipam::SharedChanges deleted(std::uint64_t id) {
  return ipam::share({ipam::NetworkDeleted{ipam::NetworkId(id)}});
}

// Reads a stream as a session does: asks for the next piece once it has taken the one before.
class Reader {
 public:
  explicit Reader(const http::Response& response) : source_(response.stream) { REQUIRE(source_); }

  // Takes pieces until none is there.
  void read() {
    while (!waiting_ && !ended_) {
      waiting_ = true;
      source_->next([this](http::BodySource::Piece piece) {
        waiting_ = false;
        text_ += piece.bytes;
        ended_ = piece.after != http::BodySource::After::more;
      });
    }
  }
  std::string take() {
    read();
    return std::exchange(text_, {});
  }
  bool ended() const { return ended_; }
  http::BodySource& source() { return *source_; }

 private:
  std::shared_ptr<http::BodySource> source_;
  std::string text_;
  bool waiting_ = false;
  bool ended_ = false;
};

// The ids of the events in a stream that have data.
std::vector<std::uint64_t> ids_in(std::string_view stream) {
  std::vector<std::uint64_t> ids;
  for (std::size_t at = 0; at < stream.size();) {
    const std::size_t end = stream.find("\n\n", at);
    REQUIRE(end != std::string_view::npos);
    const std::string_view event = stream.substr(at, end - at);
    at = end + 2;
    if (event.find("data: {\"revision\"") == std::string_view::npos) continue;
    REQUIRE(event.starts_with("id: "));
    ids.push_back(std::stoull(std::string(event.substr(4))));
    CHECK(event.find(fmt::format("\"revision\":{},", ids.back())) != std::string_view::npos);
  }
  return ids;
}

}  // namespace

TEST_CASE("a watcher gets one event a revision, with all that it changed") {
  WatchHub hub(Revision(4));
  Reader reader(hub.watch(std::nullopt, Revision(4)));
  CHECK(reader.take() == "retry: 1000\nid: 4\n\n");
  hub.publish(Revision(5), ipam::share({ipam::NetworkDeleted{ipam::NetworkId(1)},
                                        ipam::NetworkDeleted{ipam::NetworkId(2)},
                                        ipam::OutcomeForgotten{"k"}}));
  hub.publish(Revision(6), ipam::share({}));
  hub.publish(Revision(7), ipam::share({ipam::OutcomeForgotten{"secret"}}));
  CHECK(reader.take().empty());  // until it is delivered
  hub.deliver();
  CHECK(reader.take() ==
        "id: 5\ndata: {\"revision\":5,\"changes\":[{\"type\":\"network_deleted\",\"id\":\"net-1\"},"
        "{\"type\":\"network_deleted\",\"id\":\"net-2\"}]}\n\n");
  hub.keep_alive([](ipam::TokenId) { return true; });
  CHECK(reader.take() == ": still here\n\n");
  CHECK(hub.watchers() == 1);
  hub.close();
  const std::string last = reader.take();
  CHECK(last.find("event: error\ndata: {") == 0);
  CHECK(last.find("SHUTTING_DOWN") != std::string::npos);
  CHECK(reader.ended());
  CHECK(hub.watch(std::nullopt, Revision(7)).status == 503);
}

TEST_CASE("objects are in the stream as they are stored, audit entries as the API shows them") {
  World world;
  Reader reader(world.perform(get("watch")));
  world.perform(post("networks", R"({"cidr":"10.0.0.0/24","description":"a\nb"})"));
  const std::string allocation =
      world.perform(post("allocations", R"({"network_id":"net-1"})")).body;
  const std::string stream = reader.take();
  CHECK(stream.find(R"({"type":"network_put","network":{"id":"net-1","cidr":"10.0.0.0/24",)"
                    R"("description":"a\nb",)") != std::string::npos);
  CHECK(stream.find(R"("vrf_id":"vrf-1"}})") != std::string::npos);
  CHECK(stream.find("{\"type\":\"allocation_put\",\"allocation\":" + allocation + "}") !=
        std::string::npos);
  CHECK(stream.find("{\"type\":\"audit\",\"entry\":{\"id\":\"audit-2\"") != std::string::npos);
  CHECK(ids_in(stream) == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("since and Last-Event-ID say where to go on") {
  World world;
  for (int i = 0; i < 3; ++i)
    world.perform(post("networks", fmt::format(R"({{"cidr":"10.0.{}.0/24"}})", i)));
  CHECK(ids_in(Reader(world.perform(get("watch?since=0"))).take()) ==
        std::vector<std::uint64_t>{1, 2, 3});
  CHECK(ids_in(Reader(world.perform(get("watch?since=2"))).take()) ==
        std::vector<std::uint64_t>{3});
  CHECK(ids_in(Reader(world.perform(get("watch"))).take()).empty());
  http::Request request = get("watch?since=0");
  request.headers.push_back({"Last-Event-ID", "1"});
  CHECK(ids_in(Reader(world.perform(request)).take()) == std::vector<std::uint64_t>{2, 3});
  request.headers.back().value = "x";
  CHECK(text_at(world.perform(request), "reason") == "INVALID_HEADER");
  CHECK(text_at(world.perform(get("watch?since=-1")), "reason") == "INVALID_PARAMETER");
  // A node that is behind waits until it has come there.
  Reader ahead(world.perform(get("watch?since=4")));
  world.perform(post("networks", R"({"cidr":"10.1.0.0/24"})"));
  world.perform(post("networks", R"({"cidr":"10.2.0.0/24"})"));
  CHECK(ids_in(ahead.take()) == std::vector<std::uint64_t>{5});
}

TEST_CASE("what is compacted is refused, and a slow reader is cut off with the reason") {
  WatchHub hub(Revision(10), 2000);
  CHECK(text_at(hub.watch(Revision(9), Revision(10)), "reason") == "REVISION_COMPACTED");
  CHECK(hub.watch(Revision(9), Revision(10)).status == 410);
  Reader slow(hub.watch(Revision(10), Revision(10)));
  Reader fast(hub.watch(Revision(10), Revision(10)));
  slow.source().next([](http::BodySource::Piece) {});  // the greeting; it never asks again
  std::vector<std::uint64_t> expected;
  for (std::uint64_t revision = 11; revision < 100; ++revision) {
    hub.publish(Revision(revision), deleted(revision));
    hub.deliver();
    expected.push_back(revision);
    fast.read();
  }
  CHECK(ids_in(fast.take()) == expected);
  const std::string last = slow.take();
  CHECK(ids_in(last).empty());
  CHECK(last.find("REVISION_COMPACTED") != std::string::npos);
  CHECK(slow.ended());
}

TEST_CASE("a state that comes as a snapshot leaves a gap, which watchers are told of") {
  WatchHub hub(Revision(0));
  hub.publish(Revision(1), deleted(1));
  Reader behind(hub.watch(Revision(0), Revision(1)));
  Reader ahead(hub.watch(Revision(60), Revision(1)));
  (void)behind.take();
  (void)ahead.take();
  hub.restart(Revision(50));
  CHECK(behind.take().find("REVISION_COMPACTED") != std::string::npos);
  CHECK(behind.ended());
  hub.publish(Revision(61), deleted(1));
  hub.deliver();
  CHECK(ids_in(ahead.take()) == std::vector<std::uint64_t>{61});
}

TEST_CASE("an event is the same whether or not somebody watched when it came") {
  World watched;
  World alone;
  Reader reader(watched.perform(get("watch")));
  for (World* const world : {&watched, &alone}) {
    world->perform(post("vrfs", R"({"name":"lab","description":"a\tb"})"));
    world->perform(post("networks", R"({"cidr":"10.0.0.0/24","tags":["a"],"gateway":"10.0.0.1",)"
                                    R"("threshold_percent":1,"metadata":{"k":"v"}})"));
    world->perform(post("networks/net-1/reservations",
                        R"({"start":"10.0.0.9","end":"10.0.0.9","reason":"r"})"));
    for (int i = 0; i < 3; ++i)
      world->perform(post("allocations", R"({"network_id":"net-1","hostname":"h","tags":["t"],)"
                                         R"("owner":"o","metadata":{"k":"v"}})"));
    world->perform(post("allocations/alloc-1/release"));
    world->perform(api_test::del("networks/net-1/reservations/res-1"));
    world->perform(post("networks", R"({"cidr":"10.1.0.0/24","vrf":"lab"})"));
    world->perform(api_test::del("networks/net-2"));
    world->perform(api_test::del("vrfs/lab"));
  }
  const std::string greeting = "retry: 1000\nid: 0\n\n";
  const std::string stream = reader.take();
  CHECK(stream == greeting + Reader(alone.perform(get("watch?since=0"))).take().substr(
                                 greeting.size()));
  for (const char* type : {"vrf_put", "vrf_deleted", "network_put", "network_deleted",
                           "allocation_put", "reservation_put", "reservation_deleted",
                           "threshold", "audit"})
    CHECK_MESSAGE(stream.find(fmt::format(R"({{"type":"{}",)", type)) != std::string::npos, type);
  // Who resumes where others watch reads both kinds.
  CHECK(Reader(watched.perform(get("watch?since=0"))).take() == stream);
}

TEST_CASE("the memory of what nobody reads is bounded too, with all that a change points to") {
  const auto large = [](std::size_t bytes) {
    ipam::AllocationPut put;
    put.allocation.description = std::string(bytes, 'd');
    put.allocation.tags = {std::string(bytes, 't')};
    put.allocation.extras = ipam::AllocationExtras{"o", {{"k", std::string(bytes, 'v')}}};
    return ipam::share({put, ipam::OutcomeForgotten{"k"}});
  };
  WatchHub hub(Revision(0), 100'000);
  for (std::uint64_t revision = 1; revision <= 100; ++revision)
    hub.publish(Revision(revision), large(1000));
  const auto kept = [&] {
    std::size_t count = 0;
    while (count < 100 && hub.watch(Revision(99 - count), Revision(100)).status == 200) ++count;
    return count;
  };
  CHECK(kept() >= 25);
  CHECK(kept() <= 33);
  hub.publish(Revision(101), large(1'000'000));  // the newest stays, however large it is
  CHECK(hub.watch(Revision(100), Revision(101)).status == 200);
  CHECK(hub.watch(Revision(99), Revision(101)).status == 410);
}

TEST_CASE("watches are limited, and forgotten when their reader goes") {
  WatchHub hub(Revision(0));
  std::vector<http::Response> open;
  for (std::size_t i = 0; i < api::watchers_max; ++i)
    open.push_back(hub.watch(std::nullopt, Revision(0)));
  CHECK(text_at(hub.watch(std::nullopt, Revision(0)), "reason") == "OVERLOADED");
  open.pop_back();
  CHECK(hub.watch(std::nullopt, Revision(0)).status == 200);
  CHECK(hub.watchers() == api::watchers_max - 1);
}

TEST_CASE("watchers that come, read, break off and resume at random see every revision once") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    WatchHub hub(Revision(0), 1'000'000);
    struct Client {
      std::unique_ptr<Reader> reader;
      std::vector<std::uint64_t> seen;
    };
    std::vector<Client> clients(5);
    std::vector<std::uint64_t> all;
    std::uint64_t revision = 0;
    const auto connect = [&](Client& client) {
      const std::uint64_t since = client.seen.empty() ? 0 : client.seen.back();
      client.reader = std::make_unique<Reader>(hub.watch(Revision(since), Revision(revision)));
    };
    const auto take = [&](Client& client) {
      for (const std::uint64_t id : ids_in(client.reader->take())) client.seen.push_back(id);
    };
    for (Client& client : clients) connect(client);
    for (int step = 0; step < 400; ++step) {
      revision += 1 + random.below(3);
      const bool shown = random.chance(80);
      hub.publish(Revision(revision), shown ? deleted(revision) : ipam::share({}));
      if (shown) all.push_back(revision);
      if (random.chance(50)) hub.deliver();
      Client& client = clients[random.below(clients.size())];
      if (random.chance(30)) take(client);
      if (random.chance(10)) connect(client);  // whatever it had not taken is lost on the way
    }
    hub.deliver();
    for (Client& client : clients) {
      take(client);
      CHECK(client.seen == all);
    }
  }
}
