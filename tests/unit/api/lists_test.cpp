// Lists in pages and pieces: all of one revision, whatever is written in between.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/random.hpp"
#include "harness.hpp"

using namespace api_test;
namespace json = boost::json;

namespace {

class Writer {
 public:
  Writer(World& world, std::uint64_t seed) : world_(world), random_(seed) {}

  // Anything: some of it is refused.
  void write() {
    world_.now += 1000;
    const std::uint64_t net = 1 + random_.below(world_.state.counters().next_network);
    const std::uint64_t alloc = 1 + random_.below(world_.state.counters().next_allocation);
    switch (random_.below(12)) {
      case 0:
        send(post("networks", fmt::format(R"({{"cidr":"10.{}.{}.0/{}","vrf":"vrf-{}"}})",
                                          random_.below(4), random_.below(4) * 64,
                                          18 + random_.below(8), 1 + random_.below(3))));
        break;
      case 1: send(del(fmt::format("networks/net-{}", 1 + net))); break;  // net-1 stays
      case 2:
        send(request(http::Method::patch, fmt::format("networks/net-{}", net),
                     fmt::format(R"({{"description":"text {}"}})", random_.below(3))));
        break;
      case 3: send(post("vrfs", fmt::format(R"({{"name":"blue {}"}})", random_.below(9)))); break;
      case 4: send(del(fmt::format("vrfs/vrf-{}", 2 + random_.below(9)))); break;
      case 5:
      case 6:
        send(request(http::Method::patch, fmt::format("allocations/alloc-{}", alloc),
                     fmt::format(R"({{"owner":"team {}"}})", random_.below(3))));
        break;
      case 7:
      case 8: send(post(fmt::format("allocations/alloc-{}/release", alloc))); break;
      default:
        send(post("allocations",
                  fmt::format(R"({{"network_id":"net-{}","hostname":"h{}"}})", net,
                              random_.below(5))));
    }
  }

  base::Random& random() { return random_; }

 private:
  void send(const http::Request& request) { CHECK(world_.perform(request).status < 500); }

  World& world_;
  base::Random random_;
};

// Where the Link leads; empty where there is none.
std::string next_of(const http::Response& response) {
  const std::string link = header_of(response, "Link");
  const std::string head = "</api/v1/";
  if (link.empty()) return {};
  REQUIRE(link.starts_with(head));
  return link.substr(head.size(), link.find('>') - head.size());
}

std::string all_pages(World& world, std::string target) {
  std::string joined = "[";
  const std::size_t limit_count = std::stoul(target.substr(target.find("limit=") + 6));
  while (!target.empty()) {
    const http::Response page = world.perform(get(target));
    REQUIRE_MESSAGE(page.status == 200, page.body);
    const json::value body = parsed(page);
    CHECK(body.as_array().size() <= limit_count);
    target = next_of(page);
    CHECK((target.empty() || body.as_array().size() == limit_count));
    if (body.as_array().empty()) continue;
    if (joined.size() > 1) joined += ',';
    joined += page.body.substr(1, page.body.size() - 2);
  }
  return joined + "]";
}

std::string reversed(const std::string& list) {
  const json::value body = json::parse(list);
  json::array turned(body.as_array().rbegin(), body.as_array().rend());
  return json::serialize(turned);
}

const char* const lists[] = {
    "vrfs?",
    "networks?",
    "networks?vrf=vrf-1",
    "networks?within=10.1.0.0/16",
    "networks?contains=10.1.0.1",
    "networks?q=text",
    "networks/net-1/children?",
    "allocations?",
    "allocations?network_id=net-1",
    "allocations?network_id=net-1&sort=id",
    "allocations?within=10.0.0.0/8&tag=none",
    "allocations?owner=team%201",
    "allocations?ip=10.1.0.1",
    "allocations?all=true",
    "allocations?all=true&network_id=net-1",
    "allocations?all=true&ip=10.1.0.1",
    "allocations?status=released",
};


// Checks one list, read whole, in pieces, in pages and backwards, while `write` goes on.
void check_list(World& world, base::Random& random, const std::function<void()>& write,
                const std::string& list) {
  CAPTURE(list);
  const std::string_view name = list;
  const bool is_children = name.find("/children") != std::string_view::npos;
  const bool is_by_address = is_children || name == "allocations?network_id=net-1";
  const auto undisturbed = [&] {
    world.between_steps = nullptr;
    http::Response whole = world.perform(get(list));
    REQUIRE_MESSAGE(whole.status == 200, whole.body);
    world.between_steps = write;
    return whole;
  };
  const http::Response whole = undisturbed();
  CHECK(world.perform(get(list)).body == whole.body);

  const std::uint64_t limit = 1 + random.below(random.chance(50) ? 5 : 1500);
  const http::Response for_pages = undisturbed();
  CHECK(all_pages(world, fmt::format("{}&limit={}", list, limit)) == for_pages.body);
  if (is_by_address && !is_children) return;

  if (!is_children && name.find("sort") == std::string_view::npos) {
    const http::Response for_reversed = undisturbed();
    const std::string pages = all_pages(world, fmt::format("{}&sort=-id&limit={}", list, limit));
    CHECK(json::serialize(json::parse(pages)) == reversed(for_reversed.body));
  }
  if (name.starts_with("vrfs")) return;
  const std::string then = header_of(whole, "X-Ipam-Revision");
  CHECK(world.perform(get(fmt::format("{}&at={}", list, then))).body == whole.body);
}

}  // namespace

