// Every command against prepared answers: the requests that it sends and what it prints, in all
// three formats.
#include <doctest/doctest.h>

#include "world.hpp"

namespace {

const std::string network =
    R"({"id":"net-1","cidr":"192.168.1.0/24","description":"Office, main",)"
    R"("tags":["production","x"],"created_at":"2024-01-15T10:30:00Z",)"
    R"("updated_at":"2024-01-16T10:30:00Z"})";
const std::string allocation =
    R"({"id":"alloc-7","network_id":"net-1","ip":"192.168.1.1","end_ip":null,"hostname":"web-01",)"
    R"("description":"","tags":[],"status":"allocated","allocated_at":"2024-01-15T10:35:00Z",)"
    R"("expires_at":"2024-01-15T11:35:00Z","released_at":null})";
const std::string block =
    R"({"id":"alloc-8","network_id":"net-1","ip":"192.168.1.1","end_ip":"192.168.1.5",)"
    R"("hostname":"","description":"","tags":[],"status":"allocated",)"
    R"("allocated_at":"2024-01-15T10:35:00Z",)"
    R"("expires_at":null,"released_at":null})";
const std::string stats_fields =
    R"("total_ips":254,"allocated_ips":45,"available_ips":209,"reserved_ips":0,)"
    R"("utilization_percent":17.7,"first_available":"192.168.1.46",)"
    R"("last_allocated":"192.168.1.45"})";

struct Answer {
  int status;
  std::string body;
};

struct Row {
  std::vector<std::string> args;
  std::vector<Answer> answers;
  std::vector<std::string> requests;
  std::string out;
};

void check(const Row& row) {
  World world;
  CAPTURE(row.args);
  for (const Answer& answer : row.answers) world.answer(answer.status, answer.body);
  CHECK(world.run(row.args) == 0);
  CHECK(world.err == "");
  CHECK(world.requests == row.requests);
  CHECK(world.out == row.out);
}

// Fails with this code and line, after exactly these requests.
void check_failure(const Row& row, int code) {
  World world;
  CAPTURE(row.args);
  for (const Answer& answer : row.answers) world.answer(answer.status, answer.body);
  CHECK(world.run(row.args) == code);
  CHECK(world.err == "Error: " + row.out + "\n");
  CHECK(world.requests == row.requests);
  CHECK(world.out == "");
}

const std::string network_csv =
    "ID,CIDR,Description,Tags,VRF,Status,Created,Updated\r\n"
    "net-1,192.168.1.0/24,\"Office, main\",\"production,x\",,,2024-01-15T10:30:00Z,"
    "2024-01-16T10:30:00Z\r\n";
const std::string allocation_csv_header =
    "ID,IP,End IP,Network,Hostname,Status,Expires,Description,Tags,Allocated,Released\r\n";

}  // namespace

TEST_CASE("network add") {
  const std::string request =
      R"(POST /api/v1/networks {"cidr":"192.168.1.0/24","description":"Office, main",)"
      R"("tags":["production","x"]})";
  const std::vector<std::string> args = {"network", "add", "192.168.1.0/24",
                                         "-d",      "Office, main", "-t", "production, x"};
  const auto with = [&args](std::vector<std::string> more) {
    more.insert(more.begin(), args.begin(), args.end());
    return more;
  };
  check({args, {{201, network}}, {request},
         "Network added successfully\nID: net-1\nCIDR: 192.168.1.0/24\n"
         "Description: Office, main\nTags: production,x\n"});
  check({with({"--output", "json"}), {{201, network}}, {request}, network + "\n"});
  check({with({"--output", "csv"}), {{201, network}}, {request}, network_csv});
  check({{"network", "add", "::/0", "--output", "json", "--description", "", "--tags", ""},
         {{201, "{}\n"}},
         {R"(POST /api/v1/networks {"cidr":"::/0","description":"","tags":[]})"},
         "{}\n"});
  check_failure({{"network", "add", "x"},
                 {{400, R"({"error":"invalid CIDR: x"})"}},
                 {R"(POST /api/v1/networks {"cidr":"x"})"},
                 "invalid CIDR: x"},
                1);
}

TEST_CASE("network add and edit take attributes, and network list a status") {
  const std::string full = network.substr(0, network.size() - 1) +
                           R"(,"status":"reserved","gateway":"192.168.1.1","metadata":{"a":"b"}})";
  check({{"network", "add", "192.168.1.0/24", "--status", "reserved", "--gateway", "192.168.1.1",
          "--strategy", "last", "--quarantine", "60", "--threshold", "80", "--metadata", "a=b"},
         {{201, full}},
         {R"(POST /api/v1/networks {"cidr":"192.168.1.0/24","status":"reserved",)"
          R"("gateway":"192.168.1.1","strategy":"last","quarantine_seconds":60,)"
          R"("threshold_percent":80,"metadata":{"a":"b"}})"},
         "Network added successfully\nID: net-1\nCIDR: 192.168.1.0/24\n"
         "Description: Office, main\nTags: production,x\nStatus: reserved\n"
         "Gateway: 192.168.1.1\nMetadata: {\"a\":\"b\"}\n"});
  check({{"network", "edit", "net-1", "--gateway", "", "--threshold", "0", "--metadata", "a",
          "--output", "json"},
         {{200, full}},
         {R"(PATCH /api/v1/networks/net-1 {"gateway":null,"threshold_percent":null,)"
          R"("metadata":{"a":null}})"},
         full + "\n"});
  check({{"network", "edit", "net-1", "--metadata", "", "--output", "json"}, {{200, full}},
         {R"(PATCH /api/v1/networks/net-1 {"metadata":null})"}, full + "\n"});
  check({{"network", "list", "--status", "reserved"}, {{200, "[" + full + "]"}},
         {"GET /api/v1/networks?status=reserved"},
         "ID     CIDR            Description  Tags          Status    Created\n"
         "net-1  192.168.1.0/24  Office, ma…  production,x  reserved  2024-01-15T10:30:00Z\n"});
}

