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

constexpr Access open{std::nullopt, true};
constexpr Access view{ipam::Role::viewer, true};
constexpr Access view_all{ipam::Role::viewer, false};  // of more than some VRFs
constexpr Access edit{ipam::Role::editor, true};
constexpr Access edit_all{ipam::Role::editor, false};
constexpr Access administer{ipam::Role::admin, false};

constexpr Route routes[] = {
    {Method::get, "", get_index, view},
    {Method::get, "/openapi.json", get_openapi, view},
    {Method::get, "/vrfs", list_vrfs, view, true, {"limit", "cursor", "sort"}},
    {Method::post, "/vrfs", create_vrf, edit_all},
    {Method::get, "/vrfs/{id}", get_vrf, view, true},
    {Method::patch, "/vrfs/{id}", update_vrf, edit_all},
    {Method::delete_, "/vrfs/{id}", delete_vrf, edit_all},
    {Method::get,
     "/networks",
     list_networks, view,
     true,
     {"vrf", "cidr", "within", "contains", "family", "tag", "status", "q", "limit", "cursor",
      "sort", "at"}},
    {Method::post, "/networks", create_network, edit},
    {Method::get, "/networks/{id}", get_network, view, true, {"at"}},
    {Method::patch, "/networks/{id}", update_network, edit},
    {Method::delete_, "/networks/{id}", delete_network, edit},
    {Method::get, "/networks/{id}/children", list_children, view, true,
     {"limit", "cursor", "at"}},
    {Method::get, "/networks/{id}/free", list_free_blocks, view, true, {"prefix_length", "limit"}},
    {Method::post, "/networks/{id}/subnets", carve_networks, edit},
    {Method::get, "/networks/{id}/reservations", list_reservations, view, true},
    {Method::post, "/networks/{id}/reservations", create_reservation, edit},
    {Method::get, "/networks/{id}/reservations/{reservation_id}", get_reservation, view, true},
    {Method::patch, "/networks/{id}/reservations/{reservation_id}", update_reservation, edit},
    {Method::delete_, "/networks/{id}/reservations/{reservation_id}", delete_reservation, edit},
    {Method::post, "/networks/{id}/split", split_network, edit},
    {Method::post, "/networks/merge", merge_networks, edit},
    {Method::get, "/networks/{id}/stats", get_network_stats, view, true},
    {Method::get, "/stats", list_stats, view, true},
    {Method::get, "/allocations", list_allocations, view, true,
     {"network_id", "all", "ip", "hostname", "owner", "tag", "status", "within", "q",
      "limit", "cursor", "sort", "at"}},
    {Method::post, "/allocations", create_allocation, edit},
    {Method::get, "/allocations/{id}", get_allocation, view, true, {"at"}},
    {Method::patch, "/allocations/{id}", update_allocation, edit},
    {Method::post, "/allocations/{id}/renew", renew_allocation, edit},
    {Method::post, "/allocations/{id}/release", release_allocation, edit},
    {Method::post, "/transactions", create_transaction, edit},
    {Method::get, "/addresses/{id}", get_address, view, true, {"limit", "vrf", "at"}},
    {Method::get, "/search", search, view, true, {"q", "limit", "cursor"}},
    {Method::post, "/import", import_rows, edit, false, {"format", "on_conflict", "dry_run"}},
    {Method::get, "/export", export_rows, view_all, true,
     {"format", "vrf", "network_id", "within", "zone", "name_server"}},
    {Method::get, "/audit", list_audit, view_all, true,
     {"limit", "cursor", "resource", "actor", "action", "since", "until"}},
    {Method::get, "/audit/verify", verify_audit, administer, true},
    {Method::get, "/watch", watch, view_all, true, {"since"}},
    {Method::get, "/tokens", list_tokens, administer, true},
    {Method::post, "/tokens", create_token, administer},
    {Method::get, "/tokens/{id}", get_token, administer, true},
    {Method::delete_, "/tokens/{id}", revoke_token, administer},
    {Method::get, "/metrics", get_metrics, view_all},
    {Method::get, "/health", get_health, open},
    {Method::get, "/health/live", get_liveness, open},
    {Method::get, "/health/ready", get_health, open},
    {Method::get, "/cluster/status", get_cluster_status, view_all},
    {Method::post, "/cluster/nodes", add_node, administer},
    {Method::patch, "/cluster/nodes/{id}", move_node, administer},
    {Method::delete_, "/cluster/nodes/{id}", remove_node, administer},
    {Method::post, "/cluster/transfer-leader", transfer_leader, administer},
    {Method::post, "/cluster/backup", create_backup, administer, true},
    {Method::post, "/cluster/snapshot", create_snapshot, administer},
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

// A path or a pattern between its slashes: what is before the first one counts too.
struct Segments {
  static constexpr std::size_t count_max = 5;  // of a pattern
  std::array<std::string_view, count_max> parts{};
  std::size_t count = 0;  // count_max + 1: more than any pattern has
};

constexpr Segments split(std::string_view path) {
  Segments segments;
  while (segments.count < Segments::count_max) {
    const std::size_t slash = path.find('/');
    segments.parts[segments.count++] = path.substr(0, slash);
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
  ++segments.count;
  return segments;
}

constexpr auto patterns = [] {
  std::array<Segments, std::size(routes)> all;
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = split(routes[i].pattern);
  return all;
}();
static_assert(std::ranges::all_of(patterns, [](const Segments& pattern) {
  return pattern.count <= Segments::count_max;
}));

// nullopt where the path does not match.
std::optional<Placeholders> match(const Segments& pattern, const Segments& path) {
  if (pattern.count != path.count) return std::nullopt;
  Placeholders found;
  for (std::size_t i = 0; i < path.count; ++i) {
    const std::string_view wanted = pattern.parts[i];
    const std::string_view given = path.parts[i];
    if (!wanted.starts_with('{')) {
      if (wanted != given) return std::nullopt;
      continue;
    }
    if (given.empty()) return std::nullopt;
    (found.id.empty() ? found.id : found.inner_id) = given;
  }
  return found;
}

// What a route is mostly told from the others by: looked through before any pattern is.
struct Shape {
  Method method = Method::other;
  std::uint8_t segments = 0;

  friend bool operator==(const Shape&, const Shape&) = default;
};

constexpr auto shapes = [] {
  std::array<Shape, std::size(routes)> all;
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i] = {routes[i].method, static_cast<std::uint8_t>(patterns[i].count)};
  return all;
}();

// The path below /api/v1; nullopt where it is elsewhere.
std::optional<std::string_view> below_prefix(std::string_view path) {
  if (path == "/" || path == "/api/v1/") return "";
  if (path == "/metrics") return path;  // where Prometheus looks when nobody tells it otherwise
  if (!path.starts_with(api_prefix)) return std::nullopt;
  return path.substr(api_prefix.size());
}

// "GET, HEAD, POST, OPTIONS"; empty where no route has this path.
std::string allowed_methods(std::string_view path) {
  const Segments segments = split(path);
  std::string allowed;
  for (std::size_t i = 0; i < patterns.size(); ++i)
    if (match(patterns[i], segments)) {
      allowed += http::to_string(routes[i].method);
      allowed += routes[i].method == Method::get ? ", HEAD, " : ", ";
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

// Of what the client asked for: method, path, query and body, and If-Match where it is there. And
// of what the client may see: an answer that is kept for one is not given to another.
std::uint64_t hash_of(const http::Request& request, const Caller& caller) {
  ipam::Digest digest;
  digest.add(http::to_string(request.method));
  digest.add(std::string_view(request.path));
  digest.add(std::string_view(request.query));
  digest.add(std::string_view(request.body));
  if (const auto condition = combined_header(request, "If-Match"))
    digest.add(std::string_view(*condition));
  for (const ipam::VrfId vrf : caller.vrfs) digest.add(vrf.value());
  return digest.value();
}

bool is_printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// Gives a write the key that its request came with, or answers that it cannot have it.
void set_idempotency_key(const http::Request& request, const Caller& caller, Body& body) {
  const std::string* const key = request.header("Idempotency-Key");
  if (!key) return;
  auto* const write = std::get_if<Write>(&body);
  const bool is_key = !key->empty() && key->size() <= ipam::idempotency_key_bytes_max &&
                      is_printable_ascii(*key);
  if (std::holds_alternative<IssueToken>(body))
    body = Answer{problem(Problem::invalid_header,
                          "a token takes no Idempotency-Key: its secret could not be shown again; "
                          "where an answer is lost, revoke the token by its name, make another")};
  else if (write && !is_key)
    body = Answer{problem(Problem::invalid_header,
                          fmt::format("Idempotency-Key must be 1 to {} printable ASCII characters",
                                      ipam::idempotency_key_bytes_max))};
  else if (write)
    write->command.idempotency = {*key, hash_of(request, caller),
                                  ipam::idempotency_seconds_default};
}

// Gives a command the name that goes into the audit log, and the token that it depends on.
void set_caller(const Caller& caller, Body& body) {
  ipam::Command* command = nullptr;
  if (auto* write = std::get_if<Write>(&body)) command = &write->command;
  if (auto* dry_run = std::get_if<DryRun>(&body)) command = &dry_run->command;
  if (auto* issue = std::get_if<IssueToken>(&body)) command = &issue->command;
  if (auto* watch = std::get_if<Watch>(&body)) watch->token = caller.token;
  if (command == nullptr) return;
  command->actor = caller.actor;
  command->token = caller.token;
}

std::optional<http::Response> refusal(const Route& route, const Caller& caller) {
  if (!route.access.role) return std::nullopt;
  if (caller.role < *route.access.role)
    return problem(Problem::forbidden,
                   fmt::format("this needs the role {}; the token {} is of a {}",
                               ipam::to_string(*route.access.role), caller.actor,
                               ipam::to_string(caller.role)));
  if (caller.is_limited() && !route.access.for_limited)
    return problem(Problem::forbidden,
                   fmt::format("the token {} is limited to VRFs, and this is about more than those",
                               caller.actor));
  return std::nullopt;
}

Body call_handler(const Route& route, const http::Request& request,
                  const Placeholders& placeholders, const Caller& caller) {
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
  Body body = route.handler({request, placeholders.id, *query, *consistency, caller,
                             placeholders.inner_id});
  set_caller(caller, body);
  if (conditions->are_given())
    body = route.method == Method::get ? with_conditions(route, *conditions, std::move(body))
                                       : with_precondition(*conditions, std::move(body));
  set_idempotency_key(request, caller, body);
  return body;
}

struct Found {
  const Route* route = nullptr;  // none where there is none
  Placeholders placeholders = {};
};

Found find(const http::Request& request) {
  const auto path = below_prefix(request.path);
  if (!path) return {};
  // The session leaves out the body of an answer to HEAD.
  const Method method = request.method == Method::head ? Method::get : request.method;
  const Segments segments = split(*path);
  const Shape shape{method, static_cast<std::uint8_t>(segments.count)};
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (shapes[i] != shape) continue;
    if (const auto placeholders = match(patterns[i], segments)) return {&routes[i], *placeholders};
  }
  return {};
}

}  // namespace

std::span<const Route> route_table() { return routes; }

http::Response rendered(const std::function<http::Response(const ipam::Outcome&)>& render,
                        const ipam::Outcome& outcome, bool replayed) {
  http::Response response = render(outcome);
  if (replayed) response.headers.push_back({"Idempotent-Replayed", "true"});
  return response;
}

const Route* find_route(const http::Request& request) { return find(request).route; }

Action route(const http::Request& request, const Identity& identity) {
  const auto [found, placeholders] = find(request);
  const auto* const denial = std::get_if<Denial>(&identity);
  if (denial && (!found || found->access.role)) return {0, Answer{denied(*denial)}, found};
  const Caller nobody{"nobody", ipam::Role::viewer};
  const Caller& caller = denial ? nobody : std::get<Caller>(identity);
  if (request.path == "*") return {0, Answer{server_options()}};
  const auto path = below_prefix(request.path);
  if (!path) return {0, Answer{no_such_route(request)}};
  if (!found) return {0, Answer{answer_without_route(request, *path)}};
  if (auto refused = refusal(*found, caller)) return {0, Answer{*std::move(refused)}, found};
  const auto revision = min_revision(request);
  if (!revision) return {0, Answer{revision.error()}, found};
  return {*revision, call_handler(*found, request, placeholders, caller), found, caller.token};
}

}  // namespace api
