// One network into several, several into one. One that grows or shrinks is a PATCH (networks.cpp).
#include <fmt/format.h>

#include "api/handlers.hpp"
#include "api/json.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"

namespace api {

Body split_network(const Call& call) {
  const auto id = ipam::parse_network_id(call.id);
  if (!id) return Answer{network_not_found(call.id)};
  auto fields = Fields::read(call, {"prefix_length", "dry_run"});
  if (!fields) return Answer{std::move(fields.error())};
  const auto length = fields->whole_number("prefix_length", prefix_length_max);
  if (!length) fields->complain(Problem::invalid_field, "prefix_length is required");
  const bool dry_run = fields->boolean("dry_run").value_or(false);
  if (fields->problem()) return Answer{*fields->problem()};
  const ipam::SplitNetwork command{*id, static_cast<std::uint8_t>(*length)};
  return write_or_dry_run(dry_run, {{.body = command}, render_created_networks});
}

Body merge_networks(const Call& call) {
  auto fields = Fields::read(call, {"ids", "dry_run"});
  if (!fields) return Answer{std::move(fields.error())};
  const auto texts = fields->texts("ids", ipam::subnets_max);
  if (texts.empty()) fields->complain(Problem::invalid_field, "ids is required");
  const bool dry_run = fields->boolean("dry_run").value_or(false);
  if (fields->problem()) return Answer{*fields->problem()};
  ipam::MergeNetworks command;
  for (const std::string& text : texts) {
    const auto id = ipam::parse_network_id(text);
    if (!id) return Answer{network_not_found(text)};
    command.ids.push_back(*id);
  }
  return write_or_dry_run(dry_run, {{.body = std::move(command)}, render_created_network});
}

}  // namespace api
