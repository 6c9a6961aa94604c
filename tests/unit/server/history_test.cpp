// A whole node without ports: who holds an address, and who held it, is the same whether memory
// answers or state.db.
#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <optional>

#include "base/random.hpp"
#include "server/instance.hpp"
#include "temporary_directory.hpp"
#include "tests/unit/api/harness.hpp"

namespace {

namespace json = boost::json;
using api_test::get;
using api_test::post;

class Node {
 public:
  explicit Node(const std::string& directory) {
    server::InstanceOptions options;
    options.node.data_dir = directory;
    options.node.initial_members = {{1, ""}};
    server::ReplicaEvents events;
    events.on_stop_wanted = [](const std::string& reason, bool) { FAIL(reason); };
    auto lock = server::DirectoryLock::try_acquire(directory);
    REQUIRE(lock.ok());
    auto opened = server::Instance::open(io_, logger_, options, std::move(*lock),
                                         std::move(events));
    REQUIRE(opened.ok());
    instance_ = std::move(*opened);
    REQUIRE(instance_->start().ok());
  }
  ~Node() {
    bool stopped = false;
    instance_->stop([&] { stopped = true; });
    while (!stopped && io_.run_one() > 0) {
    }
  }

  void begin(const http::Request& request, std::function<void(http::Response)> done = {}) {
    ++open_;
    instance_->executor().perform(api::route(request), [this, done](http::Response response) {
      --open_;
      if (done) done(std::move(response));
    });
  }
  http::Response perform(const http::Request& request) {
    http::Response answer;
    begin(request, [&](http::Response response) { answer = std::move(response); });
    finish();
    return answer;
  }
  void finish() {
    while (open_ > 0 && io_.run_one() > 0) {
    }
  }

 private:
  asio::io_context io_{1};
  base::Logger logger_{base::LogLevel::error, base::LogFormat::text};
  std::unique_ptr<server::Instance> instance_;
  std::size_t open_ = 0;
};

// Without what depends on the clock.
std::string told(const http::Response& response) {
  const std::function<void(json::value&)> strip = [&](json::value& value) {
    if (auto* const array = value.if_array())
      for (json::value& element : *array) strip(element);
    auto* const object = value.if_object();
    if (object == nullptr) return;
    for (const char* name : {"created_at", "updated_at", "allocated_at", "released_at"})
      object->erase(name);
    for (auto& member : *object) strip(member.value());
  };
  json::value body = api_test::parsed(response);
  strip(body);
  return std::to_string(response.status) + " " + json::serialize(body);
}

}  // namespace

TEST_CASE("memory and state.db tell the same of an address and of an allocation") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    const TemporaryDirectory directory;
    auto node = std::make_unique<Node>(directory.path());
    api_test::World model;
    const auto both = [&](const http::Request& request) {
      CHECK(told(node->perform(request)) == told(model.perform(request)));
    };
    const auto write = [&](const http::Request& request) {
      CHECK(node->perform(request).status == model.perform(request).status);
    };
    write(post("vrfs", R"({"name":"lab"})"));
    write(post("networks", R"({"cidr":"10.0.0.0/28"})"));
    write(post("networks", R"({"cidr":"10.0.0.0/28","vrf":"lab"})"));
    std::uint64_t allocations = 0;
    const auto any_address = [&] {
      return "addresses/10.0.0." + std::to_string(random.below(16)) +
             (random.chance(30) ? "?vrf=lab" : "");
    };
    for (int step = 0; step < 120; ++step) {
      const std::uint64_t choice = random.below(100);
      if (choice < 40) {
        const auto request = post("allocations", choice < 30
                                                     ? R"({"network_id":"net-1"})"
                                                     : R"({"network_id":"net-2","count":3})");
        const http::Response made = model.perform(request);
        allocations += made.status == 201;
        CHECK(node->perform(request).status == made.status);
      } else if (choice < 60) {
        // While questions about its address are on their way.
        for (int i = 0; i < 3; ++i) node->begin(get(any_address()));
        write(post("allocations/alloc-" + std::to_string(1 + random.below(allocations + 1)) +
                   "/release"));
      } else if (choice == 60) {
        node.reset();
        node = std::make_unique<Node>(directory.path());
      } else if (choice < 80) {
        both(get("allocations/alloc-" + std::to_string(1 + random.below(allocations + 2))));
      } else {
        const std::string target = any_address();
        both(get(target));
        both(get(target));  // by now from memory, where nothing has ended there
      }
    }
  }
}

TEST_CASE("who holds an address is told of a past revision too") {
  const TemporaryDirectory directory;
  Node node(directory.path());
  const auto write = [&](const std::string& target, const std::string& body) {
    const http::Response response = node.perform(post(target, body));
    CHECK(response.status < 300);
    return *response.header("X-Ipam-Revision");
  };
  // "alloc-2 after alloc-1": who held it then, and who had held it before.
  const auto told_of = [&](const std::string& revision) {
    const json::value answer =
        api_test::parsed(node.perform(get("addresses/10.0.0.1?at=" + revision)));
    const json::value& holder = answer.at("allocation");
    std::string text = holder.is_null() ? "nobody" : std::string(holder.at("id").as_string());
    for (const json::value& before : answer.at("history").as_array())
      text += " after " + std::string(before.at("id").as_string());
    return text;
  };
  const std::string empty = write("networks", R"({"cidr":"10.0.0.0/28"})");
  const std::string first = write("allocations", R"({"network_id":"net-1"})");
  const std::string other = write("allocations", R"({"network_id":"net-1"})");
  CHECK(told_of(empty) == "nobody");
  CHECK(told_of(first) == "alloc-1");
  CHECK(told_of(other) == "alloc-1");
  const std::string released = write("allocations/alloc-1/release", "");
  const std::string again = write("allocations", R"({"network_id":"net-1"})");
  write("networks", R"({"cidr":"10.1.0.0/28"})");
  CHECK(told_of(first) == "alloc-1");
  CHECK(told_of(released) == "nobody after alloc-1");
  CHECK(told_of(again) == "alloc-3 after alloc-1");
}
