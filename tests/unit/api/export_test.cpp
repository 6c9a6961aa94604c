// What is exported is what is there, and imported elsewhere it is the same again.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "harness.hpp"

using namespace api_test;

namespace {

std::string exported(World& world, const std::string& query) {
  const auto answer = world.perform(get("export?" + query));
  REQUIRE(answer.status == 200);
  REQUIRE(answer.body.empty());
  return streamed(answer);
}

void made(World& world, const char* target, const char* body) {
  REQUIRE(world.perform(post(target, body)).status == 201);
}

// Something of all that a file can say.
void fill(World& world) {
  made(world, "vrfs", R"({"name":"blue","description":"a, \"b\""})");
  made(world, "networks", R"({"cidr":"10.0.0.0/16","description":" edge ","tags":["a;b","c"],
       "quarantine_seconds":60,"threshold_percent":80,"strategy":"last","metadata":{"a":"b"}})");
  made(world, "networks", R"({"cidr":"10.0.1.0/24","gateway":"10.0.1.254"})");
  made(world, "networks", R"({"cidr":"10.0.0.0/16","vrf":"blue"})");
  made(world, "networks", R"({"cidr":"2001:db8::/64"})");
  made(world, "allocations", R"({"network_id":"net-2","hostname":"web.example.com"})");
  made(world, "allocations", R"({"network_id":"net-2","count":4,"owner":"o","tags":["x"],
       "metadata":{"rack":"7","a b":"c\nd"}})");
  made(world, "allocations", R"({"network_id":"net-3","hostname":"blue-1"})");
  made(world, "allocations", R"({"network_id":"net-4","hostname":"six","description":"é"})");
  made(world, "allocations", R"({"network_id":"net-1","hostname":"gone"})");
  REQUIRE(world.perform(post("allocations/alloc-5/release")).status == 204);
  // What nobody gets without asking for it, and what gives nothing any more.
  made(world, "allocations", R"({"network_id":"net-2","ip":"10.0.1.254"})");
  made(world, "networks/net-2/reservations", R"({"start":"10.0.1.100","end":"10.0.1.120",
       "reason":"DHCP, \"pool\"","tags":["a;b"],"metadata":{"k":"v"}})");
  made(world, "networks/net-3/reservations", R"({"start":"10.0.1.100"})");
  made(world, "allocations", R"({"network_id":"net-2","ip":"10.0.1.110","force":true})");
  REQUIRE(world.perform(request(http::Method::patch, "networks/net-4",
                                R"({"status":"deprecated"})"))
              .status == 200);
}

}  // namespace

TEST_CASE("an export that is imported elsewhere is exported the same") {
  World world;
  fill(world);
  for (const std::string format : {"csv", "json"}) {
    const std::string file = exported(world, "format=" + format);
    CAPTURE(file);
    World other;
    const auto imported = other.perform(post("import?format=" + format, file));
    CAPTURE(imported.body);
    REQUIRE(imported.status == 200);
    CHECK(text_at(imported, "created") == "13");
    CHECK(parsed(other.perform(get("networks/net-2/reservations"))).as_array().size() == 1);
    CHECK(exported(other, "format=csv") == exported(world, "format=csv"));
    CHECK(exported(other, "format=json") == exported(world, "format=json"));
  }
}

