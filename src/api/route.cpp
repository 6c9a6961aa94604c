// The route table, and what holds for every route: 404, 405 with Allow, HEAD, OPTIONS, query
// parameters, X-Ipam-Min-Revision.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "api/conditions.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"
#include "api/route_table.hpp"
#include "ipam/digest.hpp"

namespace api {

namespace {

using http::Method;

constexpr std::string_view api_prefix = "/api/v1";

Body get_index(const Call&);

constexpr Route routes[] = {
    {Method::get, "", get_index},
    {Method::get, "/openapi.json", get_openapi},
    {Method::get, "/vrfs", list_vrfs, true, {"limit", "cursor", "sort"}},
    {Method::post, "/vrfs", create_vrf},
    {Method::get, "/vrfs/{id}", get_vrf, true},
    {Method::patch, "/vrfs/{id}", update_vrf},
    {Method::delete_, "/vrfs/{id}", delete_vrf},
    {Method::get,
     "/networks",
     list_networks,
     true,
     {"vrf", "cidr", "within", "contains", "family", "tag", "status", "q", "limit", "cursor",
      "sort", "at"}},
    {Method::post, "/networks", create_network},
    {Method::get, "/networks/{id}", get_network, true, {"at"}},
    {Method::patch, "/networks/{id}", update_network},
    {Method::delete_, "/networks/{id}", delete_network},
    {Method::get, "/networks/{id}/children", list_children, true, {"limit", "cursor", "at"}},
    {Method::get, "/networks/{id}/free", list_free_blocks, true, {"prefix_length", "limit"}},
    {Method::post, "/networks/{id}/subnets", carve_networks},
    {Method::get, "/networks/{id}/reservations", list_reservations, true},
    {Method::post, "/networks/{id}/reservations", create_reservation},
    {Method::get, "/networks/{id}/reservations/{reservation_id}", get_reservation, true},
    {Method::patch, "/networks/{id}/reservations/{reservation_id}", update_reservation},
    {Method::delete_, "/networks/{id}/reservations/{reservation_id}", delete_reservation},
    {Method::post, "/networks/{id}/split", split_network},
    {Method::post, "/networks/merge", merge_networks},
    {Method::get, "/networks/{id}/stats", get_network_stats, true},
    {Method::get, "/stats", list_stats, true},
    {Method::get, "/allocations", list_allocations, true,
     {"network_id", "all", "ip", "hostname", "owner", "tag", "status", "within", "q",
      "limit", "cursor", "sort", "at"}},
    {Method::post, "/allocations", create_allocation},
    {Method::get, "/allocations/{id}", get_allocation, true, {"at"}},
    {Method::patch, "/allocations/{id}", update_allocation},
    {Method::post, "/allocations/{id}/renew", renew_allocation},
    {Method::post, "/allocations/{id}/release", release_allocation},
    {Method::post, "/transactions", create_transaction},
    {Method::get, "/addresses/{id}", get_address, true, {"limit", "vrf", "at"}},
    {Method::get, "/search", search, true, {"q", "limit", "cursor"}},
    {Method::post, "/import", import_rows, false, {"format", "on_conflict", "dry_run"}},
    {Method::get, "/export", export_rows, true,
     {"format", "vrf", "network_id", "within", "zone", "name_server"}},
    {Method::get, "/audit", list_audit, true,
     {"limit", "cursor", "resource", "actor", "action", "since", "until"}},
    {Method::get, "/audit/verify", verify_audit, true},
    {Method::get, "/watch", watch, true, {"since"}},
    {Method::get, "/metrics", get_metrics},
    {Method::get, "/health", get_health},
    {Method::get, "/health/live", get_liveness},
    {Method::get, "/health/ready", get_health},
    {Method::get, "/cluster/status", get_cluster_status},
    {Method::post, "/cluster/nodes", add_node},
    {Method::delete_, "/cluster/nodes/{id}", remove_node},
    {Method::post, "/cluster/transfer-leader", transfer_leader},
    {Method::post, "/cluster/backup", create_backup, true},
    {Method::post, "/cluster/snapshot", create_snapshot},
};

Body get_index(const Call&) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.text("service", "ipam");
  json.text("version", IPAM_VERSION);
  json.key("routes");
  json.begin_array();
  for (const Route& route : routes)
    json.text(fmt::format("{} {}{}", http::to_string(route.method), api_prefix, route.pattern));
  json.end_array();
  json.end_object();
  return Answer{json_response(200, std::move(body))};
}

// What stands for the placeholders of a pattern, "" where it has none.
struct Placeholders {
  std::string_view id;
  std::string_view inner_id;
};

// Up to the next slash, which goes with it.
std::string_view take_segment(std::string_view& path) {
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(std::min(segment.size() + 1, path.size()));
  return segment;
}

// nullopt where the path does not match.
std::optional<Placeholders> match(std::string_view pattern, std::string_view path) {
  Placeholders found;
  // As many slashes in both: so the segments go in pairs.
  if (std::ranges::count(pattern, '/') != std::ranges::count(path, '/')) return std::nullopt;
  while (!pattern.empty() || !path.empty()) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view given = take_segment(path);
    if (!wanted.starts_with('{')) {
      if (wanted != given) return std::nullopt;
      continue;
    }
    if (given.empty()) return std::nullopt;
    (found.id.empty() ? found.id : found.inner_id) = given;
  }
  return found;
}

// The path below /api/v1; nullopt where it is elsewhere.
std::optional<std::string_view> below_prefix(std::string_view path) {
  if (path == "/" || path == "/api/v1/") return "";
  if (path == "/metrics") return path;  // where Prometheus looks when nobody tells it otherwise
  if (!path.starts_with(api_prefix)) return std::nullopt;
  return path.substr(api_prefix.size());
}