TEST_CASE("network list") {
  const std::vector<std::string> requests = {"GET /api/v1/networks"};
  check({{"network", "list"},
         {{200, "[" + network + "]"}},
         requests,
         "ID     CIDR            Description   Tags          Created\n"
         "net-1  192.168.1.0/24  Office, main  production,x  2024-01-15T10:30:00Z\n"});
  check({{"network", "list", "--output", "json"}, {{200, "[" + network + "]"}}, requests,
         "[" + network + "]\n"});
  check({{"network", "list", "--output", "csv"}, {{200, "[" + network + "]"}}, requests,
         network_csv});
  check({{"network", "list"}, {{200, "[]"}}, requests, "No networks found\n"});
  check({{"network", "list", "--output", "json"}, {{200, "[]"}}, requests, "[]\n"});
  check({{"network", "list", "--output", "csv"}, {{200, "[]"}}, requests,
         "ID,CIDR,Description,Tags,VRF,Status,Created,Updated\r\n"});
}

TEST_CASE("a list with a limit is read page after page, and may be of the past") {
  World world;
  for (int page = 0; page < 2; ++page) {
    world.answer(200, page == 0 ? R"([{"id":"net-1"},{"id":"net-2"}])" : R"([{"id":"net-3"}])");
    world.answers.back()->headers.push_back(
        {"Link", "</api/v1/networks?limit=1000&cursor=9.2>; rel=\"next\""});
  }
  CHECK(world.run({"network", "list", "--limit", "1500", "--at", "9", "--output", "json"}) == 0);
  CHECK(world.out == "[{\"id\":\"net-1\"},{\"id\":\"net-2\"},{\"id\":\"net-3\"}]\n");
  CHECK(world.requests == std::vector<std::string>{
                              "GET /api/v1/networks?at=9&limit=1000",
                              "GET /api/v1/networks?at=9&limit=500&cursor=9.2"});
  CHECK(world.run({"list", "--limit", "0"}) == 2);
}

TEST_CASE("network add and list know VRFs and filters") {
  const std::string blue = network.substr(0, network.size() - 1) + R"(,"vrf":"blue"})";
  check({{"network", "add", "192.168.1.0/24", "--vrf", "blue", "--output", "json"},
         {{201, blue}},
         {R"(POST /api/v1/networks {"cidr":"192.168.1.0/24","vrf":"blue"})"},
         blue + "\n"});
  check({{"network", "list", "--vrf", "blue", "--contains", "192.168.1.7", "-q", "off"},
         {{200, "[" + blue + "]"}},
         {"GET /api/v1/networks?vrf=blue&contains=192.168.1.7&q=off"},
         "ID     CIDR            Description   Tags          VRF   Created\n"
         "net-1  192.168.1.0/24  Office, main  production,x  blue  2024-01-15T10:30:00Z\n"});
  check_failure({{"network", "delete", "192.168.1.0/24"},
                 {{200, "[" + network + "," + blue + "]"}},
                 {"GET /api/v1/networks?cidr=192.168.1.0%2F24"},
                 "192.168.1.0/24 is a network of several VRFs: name it by its id (net-1, net-1)"},
                1);
}

TEST_CASE("network show, edit, children, free and carve") {
  check({{"network", "show", "net-1"}, {{200, network}}, {"GET /api/v1/networks/net-1"},
         "ID: net-1\nCIDR: 192.168.1.0/24\nDescription: Office, main\nTags: production,x\n"});
  check({{"network", "show", "192.168.1.0/24", "--at", "9", "--output", "json"},
         {{200, "[" + network + "]"}, {200, network}},
         {"GET /api/v1/networks?cidr=192.168.1.0%2F24&at=9", "GET /api/v1/networks/net-1?at=9"},
         network + "\n"});
  check({{"network", "edit", "net-1", "-t", "a,b", "--output", "json"}, {{200, network}},
         {R"(PATCH /api/v1/networks/net-1 {"tags":["a","b"]})"}, network + "\n"});
  check({{"network", "children", "net-1"}, {{200, "[]"}},
         {"GET /api/v1/networks/net-1/children"}, "No networks found\n"});
  check({{"network", "free", "net-1", "-p", "26", "--limit", "5"},
         {{200, R"([{"cidr":"192.168.1.64/26","prefix_length":26}])"}},
         {"GET /api/v1/networks/net-1/free?prefix_length=26&limit=5"},
         "CIDR\n192.168.1.64/26\n"});
  check({{"network", "carve", "net-1", "-p", "26", "-k", "2", "--strategy", "best", "--output",
          "csv"},
         {{201, "[" + network + "]"}},
         {R"(POST /api/v1/networks/net-1/subnets )"
          R"({"prefix_length":26,"count":2,"strategy":"best"})"},
         network_csv});
  check_failure({{"network", "carve", "net-1"}, {}, {},
                 "'ipam network carve' needs --prefix-length"}, 2);
  check_failure({{"network", "edit", "net-1"}, {}, {},
                 "'ipam network edit' needs an option that says what to change"}, 2);
  check_failure({{"network", "edit", "net-1", "--threshold", "many"}, {}, {},
                 "--threshold must be a whole number from 0 to 9007199254740992, not 'many'"}, 2);
}

TEST_CASE("network split, merge and edit --cidr") {
  const std::string low = R"({"id":"net-3","cidr":"192.168.1.0/25"})";
  const std::string high = R"({"id":"net-4","cidr":"192.168.1.128/25"})";
  check({{"network", "split", "192.168.1.0/24", "-p", "25"},
         {{200, "[" + network + "]"}, {201, "[" + low + "," + high + "]"}},
         {"GET /api/v1/networks?cidr=192.168.1.0%2F24",
          R"(POST /api/v1/networks/net-1/split {"prefix_length":25})"},
         "Network split successfully\n"
         "ID     CIDR              Description  Tags  Created\n"
         "net-3  192.168.1.0/25\n"
         "net-4  192.168.1.128/25\n"});
  check({{"network", "split", "net-1", "-p", "25", "--dry-run", "--output", "json"},
         {{200, "[]"}},
         {R"(POST /api/v1/networks/net-1/split {"prefix_length":25,"dry_run":true})"},
         "[]\n"});
  check({{"network", "merge", "net-3", "192.168.1.128/25", "net-5"},
         {{200, "[" + high + "]"}, {201, network}},
         {"GET /api/v1/networks?cidr=192.168.1.128%2F25",
          R"(POST /api/v1/networks/merge {"ids":["net-3","net-4","net-5"]})"},
         "Networks merged successfully\n"
         "ID: net-1\nCIDR: 192.168.1.0/24\nDescription: Office, main\nTags: production,x\n"});
  check({{"network", "merge", "net-3", "net-4", "--dry-run"}, {{200, network}},
         {R"(POST /api/v1/networks/merge {"ids":["net-3","net-4"],"dry_run":true})"},
         "Nothing was changed; it would give:\n"
         "ID: net-1\nCIDR: 192.168.1.0/24\nDescription: Office, main\nTags: production,x\n"});
  check({{"network", "edit", "net-1", "--cidr", "192.168.0.0/23", "--output", "json"},
         {{200, network}}, {R"(PATCH /api/v1/networks/net-1 {"cidr":"192.168.0.0/23"})"},
         network + "\n"});
  check_failure({{"network", "split", "net-1"}, {}, {},
                 "'ipam network split' needs --prefix-length"}, 2);
  check_failure({{"network", "merge", "net-1"}, {}, {},
                 "'ipam network merge' needs ID (see 'ipam network merge --help')"}, 2);
}

