// Tokens: who may use this API. {id} is the id or the name. No answer but the one to POST has the
// secret, and none its hash.
#include <fmt/format.h>

#include "api/handlers.hpp"
#include "api/json.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"
#include "ipam/limits.hpp"

namespace api {

namespace {

void write_token(JsonWriter& json, const ipam::Token& token, std::string_view secret = {}) {
  const auto moment = [&json](std::string_view name, const std::optional<ipam::TimeMs>& value) {
    if (value)
      json.moment(name, *value);
    else
      json.null(name);
  };
  json.begin_object();
  json.id("id", token.id);
  json.text("name", token.name);
  json.text("role", ipam::to_string(token.role));
  json.key("vrfs");
  json.begin_array();
  for (const ipam::VrfId vrf : token.vrfs) json.id(vrf);
  json.end_array();
  json.moment("created_at", token.created_at);
  moment("expires_at", token.expires_at);
  moment("last_used_at", token.last_used_at);
  if (!secret.empty()) json.text("secret", secret);
  json.end_object();
}

http::Response token_not_found(std::string_view id) {
  return problem(Problem::token_not_found,
                 "token not found: " + std::string(id.substr(0, quoted_bytes_max)));
}

ipam::TokenReference parse_token(std::string_view text) {
  if (const auto id = ipam::parse_token_id(text)) return *id;
  return std::string(text);
}

http::Response render_created_token(const ipam::Outcome& outcome, const std::string& secret) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  const auto* token = std::get_if<ipam::Token>(&outcome);
  ASSERT(token);
  std::string body;
  JsonWriter json(body);
  write_token(json, *token, secret);
  http::Response response =
      created("/api/v1/tokens/" + ipam::to_string(token->id), std::move(body));
  response.headers.push_back({"Cache-Control", "no-store"});
  return response;
}

http::Response render_revoked_token(const ipam::Outcome& outcome) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  return no_content();
}

std::string read_name(Fields& fields) {
  std::string name = fields.unchecked_text("name").value_or("");
  if (const auto complaint = check_tag("name", name))
    fields.complain(Problem::invalid_field, *complaint);
  else if (name.size() > ipam::token_name_bytes_max || !ipam::is_token_name(name))
    fields.complain(Problem::invalid_field,
                    "name must have at most 128 bytes and no slash, must not be system or cli, and "
                    "must not look like an id (token-7)");
  return name;
}

ipam::Role read_role(Fields& fields) {
  const std::string text = fields.unchecked_text("role").value_or("");
  const auto role = ipam::parse_role(text);
  if (!role)
    fields.complain(Problem::invalid_field,
                    fmt::format("\"role\" must be viewer, editor or admin, not {}", quoted(text)));
  return role.value_or(ipam::Role::viewer);
}

std::optional<ipam::TimeMs> read_expires_at(Fields& fields) {
  const auto text = fields.unchecked_text("expires_at");
  if (!text) return std::nullopt;
  const auto time = ipam::parse_rfc3339(*text);
  if (!time)
    fields.complain(Problem::invalid_field,
                    fmt::format("\"expires_at\" must be a time of RFC 3339, not {}",
                                quoted(*text)));
  return time;
}

}  // namespace

Body list_tokens(const Call& call) {
  return Read{call.consistency, [](const ipam::StateMachine& state) {
                std::string body;
                JsonWriter json(body);
                json.begin_array();
                state.for_each_token([&](const ipam::Token& token) { write_token(json, token); });
                json.end_array();
                return json_response(200, std::move(body));
              }};
}

Body create_token(const Call& call) {
  auto fields =
      Fields::read(call, {"name", "role", "vrfs", "ttl", "ttl_hours", "expires_at"});
  if (!fields) return Answer{std::move(fields.error())};
  ipam::CreateToken command;
  command.name = read_name(*fields);
  command.role = read_role(*fields);
  for (const std::string& vrf : fields->texts("vrfs", ipam::token_vrfs_max))
    command.vrfs.push_back(parse_vrf(vrf));
  command.ttl_seconds = read_ttl(*fields);
  command.expires_at = read_expires_at(*fields);
  if (command.ttl_seconds && command.expires_at)
    fields->complain(Problem::invalid_field, "give ttl or expires_at, not both");
  if (command.role == ipam::Role::admin && !command.vrfs.empty())
    fields->complain(Problem::invalid_field, "an admin is not limited to VRFs: leave out vrfs");
  if (fields->problem()) return Answer{*fields->problem()};
  return IssueToken{{.body = std::move(command)}, render_created_token};
}

Body get_token(const Call& call) {
  return Read{call.consistency, [name = std::string(call.id)](const ipam::StateMachine& state) {
                const ipam::Token* const token = state.token(parse_token(name));
                if (!token) return token_not_found(name);
                std::string body;
                JsonWriter json(body);
                write_token(json, *token);
                return json_response(200, std::move(body));
              }};
}

Body revoke_token(const Call& call) {
  if (call.id.size() > ipam::token_name_bytes_max) return Answer{token_not_found(call.id)};
  return Write{{.body = ipam::RevokeToken{parse_token(call.id)}}, render_revoked_token};
}

}  // namespace api