TEST_CASE("an export has what its parameters leave") {
  World world;
  fill(world);
  const auto rows = [&](const std::string& query) {
    const std::string text = exported(world, "format=csv&" + query);
    return std::count(text.begin(), text.end(), '\n') - 1;  // and the header
  };
  CHECK(rows("") == 13);
  CHECK(rows("vrf=blue") == 4);
  CHECK(rows("vrf=default") == 9);
  CHECK(rows("network_id=net-3") == 3);
  CHECK(rows("within=10.0.1.0/24&vrf=default") == 6);
  CHECK(rows("within=10.0.1.64/26&vrf=default") == 2);
  CHECK(rows("within=10.0.1.0/32") == 0);
  CHECK(rows("within=10.0.1.1/32&vrf=vrf-1") == 1);
  // hosts and zones know one address space.
  CHECK(exported(world, "format=hosts") ==
        "# by ipam\n10.0.1.1\tweb.example.com\n2001:db8::1\tsix\n");
  CHECK(exported(world, "format=hosts&vrf=blue") == "# by ipam\n10.0.0.1\tblue-1\n");
  const std::string zone = exported(world, "format=zone&zone=Example.com&name_server=ns9.org");
  CHECK(zone.starts_with("; by ipam\n$ORIGIN example.com.\n$TTL 3600\n"
                         "@ IN SOA ns9.org. hostmaster.example.com. 1705314600 "));
  CHECK(zone.ends_with("@ IN NS ns9.org.\nweb IN A 10.0.1.1\nsix IN AAAA 2001:db8::1\n"));
  CHECK(exported(world, "format=zone&zone=1.0.10.in-addr.arpa")
            .ends_with("\n1.1.0.10.in-addr.arpa. IN PTR web.example.com.\n"));
}

TEST_CASE("an export says what file it is, and refuses what it cannot write") {
  World world;
  fill(world);
  const auto csv = world.perform(get("export?format=csv"));
  CHECK(csv.content_type == "text/csv; charset=utf-8");
  CHECK(header_of(csv, "Content-Disposition") == "attachment; filename=\"ipam.csv\"");
  const auto zone = world.perform(get("export?format=zone&zone=a.org"));
  CHECK(zone.content_type == "text/dns");
  CHECK(header_of(zone, "Content-Disposition") == "attachment; filename=\"a.org.zone\"");
  CHECK(world.perform(get("export")).content_type == "application/x-ndjson");
  for (const auto& [query, reason] :
       {std::pair{"format=xml", "INVALID_PARAMETER"}, {"format=zone", "INVALID_PARAMETER"},
        {"zone=a.org", "INVALID_PARAMETER"}, {"format=zone&zone=a..b", "INVALID_PARAMETER"},
        {"format=zone&zone=a.org&name_server=_%2F", "INVALID_PARAMETER"},
        {"vrf=red", "VRF_NOT_FOUND"}, {"network_id=net-9", "NETWORK_NOT_FOUND"},
        {"network_id=9", "NETWORK_NOT_FOUND"}, {"within=10.0.0.1/8", "INVALID_CIDR"}}) {
    CAPTURE(query);
    const auto refused = world.perform(get(std::string("export?") + query));
    CHECK(text_at(refused, "reason") == reason);
  }
}

TEST_CASE("reservations are exported in pieces, each of them once") {
  World world;
  made(world, "networks", R"({"cidr":"10.0.0.0/8"})");
  made(world, "networks", R"({"cidr":"11.0.0.0/8"})");
  made(world, "allocations", R"({"network_id":"net-1"})");
  const std::string reason(1000, 'r');
  for (int i = 0; i < 400; ++i)
    made(world, "networks/net-1/reservations",
         fmt::format(R"({{"start":"10.1.{}.{}","reason":"{}"}})", i / 200, i % 200, reason)
             .c_str());
  for (const bool goes_meanwhile : {false, true}) {
    CAPTURE(goes_meanwhile);
    const auto answer = world.perform(get("export?format=csv"));
    std::string text;
    int pieces = 0;
    bool is_more = true;
    while (is_more) {
      answer.stream->next([&](const http::BodySource::Piece& piece) {
        text += piece.bytes;
        is_more = piece.after == http::BodySource::After::more;
      });
      if (++pieces != 1 || !goes_meanwhile) continue;
      REQUIRE(world.perform(post("allocations/alloc-1/release")).status == 204);
      REQUIRE(world.perform(del("networks/net-1")).status == 204);
    }
    CHECK(pieces > 1);
    CHECK(text.find("\nnetwork,,,11.0.0.0/8,") != text.npos);
    if (goes_meanwhile) continue;
    CHECK(std::count(text.begin(), text.end(), '\n') == 404);
    CHECK(text.find("\nallocation,,,10.0.0.0/8,10.0.0.1,") != text.npos);
  }
}