TEST_CASE("token commands") {
  const std::string token =
      R"({"id":"token-2","name":"ci","role":"editor","vrfs":["vrf-2"],)"
      R"("created_at":"2024-01-15T10:30:00Z","expires_at":null,"last_used_at":null)";
  const std::string made = token + R"(,"secret":"ipam_0f"})";
  check({{"token", "create", "ci", "--role", "editor", "--vrf", "blue, red", "-T", "60"},
         {{201, made}},
         {R"(POST /api/v1/tokens {"name":"ci","role":"editor","vrfs":["blue","red"],"ttl":60})"},
         "Token created successfully\nID: token-2\nName: ci\nRole: editor\nVRFs: vrf-2\n"
         "Expires: never\nSecret: ipam_0f\nKeep the secret: it is not shown again.\n"});
  check({{"token", "create", "ci", "--role", "editor", "--expires", "2099-01-01T00:00:00Z",
          "--output", "json"},
         {{201, made}},
         {R"(POST /api/v1/tokens {"name":"ci","role":"editor",)"
          R"("expires_at":"2099-01-01T00:00:00Z"})"},
         made + "\n"});
  check({{"token", "list"}, {{200, "[" + token + "}]"}}, {"GET /api/v1/tokens"},
         "ID       Name  Role    VRFs   Expires  Last used\n"
         "token-2  ci    editor  vrf-2  never    never\n"});
  check({{"token", "revoke", "ci"}, {{204, ""}}, {"DELETE /api/v1/tokens/ci"},
         "Token revoked successfully\n"});
  check_failure({{"token", "create", "ci", "--role", "editor", "--vrf", " , "}, {}, {},
                 "--vrf must name a VRF, or be left out for a token of all of them"},
                2);
  check_failure({{"token", "create", "ci"}, {}, {}, "--role viewer, editor or admin is required"},
                2);
  check_failure({{"token", "create", "ci", "--role", "viewer", "-T", "1", "--expires", "x"}, {}, {},
                 "give --ttl or --expires, not both"}, 2);
}

TEST_CASE("vrf commands") {
  const std::string vrf =
      R"({"id":"vrf-2","name":"blue","description":"d","network_count":3,)"
      R"("created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:00Z"})";
  check({{"vrf", "add", "blue", "-d", "d"}, {{201, vrf}},
         {R"(POST /api/v1/vrfs {"name":"blue","description":"d"})"},
         "VRF added successfully\nID: vrf-2\nName: blue\nDescription: d\n"});
  check({{"vrf", "list"}, {{200, "[" + vrf + "]"}}, {"GET /api/v1/vrfs"},
         "ID     Name  Networks  Description  Created\n"
         "vrf-2  blue         3  d            2024-01-15T10:30:00Z\n"});
  check({{"vrf", "edit", "azure", "--name", "blue", "--output", "csv"}, {{200, vrf}},
         {R"(PATCH /api/v1/vrfs/azure {"name":"blue"})"},
         "ID,Name,Networks,Description,Created,Updated\r\n"
         "vrf-2,blue,3,d,2024-01-15T10:30:00Z,2024-01-15T10:30:00Z\r\n"});
  check({{"vrf", "delete", "blue"}, {{204, ""}}, {"DELETE /api/v1/vrfs/blue"},
         "VRF deleted successfully\n"});
  check_failure({{"vrf", "edit", "blue"}, {}, {}, "'ipam vrf edit' needs --name or --description"},
                2);
}

TEST_CASE("reservation commands") {
  const std::string reservation =
      R"({"id":"res-1","network_id":"net-1","start":"10.0.0.5","end":"10.0.0.9","reason":"DHCP",)"
      R"("tags":["t"],"created_at":"2024-01-15T10:30:00Z"})";
  const std::string path = " /api/v1/networks/net-1/reservations";
  check({{"reservation", "add", "net-1", "10.0.0.5", "10.0.0.9", "-r", "DHCP", "-t", "t",
          "--metadata", "k=v"},
         {{201, reservation}},
         {"POST" + path + R"( {"start":"10.0.0.5","end":"10.0.0.9","reason":"DHCP","tags":["t"],)"
                          R"("metadata":{"k":"v"}})"},
         "Reservation added successfully\nID: res-1\nNetwork: net-1\nStart: 10.0.0.5\n"
         "End: 10.0.0.9\nReason: DHCP\nTags: t\n"});
  check({{"reservation", "add", "net-1", "10.0.0.5", "--output", "json"}, {{201, reservation}},
         {"POST" + path + R"( {"start":"10.0.0.5"})"}, reservation + "\n"});
  check({{"reservation", "list", "net-1"}, {{200, "[" + reservation + "]"}}, {"GET" + path},
         "ID     Network  Start     End       Reason  Tags  Created\n"
         "res-1  net-1    10.0.0.5  10.0.0.9  DHCP    t     2024-01-15T10:30:00Z\n"});
  check({{"reservation", "list", "net-1"}, {{200, "[]"}}, {"GET" + path},
         "No reservations found\n"});
  check({{"reservation", "edit", "net-1", "res-1", "-r", "", "--output", "csv"},
         {{200, reservation}}, {"PATCH" + path + R"(/res-1 {"reason":""})"},
         "ID,Network,Start,End,Reason,Tags,Created\r\n"
         "res-1,net-1,10.0.0.5,10.0.0.9,DHCP,t,2024-01-15T10:30:00Z\r\n"});
  check({{"reservation", "delete", "net-1", "res-1"}, {{204, ""}}, {"DELETE" + path + "/res-1"},
         "Reservation deleted successfully\n"});
  check_failure({{"reservation", "edit", "net-1", "res-1"}, {}, {},
                 "'ipam reservation edit' needs an option that says what to change"}, 2);
  check_failure({{"reservation", "add", "net-1"}, {}, {},
                 "'ipam reservation add' needs START (see 'ipam reservation add --help')"}, 2);
  World world;
  CHECK(world.run({"reservation", "add", "--help"}) == 0);
  CHECK(world.out.find("ipam reservation add NETWORK START [END] [options]") !=
        std::string::npos);
}