TEST_CASE("pages are of the revision of the first one, and so is a list in pieces") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    World world;
    Writer writer(world, seed);
    const bool is_large = seed == 1;  // more than one step looks at
    REQUIRE(world.perform(post("networks", R"({"cidr":"10.1.0.0/16"})")).status == 201);
    if (is_large)
      for (int i = 0; i < 3; ++i)
        REQUIRE(world.perform(post("allocations", R"({"network_id":"net-1","count":1000,)"
                                                  R"("contiguous":false})"))
                    .status == 201);
    for (int i = 0; i < 400; ++i) writer.write();
    const auto write = [&] {
      for (std::uint64_t i = writer.random().below(3); i > 0; --i) writer.write();
    };
    for (int round = 0; round < (is_large ? 1 : 8); ++round)
      for (const char* list : lists)
        if (writer.random().chance(50)) check_list(world, writer.random(), write, list);
  }
}

TEST_CASE("a list of more networks than a step, or the prefix tree, looks at is whole") {
  World world;
  REQUIRE(world.perform(post("networks", R"({"cidr":"10.0.0.0/8"})")).status == 201);
  for (int i = 0; i < 6; ++i)
    REQUIRE(world.perform(post("networks/net-1/subnets", R"({"prefix_length":30,"count":1000})"))
                .status == 201);
  int steps = 0;
  const auto write = [&] {  // each changes what was listed, or is about to be
    world.perform(request(http::Method::patch, fmt::format("networks/net-{}", 1 + ++steps * 97),
                          R"({"description":"text"})"));
    world.perform(del(fmt::format("networks/net-{}", 6001 - steps * 31)));
  };
  for (const std::string list :
       {"networks?", "networks/net-1/children?", "networks?within=10.0.0.0/8",
        "networks?within=10.0.0.0/17&family=4"}) {
    CAPTURE(list);
    world.between_steps = nullptr;
    const std::string whole = world.perform(get(list)).body;
    world.between_steps = write;
    CHECK(world.perform(get(list)).body == whole);
    world.between_steps = nullptr;
    const std::string now = world.perform(get(list)).body;
    world.between_steps = write;
    CHECK(all_pages(world, list + "&limit=700") == now);
    if (list.find("/children") != std::string::npos) continue;  // it has one order
    world.between_steps = nullptr;
    const std::string then = world.perform(get(list)).body;
    world.between_steps = write;
    CHECK(json::serialize(json::parse(all_pages(world, list + "&sort=-id&limit=1900"))) ==
          reversed(then));
  }
  world.between_steps = nullptr;
  const std::size_t count = parsed(world.perform(get("networks"))).as_array().size();
  CHECK(parsed(world.perform(get("stats"))).as_array().size() == count);
}

TEST_CASE("a cursor far behind the end begins at the end") {
  World world;
  REQUIRE(world.perform(post("networks", R"({"cidr":"10.0.0.0/24"})")).status == 201);
  REQUIRE(world.perform(post("allocations", R"({"network_id":"net-1"})")).status == 201);
  for (const std::string list : {"vrfs?", "networks?", "allocations?", "allocations?all=true&"}) {
    const auto first = world.perform(get(list + "sort=-id&limit=5"));
    CHECK(parsed(first).as_array().size() == 1);
    CHECK(world.perform(get(list + "sort=-id&limit=5&cursor=2.9223372036854775806")).body ==
          first.body);
  }
}

TEST_CASE("limits, cursors, orders and moments that cannot be are refused") {
  World world;
  REQUIRE(world.perform(post("networks", R"({"cidr":"10.1.0.0/16"})")).status == 201);
  for (const char* list : {"vrfs", "networks", "allocations"})
    for (const char* bad :
         {"limit=0", "limit=10001", "limit=x", "cursor=", "cursor=1", "cursor=1.x", "cursor=x.1",
          "cursor=99999.1", "cursor=1.9223372036854775807", "cursor=9223372036854775808.1",
          "sort=", "sort=color", "sort=--id"}) {
      const std::string target = fmt::format("{}?{}", list, bad);
      CAPTURE(target);
      CHECK(text_at(world.perform(get(target)), "reason") == "INVALID_PARAMETER");
    }
  for (const char* list : {"networks?", "allocations?all=true&"})
    for (const char* bad : {"at=", "at=-1", "at=2", "at=yesterday", "at=9223372036854775808"}) {
      const std::string target = fmt::format("{}{}", list, bad);
      CAPTURE(target);
      CHECK(text_at(world.perform(get(target)), "reason") == "INVALID_PARAMETER");
    }
  for (const char* bad : {"sort=ip", "sort=-ip&network_id=net-1", "sort=ip&network_id=net-1&at=1",
                          "sort=ip&network_id=net-1&all=true", "network_id=net-1&cursor=1.1"})
    CHECK(text_at(world.perform(get(fmt::format("allocations?{}", bad))), "reason") ==
          "INVALID_PARAMETER");
  CHECK(world.perform(get("networks?at=0")).body == "[]");
}

