// Health, metrics and the cluster's members.
#include <fmt/format.h>

#include <limits>

#include "api/handlers.hpp"
#include "api/json.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"

namespace api {

namespace {

constexpr std::uint64_t node_id_max = std::numeric_limits<std::uint64_t>::max();

http::Response render_cluster_status(const NodeStatus& status) {
  if (!status.cluster_mode) return member_change_response(MemberChangeResult::not_a_cluster, 0);
  std::string body;
  JsonWriter json(body);
  write_cluster_status(json, status);
  return json_response(200, std::move(body));
}

ChangeMembers change_members(MemberAction action, std::uint64_t node_id, std::string address) {
  return {action, node_id, std::move(address),
          [node_id](MemberChangeResult result) { return member_change_response(result, node_id); }};
}

// Of the Raft port; complains where it is missing or none.
std::optional<std::string> node_address(Fields& fields) {
  const auto address = fields.unchecked_text("addr");
  if (!address) {
    fields.complain(Problem::invalid_field, "addr is required");
    return std::nullopt;
  }
  if (const auto complaint = check_host_and_port("addr", *address))
    fields.complain(Problem::invalid_field, *complaint);
  return std::string(*address);
}

std::optional<std::uint64_t> node_of(const Call& call) {
  const auto node_id = parse_whole_number(call.id);
  return node_id && *node_id != 0 ? node_id : std::nullopt;
}

http::Response no_such_node(const Call& call) {
  return problem(Problem::not_a_member,
                 fmt::format("node not found: {}", call.id.substr(0, quoted_bytes_max)));
}

}  // namespace

Body get_health(const Call&) { return ReadStatus{health_response}; }

// Whoever gets an answer knows that the process answers: a supervisor must not restart a node that
// merely has no leader.
Body get_liveness(const Call&) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.text("status", "alive");
  json.end_object();
  return Answer{json_response(200, std::move(body))};
}

Body get_metrics(const Call&) { return ReadMetrics{}; }

Body get_cluster_status(const Call&) { return ReadStatus{render_cluster_status}; }

Body add_node(const Call& call) {
  auto fields = Fields::read(call, {"node_id", "addr"});
  if (!fields) return Answer{std::move(fields.error())};
  const auto node_id = fields->whole_number("node_id", node_id_max);
  if (!node_id) fields->complain(Problem::invalid_field, "node_id is required");
  const auto address = node_address(*fields);
  if (fields->problem()) return Answer{*fields->problem()};
  return change_members(MemberAction::add, *node_id, *address);
}

Body remove_node(const Call& call) {
  const auto node_id = node_of(call);
  if (!node_id) return Answer{no_such_node(call)};
  return change_members(MemberAction::remove, *node_id, {});
}

Body move_node(const Call& call) {
  const auto node_id = node_of(call);
  if (!node_id) return Answer{no_such_node(call)};
  auto fields = Fields::read(call, {"addr"});
  if (!fields) return Answer{std::move(fields.error())};
  const auto address = node_address(*fields);
  if (fields->problem()) return Answer{*fields->problem()};
  return change_members(MemberAction::move, *node_id, *address);
}

Body transfer_leader(const Call& call) {
  auto fields = Fields::read_or_empty(call, {"node_id"});
  if (!fields) return Answer{std::move(fields.error())};
  const auto node_id = fields->whole_number("node_id", node_id_max);
  if (fields->problem()) return Answer{*fields->problem()};
  return change_members(MemberAction::lead, node_id.value_or(0), {});
}

}  // namespace api