TEST_CASE("network delete takes an id or a CIDR") {
  check({{"network", "delete", "net-1"}, {{204, ""}}, {"DELETE /api/v1/networks/net-1"},
         "Network deleted successfully\n"});
  check({{"network", "delete", "net-1", "--output", "json"}, {{204, ""}},
         {"DELETE /api/v1/networks/net-1"}, ""});
  const std::string find = "GET /api/v1/networks?cidr=192.168.1.0%2F24";
  check({{"network", "delete", "192.168.1.0/24"}, {{200, "[" + network + "]"}, {204, ""}},
         {find, "DELETE /api/v1/networks/net-1"}, "Network deleted successfully\n"});
  check_failure({{"network", "delete", "192.168.1.0/24"}, {{200, "[]"}}, {find},
                 "network not found: 192.168.1.0/24"}, 1);
  // A server that does not know the filter must not make the wrong network go.
  check_failure({{"network", "delete", "10.0.0.0/8"}, {{200, "[" + network + "]"}},
                 {"GET /api/v1/networks?cidr=10.0.0.0%2F8"}, "network not found: 10.0.0.0/8"}, 1);
  check_failure({{"network", "delete", "net-9"}, {{404, R"({"error":"network not found"})"}},
                 {"DELETE /api/v1/networks/net-9"}, "network not found"}, 1);
  check_failure({{"network", "delete", "net-1"},
                 {{409, R"({"error":"cannot delete network with active allocations"})"}},
                 {"DELETE /api/v1/networks/net-1"},
                 "cannot delete network with active allocations"}, 1);
  World world;
  CHECK(world.run({"network", "delete", "10.0.0.0/99"}) == 1);
  CHECK(world.err.starts_with("Error: invalid CIDR"));
}

TEST_CASE("allocate one address") {
  const std::string request =
      R"(POST /api/v1/allocations {"network_id":"net-1","hostname":"web-01","description":"d",)"
      R"("count":1,"ttl":3600,"tags":["a","b"]})";
  const std::vector<std::string> short_args = {"allocate", "-n", "net-1", "-k", "1", "-d", "d",
                                               "-H", "web-01", "-t", "a,b", "-T", "3600"};
  const std::vector<std::string> long_args = {
      "allocate",   "--network-id", "net-1",  "--count", "1",   "--description", "d",
      "--hostname", "web-01",       "--tags", "a,b",     "--ttl", "3600"};
  const std::string text =
      "IP allocated successfully\nIP: 192.168.1.1\nID: alloc-7\nNetwork: net-1\n"
      "Hostname: web-01\nExpires: 2024-01-15T11:35:00Z\n";
  check({short_args, {{201, allocation}}, {request}, text});
  check({long_args, {{201, allocation}}, {request}, text});
  const std::string by_cidr = R"(POST /api/v1/allocations {"cidr":"192.168.1.0/24"})";
  check({{"allocate", "-c", "192.168.1.0/24", "--output", "json"}, {{201, allocation}}, {by_cidr},
         allocation + "\n"});
  check({{"allocate", "--cidr", "192.168.1.0/24", "--output", "csv"}, {{201, allocation}},
         {by_cidr},
         allocation_csv_header + "alloc-7,192.168.1.1,,net-1,web-01,allocated,"
                                 "2024-01-15T11:35:00Z,,,2024-01-15T10:35:00Z,\r\n"});
  check({{"allocate", "-n", "192.168.1.0/24", "--output", "json"},
         {{200, "[" + network + "]"}, {201, allocation}},
         {"GET /api/v1/networks?cidr=192.168.1.0%2F24",
          R"(POST /api/v1/allocations {"network_id":"net-1"})"},
         allocation + "\n"});
}

TEST_CASE("allocate a block") {
  check({{"allocate", "-n", "net-1", "-k", "5"}, {{201, block}},
         {R"(POST /api/v1/allocations {"network_id":"net-1","count":5})"},
         "IP range allocated successfully\nIP range: 192.168.1.1 - 192.168.1.5\nID: alloc-8\n"
         "Network: net-1\n"});
}

TEST_CASE("allocate says where, and whose it is") {
  check({{"allocate", "-n", "net-1", "--ip", "10.0.0.5", "--force", "--owner", "o", "--metadata",
          "a=1,b=x=y", "--unique-hostname", "-H", "h", "--output", "json"},
         {{201, allocation}},
         {R"(POST /api/v1/allocations {"network_id":"net-1","hostname":"h","ip":"10.0.0.5",)"
          R"("owner":"o","unique_hostname":true,"force":true,"metadata":{"a":"1","b":"x=y"}})"},
         allocation + "\n"});
  check({{"allocate", "-n", "net-1", "--range-start", "10.0.0.5", "--range-end", "10.0.0.9",
          "--exclude", "10.0.0.6, 10.0.0.8/31", "--align", "2", "--strategy", "last", "--output",
          "json"},
         {{201, allocation}},
         {R"(POST /api/v1/allocations {"network_id":"net-1","strategy":"last",)"
          R"("range_start":"10.0.0.5","range_end":"10.0.0.9","align":2,)"
          R"("exclude":["10.0.0.6","10.0.0.8/31"]})"},
         allocation + "\n"});
  check({{"allocate", "-n", "net-1", "-k", "1", "--scattered"},
         {{201, "[" + allocation + "]"}},
         {R"(POST /api/v1/allocations {"network_id":"net-1","contiguous":false,"count":1})"},
         "1 IPs allocated successfully\n"
         "ID       IP           Network  Hostname  Status     Expires\n"
         "alloc-7  192.168.1.1  net-1    web-01    allocated  2024-01-15T11:35:00Z\n"});
  check_failure({{"allocate", "-n", "net-1", "--metadata", "a"}, {}, {},
                 "--metadata must be KEY=VALUE,..., not 'a'"}, 2);
}

