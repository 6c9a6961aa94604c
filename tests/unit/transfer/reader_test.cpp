#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "read.hpp"
#include "transfer/fields.hpp"

namespace {

using namespace transfer;

ipam::Prefix prefix(std::string_view text) { return *ipam::parse_prefix(text); }
ipam::Address address(std::string_view text) { return *ipam::parse_address(text); }

// The error of a text, as "position: text"; "" where there is none.
std::string error_of(Format format, std::string_view text) {
  const Read result = read(format, text);
  if (!result.error) return "";
  return std::to_string(result.error->position) + ": " + result.error->text;
}

NetworkRow network(std::string_view cidr) {
  NetworkRow row;
  row.prefix = prefix(cidr);
  return row;
}

TEST_CASE("a list of prefixes: comments, empty lines, both line ends, none at the end") {
  const Read result =
      read(Format::prefixes, "# routes\n10.0.0.0/8\r\n\n  192.168.0.0/16 # here\n2001:db8::/32");
  REQUIRE_FALSE(result.error);
  CHECK(result.rows == std::vector<Row>{{2, network("10.0.0.0/8")},
                                        {4, network("192.168.0.0/16")},
                                        {5, network("2001:db8::/32")}});
}

TEST_CASE("an error says the line, and what came before it is there") {
  const Read result = read(Format::prefixes, "10.0.0.0/8\n10.0.0.5/16\n");
  REQUIRE(result.error);
  CHECK(result.rows.size() == 1);
  CHECK(result.error->position == 2);
  CHECK(result.error->text.find("did you mean 10.0.0.0/16?") != std::string::npos);
  CHECK(error_of(Format::prefixes, std::string(100'000, '1')).starts_with("1: the line is longer"));
}

TEST_CASE("a csv of all kinds, with quotes and line ends in values") {
  const Read result = read(Format::csv,
                           "type,name,vrf,cidr,ip,end_ip,start,end,hostname,description,tags,"
                           "status,owner,reason,metadata.Rack\n"
                           "vrf,blue,,,,,,,,\"the \"\"blue\"\" one\",,,,,\n"
                           "network,,blue,10.0.0.0/24,,,,,,\"two\nlines\",\"a,b\",container,,,R1\n"
                           ",,blue,10.0.0.0/24,10.0.0.9,10.0.0.10,,,web,,x;y,,me,,\n"
                           ",,blue,,,,10.0.0.20,10.0.0.29,,,,,,spare,\n");
  REQUIRE_FALSE(result.error);
  REQUIRE(result.rows.size() == 4);
  CHECK(result.rows[0] == Row{2, VrfRow{"blue", "the \"blue\" one"}});
  CHECK(result.rows[1] == Row{3, NetworkRow{"blue", prefix("10.0.0.0/24"), "two\nlines",
                                            {"a", "b"}, "container", {{"Rack", "R1"}}}});
  const AllocationRow& allocation = std::get<AllocationRow>(result.rows[2].object);
  CHECK(result.rows[2].position == 5);
  CHECK(allocation.first == address("10.0.0.9"));
  CHECK(allocation.last == address("10.0.0.10"));
  CHECK(allocation.has_network);
  CHECK(allocation.network == prefix("10.0.0.0/24"));
  CHECK(allocation.tags == std::vector<std::string>{"x", "y"});
  CHECK(allocation.owner == "me");
  CHECK(result.rows[3] ==
        Row{6, ReservationRow{"blue", address("10.0.0.20"), address("10.0.0.29"), "spare"}});
}

TEST_CASE("a csv with semicolons, a byte order mark, names in capitals, short records") {
  const Read result =
      read(Format::csv, "\xef\xbb\xbf" "CIDR;Description;Tags\r\n10.0.0.0/8;a,b\r\n\r\n");
  REQUIRE_FALSE(result.error);
  REQUIRE(result.rows.size() == 1);
  CHECK(std::get<NetworkRow>(result.rows[0].object).description == "a,b");
}

TEST_CASE("a byte order mark is no part of a file, whatever its format") {
  const std::string mark = "\xef\xbb\xbf";
  for (const auto& [format, text] :
       {std::pair(Format::csv, "\"cidr\",\"description\"\r\n\"10.0.0.0/8\",\"a\"\r\n"),
        std::pair(Format::prefixes, "10.0.0.0/8\n"), std::pair(Format::prefixes, "# routes\n::/8"),
        std::pair(Format::json, "{\"cidr\":\"10.0.0.0/8\"}\n"),
        std::pair(Format::json, "[{\"cidr\":\"10.0.0.0/8\"}]"),
        std::pair(Format::netbox, "[{\"prefix\":\"10.0.0.0/8\"}]")}) {
    CAPTURE(text);
    REQUIRE_FALSE(read(format, text).error);
    for (const std::size_t piece : {1u, 2u, 4u, 1u << 20})
      CHECK(read(format, mark + text, piece) == read(format, text));
  }
}

TEST_CASE("line ends in a csv's values are those of every text") {
  const Read result = read(Format::csv, "cidr,description\r\n10.0.0.0/8,\"a\r\nb\rc\r\n\"\r\n");
  REQUIRE(result.rows.size() == 1);
  CHECK(std::get<NetworkRow>(result.rows[0].object).description == "a\nb\rc\n");
}

TEST_CASE("what a csv must not be") {
  CHECK(error_of(Format::csv, "cidr,description\n10.0.0.0/8,B\xfcro\n")
            .starts_with("2: the record is not UTF-8: save the file as UTF-8"));
  CHECK(error_of(Format::csv, "colour\nred\n").starts_with("1: the first line must name"));
  CHECK(error_of(Format::csv, "cidr,cidr\n") == "1: the column \"cidr\" is there twice");
  CHECK(error_of(Format::csv, "cidr,colour\n10.0.0.0/8,red\n") == "2: unknown field \"colour\"");
  CHECK(error_of(Format::csv, "cidr\n10.0.0.0/8,x\n") ==
        "2: 2 values, but the header has 1 columns");
  CHECK(error_of(Format::csv, "cidr\n\"10.0.0.0/8") == "2: a quoted value has no end");
  CHECK(error_of(Format::csv, "cidr\n\"10.0.0.0\"/8\n").starts_with("2: something follows"));
  CHECK(error_of(Format::csv, "cidr,ip\n10.0.0.0/24,10.0.1.1\n") ==
        "2: 10.0.1.1 is not in 10.0.0.0/24");
  CHECK(error_of(Format::csv, "start,end\n10.0.0.9,10.0.0.1\n") ==
        "2: 10.0.0.9 to 10.0.0.1 is no range of addresses");
}

TEST_CASE("json: one object a line, or an array of them; both give the same rows") {
  const std::string first = R"({"type":"network","cidr":"10.0.0.0/8","tags":["a","b"],"id":"net-1",
"metadata":{"site":"X"},"vrf":null})";
  const std::string second = R"({"ip":"10.0.0.5/24","hostname":"web"})";
  std::string one_line = first;
  one_line.erase(one_line.find('\n'), 1);
  const Read lines = read(Format::json, one_line + "\n\n" + second + "\n");
  REQUIRE_FALSE(lines.error);
  const Read array = read(Format::json, " [" + first + "," + second + "]\n");
  REQUIRE_FALSE(array.error);
  REQUIRE(lines.rows.size() == 2);
  REQUIRE(array.rows.size() == 2);
  for (int i = 0; i < 2; ++i) CHECK(lines.rows[i].object == array.rows[i].object);
  const NetworkRow& row = std::get<NetworkRow>(lines.rows[0].object);
  CHECK(row.tags == std::vector<std::string>{"a", "b"});
  CHECK(row.metadata == ipam::Metadata{{"site", "X"}});
  CHECK(std::get<AllocationRow>(lines.rows[1].object).network == prefix("10.0.0.0/24"));
}

TEST_CASE("json: lines are taken as they come, however many there are") {
  std::vector<Row> rows;
  const auto reader = make_reader(Format::json);
  CHECK_FALSE(reader->feed("{\"cidr\":\"10.0.0.0/8\"}\n{\"cidr\":", rows));
  CHECK(rows.size() == 1);
  const std::string line = "{\"cidr\":\"11.0.0.0/8\"}\n" + std::string(1 << 20, ' ') + "\n";
  CHECK_FALSE(reader->feed("\"12.0.0.0/8\"}\n", rows));
  for (std::size_t bytes = 0; bytes <= document_bytes_max; bytes += line.size()) {
    REQUIRE_FALSE(reader->feed(line, rows));
    rows.resize(2);
  }
  CHECK_FALSE(reader->finish(rows));
  CHECK(rows.size() == 2);
}

TEST_CASE("what a json must not be") {
  CHECK(error_of(Format::json, R"({"ip":"10.0.0.1","status":"released"})") ==
        "1: an allocation that is \"released\" is none: leave it out");
  CHECK(error_of(Format::json, "{\"cidr\":\"10.0.0.0/8\"}\n{\n")
            .starts_with("2: no valid JSON at"));
  CHECK(error_of(Format::json, "[1]").starts_with("1: not a JSON object"));
  CHECK(error_of(Format::json, std::string(100, '[')).starts_with("0: no valid JSON"));
  CHECK(error_of(Format::json, "{\"type\":\"host\"}") ==
        "1: the type must be vrf, network, allocation or reservation, not \"host\"");
}

TEST_CASE("phpIPAM's subnets and addresses") {
  const Read subnets = read(Format::phpipam,
                            "Section,Subnet,Mask,Description,VRF,Domain\n"
                            "HQ,10.0.0.0,24,office,,\nHQ,10.1.0.0,255.255.0.0,lab,blue,x\n");
  REQUIRE_FALSE(subnets.error);
  REQUIRE(subnets.rows.size() == 2);
  CHECK(subnets.rows[0].object == Object(NetworkRow{"", prefix("10.0.0.0/24"), "office", {}, "",
                                                    {{"section", "HQ"}}}));
  CHECK(subnets.rows[1].object == Object(NetworkRow{"blue", prefix("10.1.0.0/16"), "lab", {}, "",
                                                    {{"section", "HQ"}}}));
  const Read addresses = read(Format::phpipam,
                              "ip address,ip state,description,hostname,owner\n"
                              "10.0.0.5,Active,printer,print-1,ops\n");
  REQUIRE_FALSE(addresses.error);
  REQUIRE(addresses.rows.size() == 1);
  CHECK(std::get<AllocationRow>(addresses.rows[0].object).hostname == "print-1");
}

TEST_CASE("of tags beyond what an object may have, one is enough to be refused") {
  std::string many, array = "[";
  for (int i = 0; i < 300'000; ++i) {
    many += fmt::format("t{};", i);
    array += fmt::format("{}\"t{}\"", i == 0 ? "" : ",", i);
  }
  for (const std::string& text : {many, array + "]"}) {
    const std::vector<std::string> tags = split_tags(text);
    REQUIRE(tags.size() == ipam::tags_max + 1);
    CHECK(tags.front() == "t0");
    CHECK(tags.back() == "t64");
  }
  CHECK(split_tags("a;b,a;;c") == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("a reader stops at its limit of rows, whatever the format") {
  for (const auto& [format, text] :
       {std::pair(Format::prefixes, "1::/16\n2::/16\n3::/16\n"),
        std::pair(Format::csv, "cidr\n1::/16\n2::/16\n3::/16\n"),
        std::pair(Format::phpipam, "Subnet\n1::/16\n2::/16\n3::/16\n"),
        std::pair(Format::json, R"([{"cidr":"1::/16"},{"cidr":"2::/16"},{"cidr":"3::/16"}])"),
        std::pair(Format::netbox,
                  R"([{"prefix":"1::/16"},{"prefix":"2::/16"},{"prefix":"3::/16"}])")}) {
    CAPTURE(text);
    std::vector<Row> rows;
    const auto reader = make_reader(format, 2);
    auto error = reader->feed(text, rows);
    if (!error) error = reader->finish(rows);
    REQUIRE(error);
    CHECK(error->text == "more than 2 rows");
    CHECK(rows.size() == 2);
    CHECK_FALSE(read(format, text).error);
  }
}

TEST_CASE("the size of the pieces changes nothing") {
  const std::string csv = "cidr,description\r\n10.0.0.0/8,\"a\r\n\"\"b\"\"\"\r\n\n11.0.0.0/8,c";
  const std::string lines = "10.0.0.0/8\r\n#\n11.0.0.0/8\nx";
  const std::string json = "\n {\"cidr\":\"10.0.0.0/8\"}\r\n\n{\"cidr\":\"11.0.0.0/8\"}\nx";
  for (const std::size_t piece : {1u, 2u, 3u, 7u}) {
    CHECK(read(Format::csv, csv, piece) == read(Format::csv, csv));
    CHECK(read(Format::prefixes, lines, piece) == read(Format::prefixes, lines));
    CHECK(read(Format::json, json, piece) == read(Format::json, json));
  }
}

}  // namespace
