// What is below a network: its children, its free blocks, and new children in these.
#include <fmt/format.h>

#include "api/handlers.hpp"
#include "api/json.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"

namespace api {

namespace {

constexpr std::uint64_t free_blocks_max = 10'000;
constexpr std::uint64_t free_blocks_default = 100;
constexpr std::uint64_t prefix_length_max = 128;

http::Response render_children(const ipam::StateMachine& state, ipam::NetworkId id) {
  if (!state.network(id)) return network_not_found(ipam::to_string(id));
  std::string body;
  JsonWriter json(body);
  json.begin_array();
  state.for_each_child_of(id, [&](const ipam::Network& network) {
    write_network(json, network, state.context(network));
  });
  json.end_array();
  return json_response(200, std::move(body));
}

http::Response render_free_blocks(const ipam::StateMachine& state, ipam::NetworkId id,
                                  std::optional<int> length, std::size_t limit) {
  const ipam::Network* network = state.network(id);
  if (!network) return network_not_found(ipam::to_string(id));
  const ipam::Prefix& whole = network->prefix;
  const int width = ipam::bits_of(whole.base.family);
  if (length && (*length <= whole.length || *length > width))
    return problem(Problem::invalid_parameter,
                   fmt::format("prefix_length must be longer than that of {}, and at most {}",
                               ipam::to_string(whole), width));
  std::string body;
  JsonWriter json(body);
  json.begin_array();
  for (const ipam::Prefix& block : state.free_blocks(id, length, limit)) {
    json.begin_object();
    json.text("cidr", ipam::to_string(block));
    json.count("prefix_length", static_cast<unsigned>(block.length));
    json.end_object();
  }
  json.end_array();
  return json_response(200, std::move(body));
}

http::Response render_carved(const ipam::Outcome& outcome) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  const auto* networks = std::get_if<std::vector<ipam::NetworkView>>(&outcome);
  ASSERT(networks);
  std::string body;
  JsonWriter json(body);
  json.begin_array();
  for (const ipam::NetworkView& network : *networks)
    write_network(json, network, network.context);
  json.end_array();
  return json_response(201, std::move(body));
}

ipam::CarveStrategy read_carve_strategy(Fields& fields) {
  const std::string text = fields.unchecked_text("strategy").value_or("first");
  if (text == "best") return ipam::CarveStrategy::best;
  if (text != "first")
    fields.complain(Problem::invalid_field,
                    fmt::format("\"strategy\" must be first or best, not {}", quoted(text)));
  return ipam::CarveStrategy::first;
}

}  // namespace

Body list_children(const Call& call) {
  const auto id = ipam::parse_network_id(call.id);
  if (!id) return Answer{network_not_found(call.id)};
  return Read{call.consistency, [id = *id](const ipam::StateMachine& state) {
                return render_children(state, id);
              }};
}

Body list_free_blocks(const Call& call) {
  const auto id = ipam::parse_network_id(call.id);
  if (!id) return Answer{network_not_found(call.id)};
  const auto limit = call.query.whole_number("limit", free_blocks_max, free_blocks_default);
  if (!limit) return Answer{limit.error()};
  std::optional<int> length;
  if (call.query.find("prefix_length")) {
    const auto number = call.query.whole_number("prefix_length", prefix_length_max, 1);
    if (!number) return Answer{number.error()};
    length = static_cast<int>(*number);
  }
  return Read{call.consistency,
              [id = *id, length, limit = *limit](const ipam::StateMachine& state) {
                return render_free_blocks(state, id, length, limit);
              }};
}

Body carve_networks(const Call& call) {
  const auto id = ipam::parse_network_id(call.id);
  if (!id) return Answer{network_not_found(call.id)};
  auto fields = Fields::read(call.request,
                             {"prefix_length", "count", "strategy", "description", "tags"});
  if (!fields) return Answer{std::move(fields.error())};
  ipam::CarveNetworks command;
  command.parent = *id;
  const auto length = fields->whole_number("prefix_length", prefix_length_max);
  if (!length) fields->complain(Problem::invalid_field, "prefix_length is required");
  command.count = fields->whole_number("count", ipam::subnets_max).value_or(1);
  command.strategy = read_carve_strategy(*fields);
  command.description = fields->text("description", ipam::description_bytes_max);
  command.tags = fields->tags("tags");
  if (fields->problem()) return Answer{*fields->problem()};
  command.prefix_length = static_cast<std::uint8_t>(*length);
  return Write{{.body = std::move(command)}, render_carved};
}

}  // namespace api
