// The handlers behind the route table of route.cpp: each turns one checked request into what is to
// be done. Plain functions, pure.
#pragma once

#include <boost/json/fwd.hpp>
#include <string_view>

#include "api/action.hpp"
#include "api/query.hpp"
#include "api/text.hpp"
#include "http/message.hpp"

namespace api {

class Fields;

// Lives during one call of route(): a renderer that outlives it copies what it needs.
struct Call {
  const http::Request& request;
  std::string_view id;  // what stands for {id} in the path; never empty where there is one
  const Query& query;
  Consistency consistency = Consistency::linearizable;
  const Caller& caller;
  std::string_view inner_id = {};  // what stands for the second placeholder, where there is one
  // In place of the request's body, where that has been parsed; whoever reads it takes it.
  boost::json::object* object = nullptr;
};

using Handler = Body(const Call&);

// networks.cpp
Body list_networks(const Call& call);
Body create_network(const Call& call);
Body get_network(const Call& call);
Body delete_network(const Call& call);
Body update_network(const Call& call);
Body get_network_stats(const Call& call);
Body list_stats(const Call& call);

// subnets.cpp
Body list_children(const Call& call);
Body list_free_blocks(const Call& call);
Body carve_networks(const Call& call);

// reservations.cpp
Body list_reservations(const Call& call);
Body create_reservation(const Call& call);
Body get_reservation(const Call& call);
Body update_reservation(const Call& call);
Body delete_reservation(const Call& call);
// reshape.cpp
Body split_network(const Call& call);
Body merge_networks(const Call& call);

// vrfs.cpp
Body list_vrfs(const Call& call);
Body create_vrf(const Call& call);
Body get_vrf(const Call& call);
Body update_vrf(const Call& call);
Body delete_vrf(const Call& call);

// tokens.cpp
Body list_tokens(const Call& call);
Body create_token(const Call& call);
Body get_token(const Call& call);
Body revoke_token(const Call& call);

// allocations.cpp, create_allocation.cpp, change_allocation.cpp
Body list_allocations(const Call& call);
Body create_allocation(const Call& call);
Body get_allocation(const Call& call);
Body update_allocation(const Call& call);
Body renew_allocation(const Call& call);
Body release_allocation(const Call& call);

// addresses.cpp, search.cpp
Body get_address(const Call& call);
Body search(const Call& call);

// transactions.cpp
Body create_transaction(const Call& call);

// import.cpp, export.cpp
Body import_rows(const Call& call);
Body export_rows(const Call& call);

// audit.cpp
Body list_audit(const Call& call);
Body verify_audit(const Call& call);

// watch.cpp
Body watch(const Call& call);

// system.cpp
Body get_health(const Call& call);
Body get_liveness(const Call& call);
Body get_metrics(const Call& call);
Body get_cluster_status(const Call& call);
Body add_node(const Call& call);
Body remove_node(const Call& call);
Body move_node(const Call& call);
Body transfer_leader(const Call& call);

// backup.cpp
Body create_backup(const Call& call);
Body create_snapshot(const Call& call);

// openapi.cpp
Body get_openapi(const Call& call);

// The write, or with dry_run what it would give: 200 in place of 201, and no Location.
Body write_or_dry_run(bool dry_run, Write write);

// What several handlers say.
http::Response vrf_not_found(const ipam::VrfReference& vrf);  // 404 "VRF not found: …"
http::Response network_not_found(std::string_view id);     // 404 "network not found: …"
http::Response allocation_not_found(std::string_view id);  // 404 "allocation not found: …"
http::Response invalid_cidr(std::string_view detail);      // 400
// 201 with the one network, or with an array of them.
http::Response render_created_network(const ipam::Outcome& outcome);
http::Response render_created_networks(const ipam::Outcome& outcome);

inline constexpr std::uint64_t prefix_length_max = 128;

// The seconds of "ttl" or "ttl_hours"; create_allocation.cpp.
std::optional<std::uint64_t> read_ttl(Fields& fields);

// An address, or how one is chosen; create_allocation.cpp.
std::optional<ipam::Address> read_address(Fields& fields, std::string_view name);
std::optional<ipam::Strategy> read_strategy(Fields& fields);

// A VRF that a client named, by its id or by its name.
ipam::VrfReference parse_vrf(std::string_view text);
// A CIDR that a client sent; the error is the sentence of ipam::parse_prefix.
base::Result<ipam::Prefix, std::string> parse_cidr(std::string_view text);

}  // namespace api
