#include <doctest/doctest.h>

#include <string>

#include "read.hpp"

namespace {

using namespace transfer;

TEST_CASE("a Django fixture: references by number, later ones too, become names") {
  const Read result = read(Format::netbox, R"([
{"model":"ipam.ipaddress","pk":1,"fields":{"address":"10.0.0.5/24","vrf":2,"tenant":5,
 "status":"reserved","dns_name":"web","description":"d","comments":"c","role":""}},
{"model":"ipam.iprange","pk":1,"fields":{"start_address":"10.0.0.10/24",
 "end_address":"10.0.0.19/24","vrf":2,"description":"dhcp","status":"reserved","tenant":5}},
{"model":"ipam.prefix","pk":1,"fields":{"prefix":"10.0.0.0/24","vrf":2,"tenant":5,"role":7,
 "vlan":3,"status":"container","tags":["x"]}},
{"model":"ipam.aggregate","pk":1,"fields":{"prefix":"10.0.0.0/8","rir":1}},
{"model":"ipam.vrf","pk":2,"fields":{"name":"Blue","rd":"65000:1","description":"","tenant":5,
 "import_targets":[1],"export_targets":[],"custom_field_data":{}}},
{"model":"ipam.prefix","pk":2,"fields":{"prefix":"10.0.1.0/24","status":"planned","is_pool":true}},
{"model":"ipam.vlan","pk":3,"fields":{"vid":100,"name":"Data"}},
{"model":"ipam.role","pk":7,"fields":{"name":"Access"}},
{"model":"ipam.rir","pk":1,"fields":{"name":"ARIN"}},
{"model":"tenancy.tenant","pk":5,"fields":{"name":"Initech"}}])");
  REQUIRE_FALSE(result.error);
  REQUIRE(result.rows.size() == 6);
  CHECK(result.rows[0].object == Object(VrfRow{"Blue", "rd 65000:1; tenant Initech"}));
  CHECK(result.rows[1].object ==
        Object(NetworkRow{"", *ipam::parse_prefix("10.0.0.0/8"), "", {}, "container",
                          {{"rir", "ARIN"}}}));
  CHECK(result.rows[2].object ==
        Object(NetworkRow{"Blue", *ipam::parse_prefix("10.0.0.0/24"), "", {"x"}, "container",
                          {{"role", "Access"}, {"tenant", "Initech"}, {"vlan", "Data"}}}));
  CHECK(result.rows[3].object == Object(NetworkRow{"", *ipam::parse_prefix("10.0.1.0/24"), "", {},
                                                   "", {{"status", "planned"}}}));
  CHECK(result.rows[4].object == Object(ReservationRow{"Blue", *ipam::parse_address("10.0.0.10"),
                                                       *ipam::parse_address("10.0.0.19"),
                                                       "dhcp", {},
                                                       {{"status", "reserved"},
                                                        {"tenant", "Initech"}}}));
  const AllocationRow& allocation = std::get<AllocationRow>(result.rows[5].object);
  CHECK(allocation.vrf == "Blue");
  CHECK(allocation.hostname == "web");
  CHECK(allocation.description == "d; c");
  CHECK(allocation.network == *ipam::parse_prefix("10.0.0.0/24"));
  CHECK(allocation.metadata == ipam::Metadata{{"status", "reserved"}, {"tenant", "Initech"}});
  CHECK(result.ignored == std::vector<Ignored>{{"ipam.prefix.is_pool", 1}, {"ipam.rir", 1},
                                               {"ipam.role", 1}, {"ipam.vlan", 1},
                                               {"ipam.vrf.import_targets", 1},
                                               {"tenancy.tenant", 1}});
}

TEST_CASE("answers of the REST API carry what they refer to") {
  const Read result = read(Format::netbox, R"([{"count":1,"next":null,"results":[
{"id":1,"prefix":"10.0.0.0/24","vrf":{"id":2,"name":"Blue"},"tenant":{"name":"Initech"},
 "status":{"value":"active","label":"Active"},"tags":[{"id":1,"name":"prod","slug":"prod"}]}]},
{"results":[{"id":1,"address":"10.0.0.5/24","vrf":null,"status":{"value":"active"},
 "dns_name":"web"},{"id":9,"colour":"red"}]}])");
  REQUIRE_FALSE(result.error);
  REQUIRE(result.rows.size() == 2);
  CHECK(result.rows[0].object ==
        Object(NetworkRow{"Blue", *ipam::parse_prefix("10.0.0.0/24"), "", {"prod"}, "active",
                          {{"tenant", "Initech"}}}));
  CHECK(std::get<AllocationRow>(result.rows[1].object).hostname == "web");
  CHECK(result.ignored == std::vector<Ignored>{{"other", 1}});
}

TEST_CASE("what an answer of the REST API says and has no place here is counted") {
  const Read result = read(Format::netbox, R"({"count":9,"next":"http://n/?offset=1","results":[
{"id":1,"address":"10.0.0.5/24","role":{"value":"vip","label":"VIP"},"custom_fields":{"owner":"x"},
 "comments":"one\r\ntwo"},
{"id":2,"prefix":"10.0.0.0/24","scope_type":"dcim.site","scope_id":7,"scope":{"name":"Berlin"},
 "custom_fields":{}}]})");
  REQUIRE_FALSE(result.error);
  REQUIRE(result.rows.size() == 2);
  const auto& address = std::get<AllocationRow>(result.rows[1].object);
  CHECK(address.metadata == ipam::Metadata{{"role", "vip"}});
  CHECK(address.description == "one\ntwo");
  CHECK(result.ignored ==
        std::vector<Ignored>{{"further pages of the answer (ask for all with limit=0)", 1},
                             {"ipam.ipaddress.custom_fields", 1},
                             {"ipam.prefix.scope", 1},
                             {"ipam.prefix.scope_id", 1}});
}

TEST_CASE("an error names the record and its kind") {
  const Read result = read(Format::netbox, R"([{"model":"ipam.vrf","pk":1,"fields":{"name":"x"}},
{"model":"ipam.prefix","pk":1,"fields":{"prefix":"10.0.0.1/24"}}])");
  REQUIRE(result.error);
  CHECK(result.error->position == 2);
  CHECK(result.error->text.starts_with("ipam.prefix: invalid CIDR 10.0.0.1/24"));
}

}  // namespace