TEST_CASE("what was there is shown as it was, by revision and by time") {
  World world;
  const auto send = [&](const http::Request& request) {
    world.now += 1000;
    const http::Response response = world.perform(request);
    REQUIRE_MESSAGE(response.status < 300, response.body);
  };
  send(post("networks", R"({"cidr":"10.0.0.0/16"})"));                                      // 1
  send(post("networks", R"({"cidr":"10.0.0.0/24","quarantine_seconds":60})"));              // 2
  send(post("allocations", R"({"network_id":"net-2","ip":"10.0.0.9","owner":"one"})"));     // 3
  const std::string third = "2024-01-15T10:30:03.5Z";
  send(request(http::Method::patch, "allocations/alloc-1", R"({"owner":"two"})"));          // 4
  send(request(http::Method::patch, "networks/net-1", R"({"description":"wide"})"));        // 5
  send(post("allocations/alloc-1/release"));                                                // 6
  world.now += 60'000;
  send(post("allocations", R"({"network_id":"net-2","ip":"10.0.0.9","force":true})"));      // 7
  send(post("allocations/alloc-2/release"));                                                // 8
  world.now += 70'000;
  world.expire_leases();                                                                    // 9
  send(del("networks/net-2"));                                                              // 10

  const auto at = [&](std::string_view path, std::string_view when) {
    return world.perform(get(fmt::format("{}?at={}", path, when)));
  };
  for (const std::string_view when : {std::string_view("3"), std::string_view(third)}) {
    CAPTURE(when);
    CHECK(header_of(at("allocations/alloc-1", when), "X-Ipam-Revision") == "3");
    CHECK(text_at(at("allocations/alloc-1", when), "owner") == "one");
    CHECK(text_at(at("networks/net-1", when), "description") == "");
    CHECK(text_at(at("networks/net-1", when), "children_count") == "1");
    CHECK(parsed(at("networks", when)).as_array().size() == 2);
    CHECK(parsed(at("allocations", when)).as_array().size() == 1);
  }
  CHECK(text_at(at("allocations/alloc-1", "5"), "owner") == "two");
  CHECK(text_at(at("allocations/alloc-1", "6"), "status") == "released");
  CHECK(at("allocations/alloc-1", "2").status == 404);
  CHECK(at("networks/net-2", "1").status == 404);
  CHECK(text_at(at("networks/net-2", "9"), "parent_id") == "net-1");
  CHECK(at("networks/net-2", "10").status == 404);
  CHECK(text_at(at("networks/net-1", "10"), "children_count") == "0");
  CHECK(at("allocations", "2").body == "[]");

  const auto address_status = [&](std::string_view when) {
    return text_at(at("addresses/10.0.0.9", when), "status");
  };
  CHECK(address_status("0") == "unmanaged");
  CHECK(address_status("1") == "free");
  CHECK(address_status("3") == "allocated");
  CHECK(text_at(at("addresses/10.0.0.9", "3"), "history") == "[]");
  CHECK(address_status("6") == "quarantined");
  CHECK(address_status("7") == "allocated");
  CHECK(parsed(at("addresses/10.0.0.9", "7")).at("history").as_array().size() == 1);
  CHECK(address_status("8") == "quarantined");
  CHECK(text_at(at("addresses/10.0.0.0", "9"), "status") == "unusable");
  CHECK(text_at(at("addresses/10.0.0.9", "10"), "network").find("net-1") != std::string::npos);
  CHECK(world.perform(get("addresses/10.0.0.9?vrf=blue&at=3")).status == 404);

  world.oldest_known = ipam::Revision(4);
  for (const char* path : {"networks", "networks/net-1", "allocations", "allocations/alloc-1",
                           "addresses/10.0.0.9"}) {
    CAPTURE(path);
    CHECK(text_at(at(path, "3"), "reason") == "REVISION_COMPACTED");
    CHECK(text_at(at(path, third), "detail").find("oldest revision that is known is 4") !=
          std::string::npos);
    CHECK(at(path, "5").status == 200);
    CHECK(at(path, "2099-01-01T00:00:00Z").status != 410);
    CHECK(at(path, "11").status == 400);
  }
}