TEST_CASE("an export is made in pieces, whatever changes between them") {
  World world;
  made(world, "networks", R"({"cidr":"10.0.0.0/8"})");
  made(world, "networks", R"({"cidr":"11.0.0.0/8"})");
  made(world, "networks", R"({"cidr":"12.0.0.0/8"})");
  for (int i = 0; i < 3; ++i)
    for (const char* const network : {"net-1", "net-2"})
      REQUIRE(world.perform(post("allocations",
                                 fmt::format(R"({{"network_id":"{}","count":1000,)"
                                             R"("contiguous":false}})",
                                             network)))
                  .status == 201);
  const auto answer = world.perform(get("export?format=csv"));
  std::string text;
  int pieces = 0;
  bool is_more = true;
  const auto take = [&](const http::BodySource::Piece& piece) {
    text += piece.bytes;
    is_more = piece.after == http::BodySource::After::more;
    REQUIRE(piece.after != http::BodySource::After::broken);
    CHECK(piece.bytes.size() < 200'000);
    ++pieces;
  };
  while (is_more) {
    answer.stream->next(take);
    if (pieces != 1) continue;
    // Made too late; gone before it was reached; gone where the next piece begins.
    made(world, "allocations", R"({"network_id":"net-2","hostname":"late"})");
    made(world, "networks", R"({"cidr":"13.0.0.0/8"})");
    REQUIRE(world.perform(del("networks/net-3")).status == 204);
    for (int id = 1; id <= 5001; ++id)
      if ((id - 1) / 1000 % 2 == 0)
        REQUIRE(world.perform(post(fmt::format("allocations/alloc-{}/release", id))).status == 204);
    REQUIRE(world.perform(del("networks/net-1")).status == 204);
  }
  CHECK(pieces > 2);
  CHECK(text.find("late") == std::string::npos);
  CHECK(text.find("13.0.0.0/8") == std::string::npos);
  CHECK(text.find("12.0.0.0/8") == std::string::npos);
  std::size_t of_net_2 = 0;
  for (std::size_t at = 0; (at = text.find("\nallocation,,,11.0.0.0/8,", at)) != text.npos; ++at)
    ++of_net_2;
  CHECK(of_net_2 == 3000);

  const auto cut = world.perform(get("export"));
  cut.stream->cancel();
  auto after = http::BodySource::After::more;
  cut.stream->next([&](const http::BodySource::Piece& piece) { after = piece.after; });
  CHECK(after == http::BodySource::After::broken);
}

TEST_CASE("an export is broken off where allocations move into new networks meanwhile") {
  for (const bool splits : {true, false}) {
    CAPTURE(splits);
    World world;
    REQUIRE(world.perform(post("networks", R"({"cidr":"10.0.0.0/16"})")).status == 201);
    const std::string body = R"({"network_id":"net-1","count":1000,"contiguous":false,)"
                             R"("description":")" + std::string(200, 'x') + "\"}";
    REQUIRE(world.perform(post("allocations", body)).status == 201);
    const auto answer = world.perform(get("export"));
    auto after = http::BodySource::After::more;
    const auto take = [&](const http::BodySource::Piece& piece) { after = piece.after; };
    answer.stream->next(take);
    REQUIRE(after == http::BodySource::After::more);
    if (splits)
      REQUIRE(world.perform(post("networks/net-1/split", R"({"prefix_length":17})")).status == 201);
    else  // what is new is not in it, and breaks nothing
      REQUIRE(world.perform(post("networks", R"({"cidr":"10.9.0.0/16"})")).status == 201);
    while (after == http::BodySource::After::more) answer.stream->next(take);
    CHECK((after == http::BodySource::After::broken) == splits);
  }
}