// "GET, HEAD, POST, OPTIONS"; empty where no route has this path.
std::string allowed_methods(std::string_view path) {
  std::string allowed;
  for (const Route& route : routes)
    if (match(route.pattern, path)) {
      allowed += http::to_string(route.method);
      allowed += route.method == Method::get ? ", HEAD, " : ", ";
    }
  return allowed.empty() ? allowed : allowed + "OPTIONS";
}

http::Response no_such_route(const http::Request& request) {
  std::string hint = "GET /api/v1 lists the routes";
  std::string_view path = request.path;
  if (const auto below = below_prefix(path)) {
    if (below->ends_with('/') && !allowed_methods(below->substr(0, below->size() - 1)).empty())
      hint = "leave out the slash at its end";
  } else if (!allowed_methods(path).empty()) {
    hint = fmt::format("did you mean {}?", quoted(fmt::format("{}{}", api_prefix, path)));
  }
  return problem(Problem::not_found, fmt::format("no such route: {}; {}", quoted(path), hint));
}

http::Response answer_without_route(const http::Request& request, std::string_view path) {
  const std::string allowed = allowed_methods(path);
  if (allowed.empty()) return no_such_route(request);
  http::Response response;
  if (request.method == Method::options)
    response = no_content();
  else if (request.method == Method::other)
    response = problem(Problem::not_implemented,
                       "this server does not know the method; it allows " + allowed + " here");
  else
    response = problem(Problem::method_not_allowed,
                       fmt::format("{} is not allowed here; allowed: {}",
                                   http::to_string(request.method), allowed));
  response.headers.push_back({"Allow", allowed});
  return response;
}

// OPTIONS *: of the server as a whole (RFC 9110 §9.3.7).
http::Response server_options() {
  http::Response response = no_content();
  response.headers.push_back({"Allow", "GET, HEAD, POST, PATCH, DELETE, OPTIONS"});
  return response;
}

base::Result<std::uint64_t, http::Response> min_revision(const http::Request& request) {
  const std::string* header = request.header("X-Ipam-Min-Revision");
  if (!header) return std::uint64_t{0};
  if (const auto revision = parse_whole_number(*header)) return *revision;
  return base::fail(
      problem(Problem::invalid_header,
              fmt::format("X-Ipam-Min-Revision must be a whole number, not {}", quoted(*header))));
}

// Of what the client asked for: method, path, query and body, and If-Match where it is there.
std::uint64_t hash_of(const http::Request& request) {
  ipam::Digest digest;
  digest.add(http::to_string(request.method));
  digest.add(std::string_view(request.path));
  digest.add(std::string_view(request.query));
  digest.add(std::string_view(request.body));
  if (const auto condition = combined_header(request, "If-Match"))
    digest.add(std::string_view(*condition));
  return digest.value();
}

bool is_printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// Gives a write the key that its request came with.
Body with_idempotency_key(const http::Request& request, Body body) {
  auto* const write = std::get_if<Write>(&body);
  const std::string* const key = request.header("Idempotency-Key");
  if (!write || !key) return body;
  if (key->empty() || key->size() > ipam::idempotency_key_bytes_max || !is_printable_ascii(*key))
    return Answer{problem(Problem::invalid_header,
                          fmt::format("Idempotency-Key must be 1 to {} printable ASCII characters",
                                      ipam::idempotency_key_bytes_max))};
  write->command.idempotency = {*key, hash_of(request),
                                ipam::idempotency_seconds_default};
  return body;
}

Body call_handler(const Route& route, const http::Request& request,
                  const Placeholders& placeholders) {
  std::array<std::string_view, std::tuple_size_v<decltype(route.parameters)> + 1> known;
  std::size_t known_count = 0;
  for (const std::string_view parameter : route.parameters)
    if (!parameter.empty()) known[known_count++] = parameter;
  if (route.reads_data) known[known_count++] = "consistency";
  const auto query = Query::parse(request.query, std::span(known).first(known_count));
  if (!query) return Answer{query.error()};
  const auto consistency = query->consistency();
  if (!consistency) return Answer{consistency.error()};
  const auto conditions = Conditions::read(request);
  if (!conditions) return Answer{conditions.error()};
  Body body =
      route.handler({request, placeholders.id, *query, *consistency, placeholders.inner_id});
  body = route.method == Method::get ? with_conditions(route, *conditions, std::move(body))
                                     : with_precondition(*conditions, std::move(body));
  return with_idempotency_key(request, std::move(body));
}

}  // namespace

std::span<const Route> route_table() { return routes; }

http::Response rendered(const std::function<http::Response(const ipam::Outcome&)>& render,
                        const ipam::Outcome& outcome, bool replayed) {
  http::Response response = render(outcome);
  if (replayed) response.headers.push_back({"Idempotent-Replayed", "true"});
  return response;
}

Action route(const http::Request& request) {
  if (request.path == "*") return {0, Answer{server_options()}};
  const auto path = below_prefix(request.path);
  if (!path) return {0, Answer{no_such_route(request)}};
  const auto revision = min_revision(request);
  if (!revision) return {0, Answer{revision.error()}};
  // The session leaves out the body of an answer to HEAD.
  const Method method = request.method == Method::head ? Method::get : request.method;
  for (const Route& route : routes)
    if (route.method == method)
      if (const auto placeholders = match(route.pattern, *path))
        return {*revision, call_handler(route, request, *placeholders), &route};
  return {0, Answer{answer_without_route(request, *path)}};
}

}  // namespace api