TEST_CASE("allocation show, edit and lease renew take an id or an address") {
  const std::string fields =
      "IP: 192.168.1.1\nID: alloc-7\nNetwork: net-1\nHostname: web-01\nStatus: allocated\n"
      "Allocated: 2024-01-15T10:35:00Z\nExpires: 2024-01-15T11:35:00Z\n";
  const std::string find = "GET /api/v1/allocations?ip=192.168.1.1";
  check({{"allocation", "show", "192.168.1.1"},
         {{200, "[" + allocation + "]"}, {200, allocation}},
         {find, "GET /api/v1/allocations/alloc-7"},
         fields});
  check({{"allocation", "edit", "alloc-7", "-d", "", "-t", "a,b", "--metadata", "x=1,y", "--fence",
          "7"},
         {{200, allocation}},
         {R"(PATCH /api/v1/allocations/alloc-7 {"fence":7,"description":"","tags":["a","b"],)"
          R"("metadata":{"x":"1","y":null}})"},
         "Allocation changed successfully\n" + fields});
  check({{"lease", "renew", "192.168.1.1", "-T", "60", "-n", "net-1"},
         {{200, "[" + allocation + "]"}, {200, allocation}},
         {find + "&network_id=net-1", R"(POST /api/v1/allocations/alloc-7/renew {"ttl":60})"},
         "Lease renewed successfully\n" + fields});
  check({{"lease", "renew", "alloc-7", "-T", "60", "--output", "json"}, {{200, allocation}},
         {R"(POST /api/v1/allocations/alloc-7/renew {"ttl":60})"}, allocation + "\n"});
  check_failure({{"lease", "renew", "alloc-7"}, {}, {}, "'ipam lease renew' needs --ttl"}, 2);
  check_failure({{"lease", "renew", "alloc-7", "-T", "1", "--fence", "x"}, {}, {},
                 "--fence must be a whole number from 1 to 9007199254740992, not 'x'"}, 2);
  check_failure({{"allocation", "edit", "alloc-7"}, {}, {},
                 "'ipam allocation edit' needs something to change: --hostname, --description, "
                 "--tags, --owner or --metadata"}, 2);
}

TEST_CASE("search and address show") {
  const std::string results = R"({"results":[{"type":"network","network":)" + network +
                              R"(},{"type":"allocation","allocation":)" + allocation +
                              R"(}],"next_cursor":"alloc-9"})";
  const std::string search = "GET /api/v1/search?q=192.168.1&limit=2";
  check({{"search", "192.168.1", "--limit", "2"},
         {{200, results}},
         {search},
         "Type        ID       Address         Hostname  Description   Tags\n"
         "network     net-1    192.168.1.0/24            Office, main  production,x\n"
         "allocation  alloc-7  192.168.1.1     web-01\n"
         "There may be more: go on with --cursor alloc-9\n"});
  check({{"search", "192.168.1", "--limit", "2", "--cursor", "alloc-9", "--output", "json"},
         {{200, results}}, {search + "&cursor=alloc-9"}, results + "\n"});
  check({{"search", "x"}, {{200, R"({"results":[],"next_cursor":null})"}},
         {"GET /api/v1/search?q=x&limit=100"}, "Nothing found\n"});
  check({{"address", "show", "192.168.1.1"},
         {{200, R"({"ip":"192.168.1.1","status":"allocated","network":)" + network +
                    R"(,"allocation":)" + allocation +
                    R"(,"quarantine_ends_at":null,"history":[]})"}},
         {"GET /api/v1/addresses/192.168.1.1"},
         "IP: 192.168.1.1\nStatus: allocated\nNetwork: net-1 (192.168.1.0/24)\n"
         "ID       IP           Network  Hostname  Status     Expires\n"
         "alloc-7  192.168.1.1  net-1    web-01    allocated  2024-01-15T11:35:00Z\n"});
  const std::string reservation =
      R"({"id":"res-1","start":"10.0.0.5","end":"10.0.0.9","reason":"DHCP","tags":[]})";
  check({{"address", "show", "10.0.0.5"},
         {{200, R"({"ip":"10.0.0.5","status":"reserved","reservation":)" + reservation + "}"}},
         {"GET /api/v1/addresses/10.0.0.5"},
         "IP: 10.0.0.5\nStatus: reserved\nReservation: res-1 (10.0.0.5 - 10.0.0.9) DHCP\n"});
  check({{"search", "dhcp"},
         {{200, R"({"results":[{"type":"reservation","reservation":)" + reservation +
                    R"(}],"next_cursor":null})"}},
         {"GET /api/v1/search?q=dhcp&limit=100"},
         "Type         ID     Address              Hostname  Description\n"
         "reservation  res-1  10.0.0.5 - 10.0.0.9            DHCP\n"});
  check({{"address", "show", "192.168.1.1", "--vrf", "blue", "--output", "json"}, {{200, "{}"}},
         {"GET /api/v1/addresses/192.168.1.1?vrf=blue"}, "{}\n"});
  check({{"list", "--within", "10.0.0.0/8", "-q", "a b", "--output", "json"}, {{200, "[]"}},
         {"GET /api/v1/allocations?within=10.0.0.0%2F8&q=a%20b"}, "[]\n"});
}

TEST_CASE("allocate reports what the server refuses") {
  const std::string request = R"(POST /api/v1/allocations {"network_id":"net-1"})";
  for (const std::string reason : {"network not found", "no available IP addresses in 10.0.0.0/24"})
    check_failure({{"allocate", "-n", "net-1"}, {{409, R"({"error":")" + reason + R"("})"}},
                   {request}, reason}, 1);
}

TEST_CASE("wrong usage of allocate never reaches a server") {
  const std::pair<std::vector<std::string>, std::string> rows[] = {
      {{}, "'ipam allocate' needs --network-id or --cidr"},
      {{"-n", "net-1", "-c", "10.0.0.0/8"}, "--network-id and --cidr do not go together"},
      {{"-n", "net-1", "-k", "0"}, "count must be at least 1"},
      {{"-n", "net-1", "-k", "-1"}, "count must be at least 1"},
      {{"-n", "net-1", "--count=-99999999999999999999"}, "count must be at least 1"},
      {{"-n", "net-1", "-k", "x"},
       "--count must be a whole number from 1 to 9007199254740992, not 'x'"},
      {{"-n", "net-1", "-k", ""},
       "--count must be a whole number from 1 to 9007199254740992, not ''"},
      {{"-n", "net-1", "-T", "0"},
       "--ttl must be a whole number from 1 to 9007199254740992, not '0'"},
      {{"-n", ""}, "--network-id must not be empty"},
      {{"-c", ""}, "--cidr must not be empty"},
      {{"-n", "net-1", "extra"},
       "unexpected argument 'extra' for 'ipam allocate' (see 'ipam allocate --help')"},
  };
  for (auto [args, message] : rows) {
    args.insert(args.begin(), "allocate");
    check_failure({args, {}, {}, message}, 2);
  }
}

