// PATCH /allocations/{id}, its renewal and its release: the request into one command.
#include "api/handlers.hpp"
#include "api/json.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"

namespace api {

namespace {

http::Response render_changed(const ipam::Outcome& outcome) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  const auto* allocation = std::get_if<ipam::Allocation>(&outcome);
  ASSERT(allocation);
  return with_entity_tag(json_response(200, allocation_json(*allocation)), allocation->revision);
}

http::Response render_released(const ipam::Outcome& outcome) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  return no_content();
}

}  // namespace

Body update_allocation(const Call& call) {
  const auto id = ipam::parse_allocation_id(call.id);
  if (!id) return Answer{allocation_not_found(call.id)};
  auto fields = Fields::read(call, {"hostname", "description", "tags", "owner", "metadata",
                                    "unique_hostname", "fence"});
  if (!fields) return Answer{std::move(fields.error())};
  ipam::UpdateAllocation command{.id = *id};
  if (fields->given("hostname")) command.hostname = fields->hostname("hostname");
  if (fields->given("description"))
    command.description = fields->text("description", ipam::description_bytes_max);
  if (fields->given("tags")) command.tags = fields->tags("tags");
  if (fields->given("owner")) command.owner = fields->text("owner", ipam::owner_bytes_max);
  if (fields->given("metadata")) command.metadata = fields->metadata_patch("metadata");
  command.unique_hostname = fields->boolean("unique_hostname").value_or(false);
  command.fence = fields->whole_number("fence", UINT64_MAX);
  if (fields->problem()) return Answer{*fields->problem()};
  return Write{{.body = std::move(command)}, render_changed};
}

Body renew_allocation(const Call& call) {
  const auto id = ipam::parse_allocation_id(call.id);
  if (!id) return Answer{allocation_not_found(call.id)};
  auto fields = Fields::read(call, {"ttl", "ttl_hours", "fence"});
  if (!fields) return Answer{std::move(fields.error())};
  const auto ttl = read_ttl(*fields);
  const auto fence = fields->whole_number("fence", UINT64_MAX);
  if (!ttl) fields->complain(Problem::invalid_field, "either ttl or ttl_hours is required");
  if (fields->problem()) return Answer{*fields->problem()};
  return Write{{.body = ipam::RenewLease{*id, *ttl, fence}}, render_changed};
}

Body release_allocation(const Call& call) {
  const auto id = ipam::parse_allocation_id(call.id);
  if (!id) return Answer{allocation_not_found(call.id)};
  auto fields = Fields::read_or_empty(call, {"fence"});
  if (!fields) return Answer{fields.error()};
  const auto fence = fields->whole_number("fence", UINT64_MAX);
  if (fields->problem()) return Answer{*fields->problem()};
  return Write{{.body = ipam::Release{*id, fence}}, render_released};
}

}  // namespace api
