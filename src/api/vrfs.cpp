// VRFs: requests into commands and queries. {id} is the id or the name.
#include <memory>

#include "api/handlers.hpp"
#include "api/json.hpp"
#include "api/plan_list.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"

namespace api {

namespace {

std::string vrf_json(const ipam::Vrf& vrf, std::uint64_t network_count) {
  std::string body;
  JsonWriter json(body);
  write_vrf(json, vrf, network_count);
  return body;
}

http::Response render_created_vrf(const ipam::Outcome& outcome) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  const auto* vrf = std::get_if<ipam::VrfView>(&outcome);
  ASSERT(vrf);
  return with_entity_tag(created("/api/v1/vrfs/" + ipam::to_string(vrf->id),
                                 vrf_json(*vrf, vrf->network_count)),
                         vrf->revision);
}

http::Response render_updated_vrf(const ipam::Outcome& outcome) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  const auto* vrf = std::get_if<ipam::VrfView>(&outcome);
  ASSERT(vrf);
  return with_entity_tag(json_response(200, vrf_json(*vrf, vrf->network_count)), vrf->revision);
}

http::Response render_deleted_vrf(const ipam::Outcome& outcome) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  return no_content();
}

std::string read_name(Fields& fields) {
  std::string name = fields.unchecked_text("name").value_or("");
  if (const auto complaint = check_tag("name", name))
    fields.complain(Problem::invalid_field, *complaint);
  else if (name.size() > ipam::vrf_name_bytes_max || ipam::parse_vrf_id(name))
    fields.complain(Problem::invalid_field,
                    "name must have at most 128 bytes and must not look like an id (vrf-7)");
  else if (name.find('/') != std::string::npos)  // /vrfs/{id} could not name it
    fields.complain(Problem::invalid_field, "name must not have a slash");
  return name;
}

}  // namespace

http::Response vrf_not_found(const ipam::VrfReference& vrf) {
  const auto* id = std::get_if<ipam::VrfId>(&vrf);
  return problem(Problem::vrf_not_found,
                 "VRF not found: " +
                     (id ? ipam::to_string(*id)
                         : std::get<std::string>(vrf).substr(0, quoted_bytes_max)));
}

ipam::VrfReference parse_vrf(std::string_view text) {
  if (const auto id = ipam::parse_vrf_id(text)) return *id;
  return std::string(text);
}

Body list_vrfs(const Call& call) {
  const auto page = PageRequest::read(call, list_sorts);
  if (!page) return Answer{page.error()};
  return ReadList{call.consistency, std::make_shared<VrfList>(call.caller, *page)};
}

Body create_vrf(const Call& call) {
  auto fields = Fields::read(call, {"name", "description"});
  if (!fields) return Answer{std::move(fields.error())};
  ipam::CreateVrf command;
  command.name = read_name(*fields);
  command.description = fields->text("description", ipam::description_bytes_max);
  if (fields->problem()) return Answer{*fields->problem()};
  return Write{{.body = std::move(command)}, render_created_vrf};
}

Body get_vrf(const Call& call) {
  return Read{call.consistency,
              [reference = parse_vrf(call.id),
               caller = call.caller](const ipam::StateMachine& state) {
                const ipam::Vrf* vrf = state.vrf(reference);
                if (!vrf || !caller.may_see(vrf->id)) return vrf_not_found(reference);
                return with_entity_tag(
                    json_response(200, vrf_json(*vrf, state.network_count_in(vrf->id))),
                    vrf->revision);
              }};
}

Body update_vrf(const Call& call) {
  auto fields = Fields::read(call, {"name", "description"});
  if (!fields) return Answer{std::move(fields.error())};
  ipam::UpdateVrf command{parse_vrf(call.id), std::nullopt, std::nullopt};
  if (fields->given("name")) command.name = read_name(*fields);  // null is no name
  if (fields->given("description"))
    command.description = fields->text("description", ipam::description_bytes_max);
  if (fields->problem()) return Answer{*fields->problem()};
  return Write{{.body = std::move(command)}, render_updated_vrf};
}

Body delete_vrf(const Call& call) {
  const ipam::VrfReference vrf = parse_vrf(call.id);
  // A name that is longer than any is not found; the state machine would say that it is invalid.
  if (call.id.size() > ipam::vrf_name_bytes_max) return Answer{vrf_not_found(vrf)};
  return Write{{.body = ipam::DeleteVrf{vrf}}, render_deleted_vrf};
}

}  // namespace api