TEST_CASE("release finds the allocation by its address") {
  const std::string find = "GET /api/v1/allocations?ip=192.168.1.1";
  const std::string post = "POST /api/v1/allocations/alloc-7/release";
  check({{"release", "192.168.1.1"}, {{200, "[" + allocation + "]"}, {204, ""}}, {find, post},
         "IP released successfully\nIP: 192.168.1.1\nID: alloc-7\n"});
  check({{"release", "192.168.1.1", "--fence", "7"}, {{200, "[" + allocation + "]"}, {204, ""}},
         {find, post + R"( {"fence":7})"},
         "IP released successfully\nIP: 192.168.1.1\nID: alloc-7\n"});
  check({{"release", "192.168.1.1", "--output", "json"},
         {{200, "[" + allocation + "]"}, {204, ""}}, {find, post}, ""});
  check({{"release", "192.168.1.1", "-n", "net-1"}, {{200, "[" + allocation + "]"}, {204, ""}},
         {find + "&network_id=net-1", post},
         "IP released successfully\nIP: 192.168.1.1\nID: alloc-7\n"});
  check({{"release", "192.168.1.1"}, {{200, "[" + block + "]"}, {204, ""}},
         {find, "POST /api/v1/allocations/alloc-8/release"},
         "IP released successfully\nIP range: 192.168.1.1 - 192.168.1.5\nID: alloc-8\n"});
}

TEST_CASE("release refuses what is not held, held twice, or inside a block") {
  const std::string find = "GET /api/v1/allocations?ip=192.168.1.1";
  check_failure({{"release", "192.168.1.1"}, {{200, "[]"}}, {find},
                 "no active allocation holds IP 192.168.1.1"}, 1);
  std::string other = allocation;
  other.replace(other.find("net-1"), 5, "net-2");
  check_failure({{"release", "192.168.1.1"}, {{200, "[" + allocation + "," + other + "]"}}, {find},
                 "IP 192.168.1.1 is allocated in several networks (net-1, net-2): name one with "
                 "-n"}, 1);
  check_failure({{"release", "192.168.1.3"}, {{200, "[" + block + "]"}},
                 {"GET /api/v1/allocations?ip=192.168.1.3"},
                 "IP 192.168.1.3 is inside the block 192.168.1.1 - 192.168.1.5 (alloc-8): release "
                 "its first address 192.168.1.1, which releases the whole block"}, 1);
  check_failure({{"release", "not-an-ip"}, {}, {}, "invalid IP address 'not-an-ip'"}, 1);
  check_failure({{"release", "192.168.1.1", "-n", ""}, {}, {},
                 "--network-id must not be empty"}, 2);
  check_failure({{"release"}, {}, {}, "'ipam release' needs IP (see 'ipam release --help')"}, 2);
  // Records that do not hold it, should the server not know the filter, are never released.
  std::string released = allocation;
  released.replace(released.find("\"allocated\""), 11, "\"released\"");
  check_failure({{"release", "192.168.1.9"}, {{200, "[" + allocation + "," + block + "]"}},
                 {"GET /api/v1/allocations?ip=192.168.1.9"},
                 "no active allocation holds IP 192.168.1.9"}, 1);
  check_failure({{"release", "192.168.1.1"}, {{200, "[" + released + "]"}}, {find},
                 "no active allocation holds IP 192.168.1.1"}, 1);
}

TEST_CASE("release asks with the canonical address") {
  check_failure({{"release", "2001:DB8:0::1"}, {{200, "[]"}},
                 {"GET /api/v1/allocations?ip=2001%3Adb8%3A%3A1"},
                 "no active allocation holds IP 2001:db8::1"}, 1);
}

TEST_CASE("list") {
  const std::string body = "[" + allocation + "," + block + "]";
  check({{"list"}, {{200, body}}, {"GET /api/v1/allocations"},
         "ID       IP                         Network  Hostname  Status     Expires\n"
         "alloc-7  192.168.1.1                net-1    web-01    allocated  "
         "2024-01-15T11:35:00Z\n"
         "alloc-8  192.168.1.1 - 192.168.1.5  net-1              allocated\n"});
  check({{"list", "--output", "json"}, {{200, body}}, {"GET /api/v1/allocations"}, body + "\n"});
  check({{"list", "-n", "net-1", "-a", "--output", "csv"}, {{200, body}},
         {"GET /api/v1/allocations?network_id=net-1&all=true"},
         allocation_csv_header +
             "alloc-7,192.168.1.1,,net-1,web-01,allocated,2024-01-15T11:35:00Z,,,"
             "2024-01-15T10:35:00Z,\r\n"
             "alloc-8,192.168.1.1,192.168.1.5,net-1,,allocated,,,,2024-01-15T10:35:00Z,\r\n"});
  check({{"list", "--all", "--network-id", "net-2"}, {{200, "[]"}},
         {"GET /api/v1/allocations?network_id=net-2&all=true"}, "No allocations found\n"});
  check({{"list", "--output", "json"}, {{200, "[]"}}, {"GET /api/v1/allocations"}, "[]\n"});
  check({{"list", "--output", "csv"}, {{200, "[]"}}, {"GET /api/v1/allocations"},
         allocation_csv_header});
}

TEST_CASE("stats") {
  const std::string one = R"({"network_id":"net-1",)" + stats_fields;
  const std::string all = R"([{"network_id":"net-1","cidr":"192.168.1.0/24",)" + stats_fields + "]";
  const std::string table =
      "Network         Total IPs  Allocated  Available  Reserved  Utilization\n"
      "192.168.1.0/24        254         45        209         0        17.7%\n";
  const std::string csv =
      "Network,Total IPs,Allocated,Available,Reserved,Utilization,Network ID\r\n"
      "192.168.1.0/24,254,45,209,0,17.7%,net-1\r\n";
  check({{"stats"}, {{200, all}}, {"GET /api/v1/stats"}, table});
  check({{"stats", "--output", "json"}, {{200, all}}, {"GET /api/v1/stats"}, all + "\n"});
  check({{"stats", "--output", "csv"}, {{200, all}}, {"GET /api/v1/stats"}, csv});
  check({{"stats"}, {{200, "[]"}}, {"GET /api/v1/stats"}, "No networks found\n"});
  const std::vector<std::string> requests = {"GET /api/v1/networks/net-1/stats",
                                             "GET /api/v1/networks/net-1"};
  check({{"stats", "-n", "net-1"}, {{200, one}, {200, network}}, requests, table});
  check({{"stats", "--network-id", "net-1", "--output", "csv"}, {{200, one}, {200, network}},
         requests, csv});
  check({{"stats", "-n", "net-1", "--output", "json"}, {{200, one}},
         {"GET /api/v1/networks/net-1/stats"}, one + "\n"});
  check_failure({{"stats", "-n", "net-9"}, {{404, R"({"error":"network not found"})"}},
                 {"GET /api/v1/networks/net-9/stats"}, "network not found"}, 1);
  check_failure({{"stats", "-n", ""}, {}, {}, "--network-id must not be empty"}, 2);
}

TEST_CASE("stats shows counts over 2^53 and whole percentages") {
  World world;
  world.answer(200, R"([{"network_id":"net-1","cidr":"::/64","total_ips":"18446744073709551615",)"
                    R"("allocated_ips":0,"available_ips":"18446744073709551615","reserved_ips":0,)"
                    R"("utilization_percent":0}])");
  CHECK(world.run({"stats"}) == 0);
  CHECK(world.out.find("::/64    18446744073709551615") != std::string::npos);
  CHECK(world.out.find(" 0.0%\n") != std::string::npos);
}

TEST_CASE("watch") {
  const std::string entry =
      R"({"id":"audit-9","timestamp":"2024-01-15T10:30:00Z","action":"network_created",)"
      R"("resource":"net-1","details":"Created network 10.0.0.0/8","user":"system","revision":7})";
  const std::string event = R"({"revision":7,"changes":[{"type":"network_put","network":{}},)"
                            R"({"type":"audit","entry":)" + entry + "}]}";
  const std::string body = "retry: 1000\nid: 4\n\nid: 7\ndata: " + event + "\n\n: still here\n\n" +
                           "id: 8\ndata: " + event + "\n\n";
  const std::string line = "7         2024-01-15T10:30:00Z  network_created   net-1       Created "
                           "network 10.0.0.0/8 (system)\n";
  check({{"watch", "--count", "1"}, {{200, body}}, {"GET /api/v1/watch"}, line});
  check({{"watch", "--count", "2", "--since", "4", "--output", "json"}, {{200, body}},
         {"GET /api/v1/watch?since=4"}, event + "\n" + event + "\n"});
  const std::string row = "7,2024-01-15T10:30:00Z,network_created,net-1,Created network "
                          "10.0.0.0/8,system\r\n";
  check({{"watch", "--count", "2", "--output", "csv"}, {{200, body}}, {"GET /api/v1/watch"},
         "Revision,Time,Action,Resource,Details,User\r\n" + row + row});
  World world;
  world.answer(200, body);
  CHECK(world.run({"watch"}) == 1);
  CHECK(world.out == line + line);
  CHECK(world.err ==
        "Error: the server ended the watch (go on with: ipam watch --since 8)\n");
  world.answer(200, "id: 4\n\nevent: error\ndata: {\"detail\":\"too slow\"}\n\n");
  CHECK(world.run({"watch"}) == 1);
  CHECK(world.err == "Error: too slow (go on with: ipam watch --since 4)\n");
  world.answer_problem(410, "compacted");
  CHECK(world.run({"watch", "--since", "1"}) == 1);
  CHECK(world.err == "Error: compacted\n");
  check_failure({{"watch", "--since", "x"}, {}, {},
                 "--since must be a whole number from 0 to 18446744073709551615, not 'x'"}, 2);
}

TEST_CASE("audit verify says what is damaged, and exits with 1") {
  const std::string good = R"({"intact":true,"problem":null,"entries":9,"rows":20,"hash":"ab"})";
  check({{"audit", "verify"}, {{200, good}}, {"GET /api/v1/audit/verify"},
         "Intact\nAudit entries: 9\nRows: 20\nHash of the last entry: ab\n"});
  check({{"audit", "verify", "--output", "json"}, {{200, good}}, {"GET /api/v1/audit/verify"},
         good + "\n"});
  const std::string bad =
      R"({"intact":false,"problem":"audit-9 is missing","entries":0,"rows":0,"hash":"00"})";
  World world;
  world.answer(200, bad);
  CHECK(world.run({"audit", "verify"}) == 1);
  CHECK(world.err == "Error: state.db is not what was written: audit-9 is missing\n");
}

TEST_CASE("audit") {
  const std::string body =
      R"([{"id":"audit-9","timestamp":"2024-01-15T10:30:00Z","action":"network_created",)"
      R"("resource":"net-123","details":"Created network 192.168.1.0/24","user":"system"}])";
  check({{"audit"}, {{200, body}}, {"GET /api/v1/audit?limit=100"},
         "Time                  Action           Resource  Details                  User\n"
         "2024-01-15T10:30:00Z  network_created  net-123   Created network 192.16…  system\n"});
  check({{"audit", "--limit", "5", "--output", "json"}, {{200, body}},
         {"GET /api/v1/audit?limit=5"}, body + "\n"});
  check({{"audit", "--resource", "net-1", "--since", "2024-01-15T00:00:00Z"}, {{200, "[]"}},
         {"GET /api/v1/audit?limit=100&resource=net-1&since=2024-01-15T00%3A00%3A00Z"},
         "No audit entries found\n"});
  check({{"audit", "--output", "csv"}, {{200, body}}, {"GET /api/v1/audit?limit=100"},
         "ID,Time,Action,Resource,Details,User\r\n"
         "audit-9,2024-01-15T10:30:00Z,network_created,net-123,Created network 192.168.1.0/24,"
         "system\r\n"});
  check({{"audit"}, {{200, "[]"}}, {"GET /api/v1/audit?limit=100"}, "No audit entries found\n"});
  for (const std::string bad : {"0", "-1", "x", ""})
    check_failure({{"audit", "--limit", bad}, {}, {},
                   "--limit must be a whole number from 1 to 1000000000, not '" + bad + "'"}, 2);
}

TEST_CASE("cluster status") {
  const std::string body =
      R"({"node_id":1,"cluster_id":100,"role":"leader","raft_state":"StateLeader",)"
      R"("has_leader":true,"leader_id":1,"term":1,"commit_index":42,"applied_index":42,)"
      R"("digest":"0123456789abcdef","last_log_index":42,)"
      R"("snapshot_index":0,"members":[)"
      R"({"node_id":1,"addr":"n1:5001","role":"leader","voter":true,"match_index":42,"lag":0,)"
      R"("last_heard_ms":0},{"node_id":2,"addr":"n2:5002","role":"follower","voter":false,)"
      R"("match_index":null,"lag":null,"last_heard_ms":null}]})";
  const std::vector<std::string> args = {"cluster", "status", "--server", "h:1"};
  const std::vector<std::string> requests = {"GET /api/v1/cluster/status"};
  const auto with = [&args](const std::string& format) {
    std::vector<std::string> more = args;
    more.insert(more.end(), {"--output", format});
    return more;
  };
  check({args, {{200, body}}, requests,
         "Node:           1\nCluster:        100\nRole:           leader\n"
         "Raft state:     StateLeader\nLeader:         1\nTerm:           1\n"
         "Commit index:   42\nApplied index:  42\n"
         "Digest:         0123456789abcdef\nLast log index: 42\nSnapshot index: 0\n\n"
         "Node  Address  Role      Voter  Match  Lag  Last heard\n"
         "1     n1:5001  leader    yes       42    0    0 ms ago\n"
         "2     n2:5002  follower  no         -    -           -\n"});
  check({with("json"), {{200, body}}, requests, body + "\n"});
  check({with("csv"), {{200, body}}, requests,
         "Node,Address,Role,Voter,Match,Lag,Last heard ms\r\n"
         "1,n1:5001,leader,yes,42,0,0\r\n2,n2:5002,follower,no,,,\r\n"});
  check_failure({args, {{404, R"({"error":"not in cluster mode"})"}}, requests,
                 "not in cluster mode"}, 1);
  World world;
  world.answer(200, R"({"node_id":2,"leader_id":0})");
  CHECK(world.run(args) == 0);
  CHECK(world.out.find("Leader:         none\n") != std::string::npos);
}

TEST_CASE("cluster set-address") {
  const std::string move = R"(PATCH /api/v1/cluster/nodes/3 {"addr":"n3.example:5003"})";
  check({{"cluster", "set-address", "3", "n3.example:5003", "--server", "h:1"}, {{204, ""}}, {move},
         "Node 3 is at n3.example:5003 now\n"});
  check_failure({{"cluster", "set-address", "3", "n3.example:5003", "--server", "h:1"},
                 {{404, R"({"error":"node 3 is not a member of the cluster"})"}}, {move},
                 "node 3 is not a member of the cluster"}, 1);
  check_failure({{"cluster", "set-address", "3", "n3"}, {}, {},
                 "ADDR 'n3' has no port: it must be host:port"}, 2);
}

TEST_CASE("cluster add-node, remove-node and transfer-leader") {
  const std::string add = R"(POST /api/v1/cluster/nodes {"node_id":4,"addr":"n4:5004"})";
  check({{"cluster", "add-node", "4", "n4:5004", "--server", "h:1"}, {{204, ""}}, {add},
         "Node 4 added successfully\n"});
  check({{"cluster", "add-node", "4", "n4:5004", "--server", "h:1", "--output", "json"},
         {{204, ""}}, {add}, ""});
  check_failure({{"cluster", "add-node", "4", "n4:5004", "--server", "h:1"},
                 {{503, R"({"error":"no leader"})"}}, {add}, "no leader"}, 1);
  check({{"cluster", "remove-node", "4", "--server", "h:1"}, {{204, ""}},
         {"DELETE /api/v1/cluster/nodes/4"}, "Node 4 removed successfully\n"});
  check_failure({{"cluster", "remove-node", "4", "--server", "h:1"},
                 {{409, R"({"error":"would lose the quorum"})"}},
                 {"DELETE /api/v1/cluster/nodes/4"}, "would lose the quorum"}, 1);
  check({{"cluster", "transfer-leader", "--node-id", "2", "--server", "h:1"},
         {{204, ""}, {200, R"({"leader_id":2})"}},
         {R"(POST /api/v1/cluster/transfer-leader {"node_id":2})", "GET /api/v1/cluster/status"},
         "Node 2 leads now\n"});
  check_failure({{"cluster", "transfer-leader", "--server", "h:1"},
                 {{409, R"({"error":"the leader hears of no other"})"}},
                 {"POST /api/v1/cluster/transfer-leader"}, "the leader hears of no other"}, 1);
  check_failure({{"cluster", "transfer-leader", "--node-id", "x"}, {}, {},
                 "--node-id must be a whole number from 1 to 9223372036854775807, not 'x'"}, 2);
  const std::string range = "ID must be a whole number from 1 to 9223372036854775807, not ";
  for (const std::string id : {"0", "x", "9223372036854775808"}) {
    check_failure({{"cluster", "add-node", id, "n:1"}, {}, {}, range + "'" + id + "'"}, 2);
    check_failure({{"cluster", "remove-node", id}, {}, {}, range + "'" + id + "'"}, 2);
  }
  check_failure({{"cluster", "add-node", "4", "n4"}, {}, {},
                 "ADDR 'n4' has no port: it must be host:port"}, 2);
  check_failure({{"cluster", "add-node", "4"}, {}, {},
                 "'ipam cluster add-node' needs ADDR (see 'ipam cluster add-node --help')"}, 2);
}

TEST_CASE("cluster snapshot") {
  const std::string body = R"({"durable_index":42,"snapshot_index":40})";
  check({{"cluster", "snapshot", "--server", "h:1"}, {{200, body}},
         {"POST /api/v1/cluster/snapshot"}, "Durable index: 42\nLog begins after: 40\n"});
  check({{"cluster", "snapshot", "--server", "h:1", "--output", "json"}, {{200, body}},
         {"POST /api/v1/cluster/snapshot"}, body + "\n"});
}

TEST_CASE("tables fit a terminal of 80 columns") {
  World world;
  std::string wide = network;
  wide.replace(wide.find("Office, main"), 12, std::string(200, 'd'));
  world.answer(200, "[" + wide + "]");
  CHECK(world.run({"network", "list"}) == 0);
  std::istringstream lines(world.out);
  for (std::string line; std::getline(lines, line);)
    CHECK(line.size() <= 80 + 2 * 2);  // bytes: "…" has three
  world.answer(200, "[" + wide + "]");
  CHECK(world.run({"network", "list"}, 0) == 0);
  CHECK(world.out.find(std::string(200, 'd')) != std::string::npos);
}
