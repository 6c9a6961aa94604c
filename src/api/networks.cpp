// Networks and their stats: requests into commands and queries.
#include <fmt/format.h>

#include <memory>

#include "api/handlers.hpp"
#include "api/json.hpp"
#include "api/object_at.hpp"
#include "api/plan_list.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"

namespace api {

namespace {

std::string network_json(const ipam::Network& network, const ipam::NetworkContext& context) {
  std::string body;
  body.reserve(object_bytes_usual);
  JsonWriter json(body);
  write_network(json, network, context);
  return body;
}

// In steps: each network's as of when it is read.
class StatsList : public ReaderAt {
 public:
  explicit StatsList(Caller caller) : ReaderAt(std::nullopt), caller_(std::move(caller)) {}

 protected:
  Step go_on(const View& view) override {
    body_.begin(revision());
    std::size_t visits = 0;
    bool at_end = true;
    view.state.visit_networks(position_, [&](const ipam::Network& network) {
      position_ = network.id;
      at_end = visits++ < list_objects_max;
      if (!at_end) return false;
      if (!caller_.may_see(network.vrf)) return true;
      std::string text;
      JsonWriter json(text);
      write_stats(json, view.state.stats(network.id), ipam::to_string(network.prefix));
      (void)body_.add({}, text);  // never full: it has no limit
      return true;
    });
    return body_.step(at_end);
  }
  void accept(const ipam::HistoryAnswer&) override {}  // it asks nothing

 private:
  const Caller caller_;
  ListBody body_{PageRequest()};
  ipam::NetworkId position_{1};
};

std::optional<ipam::NetworkStatus> read_status(Fields& fields) {
  const auto text = fields.unchecked_text("status");
  const auto status = text ? ipam::parse_network_status(*text) : std::nullopt;
  if (text && !status)
    fields.complain(Problem::invalid_field,
                    fmt::format("\"status\" must be {}, not {}", ipam::network_status_names,
                                quoted(*text)));
  return status;
}

std::uint32_t read_small(Fields& fields, std::string_view name, std::uint32_t max) {
  return static_cast<std::uint32_t>(fields.whole_number(name, max).value_or(0));
}

ipam::NetworkExtras read_extras(Fields& fields) {
  ipam::NetworkExtras extras;
  extras.status = read_status(fields).value_or(ipam::NetworkStatus::active);
  extras.strategy = read_strategy(fields).value_or(ipam::Strategy::first);
  extras.gateway = read_address(fields, "gateway");
  extras.threshold_percent = read_small(fields, "threshold_percent", 100);
  extras.metadata = fields.metadata("metadata");
  return extras;
}

http::Response render_updated_network(const ipam::Outcome& outcome) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  const auto* network = std::get_if<ipam::NetworkView>(&outcome);
  ASSERT(network);
  return with_entity_tag(json_response(200, network_json(*network, network->context)),
                         network->revision);
}

http::Response render_deleted_network(const ipam::Outcome& outcome) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  return no_content();
}

}  // namespace

http::Response render_created_network(const ipam::Outcome& outcome) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  const auto* network = std::get_if<ipam::NetworkView>(&outcome);
  ASSERT(network);
  return with_entity_tag(created("/api/v1/networks/" + ipam::to_string(network->id),
                                 network_json(*network, network->context)),
                         network->revision);
}

http::Response render_created_networks(const ipam::Outcome& outcome) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  const auto* networks = std::get_if<std::vector<ipam::NetworkView>>(&outcome);
  ASSERT(networks);
  std::string body;
  JsonWriter json(body);
  write_networks(json, *networks);
  return json_response(201, std::move(body));
}

http::Response network_not_found(std::string_view id) {
  return problem(Problem::network_not_found,
                 "network not found: " + std::string(id.substr(0, quoted_bytes_max)));
}

http::Response invalid_cidr(std::string_view detail) {
  return problem(Problem::invalid_cidr, detail);
}

base::Result<ipam::Prefix, std::string> parse_cidr(std::string_view text) {
  if (text.size() > quoted_bytes_max)
    return base::fail("invalid CIDR: " + quoted(text) + " is too long");
  return ipam::parse_prefix(text);
}

Body list_networks(const Call& call) {
  auto filter = NetworkFilter::read(call.query);
  if (!filter) return Answer{filter.error()};
  filter->caller = call.caller;
  const auto moment = read_moment(call.query);
  if (!moment) return Answer{moment.error()};
  const auto page = PageRequest::read(call, list_sorts);
  if (!page) return Answer{page.error()};
  return ReadList{call.consistency, std::make_shared<NetworkList>(*filter, *page, *moment)};
}

Body create_network(const Call& call) {
  auto fields = Fields::read(
      call, {"cidr", "description", "tags", "vrf", "status", "strategy", "gateway",
             "quarantine_seconds", "threshold_percent", "metadata", "dry_run"});
  if (!fields) return Answer{std::move(fields.error())};
  ipam::CreateNetwork command;
  const std::string cidr = fields->unchecked_text("cidr").value_or("");
  command.description = fields->text("description", ipam::description_bytes_max);
  command.tags = fields->tags("tags");
  command.quarantine_seconds =
      read_small(*fields, "quarantine_seconds", ipam::quarantine_seconds_max);
  command.extras = read_extras(*fields);
  const bool dry_run = fields->boolean("dry_run").value_or(false);
  if (const auto vrf = fields->unchecked_text("vrf")) command.vrf = parse_vrf(*vrf);
  if (cidr.empty()) fields->complain(Problem::invalid_field, "cidr is required");
  const auto prefix = parse_cidr(cidr);
  if (!prefix) fields->complain(Problem::invalid_cidr, prefix.error());
  if (fields->problem()) return Answer{*fields->problem()};
  command.prefix = *prefix;
  return write_or_dry_run(dry_run, {{.body = std::move(command)}, render_created_network});
}

Body get_network(const Call& call) {
  const auto id = ipam::parse_network_id(call.id);
  if (!id) return Answer{network_not_found(call.id)};
  const auto moment = read_moment(call.query);
  if (!moment) return Answer{moment.error()};
  if (*moment)
    return ReadList{call.consistency, std::make_shared<NetworkAt>(*id, call.caller, **moment)};
  return Read{call.consistency, [id = *id, caller = call.caller](const ipam::StateMachine& state) {
                const ipam::Network* network = caller.network(state, id);
                if (!network) return network_not_found(ipam::to_string(id));
                return with_entity_tag(
                    json_response(200, network_json(*network, state.context(*network))),
                    network->revision);
              }};
}

Body update_network(const Call& call) {
  const auto id = ipam::parse_network_id(call.id);
  if (!id) return Answer{network_not_found(call.id)};
  auto fields = Fields::read(
      call, {"cidr", "description", "tags", "status", "strategy", "gateway",
             "quarantine_seconds", "threshold_percent", "metadata"});
  if (!fields) return Answer{std::move(fields.error())};
  ipam::UpdateNetwork command{.id = *id};
  if (fields->given("cidr")) {
    const auto prefix = parse_cidr(fields->unchecked_text("cidr").value_or(""));
    if (!prefix) fields->complain(Problem::invalid_cidr, prefix.error());
    else command.prefix = *prefix;
  }
  if (fields->given("description"))
    command.description = fields->text("description", ipam::description_bytes_max);
  if (fields->given("tags")) command.tags = fields->tags("tags");
  if (fields->given("status"))
    command.status = read_status(*fields).value_or(ipam::NetworkStatus::active);
  if (fields->given("strategy"))
    command.strategy = read_strategy(*fields).value_or(ipam::Strategy::first);
  if (fields->given("gateway")) command.gateway = read_address(*fields, "gateway");
  if (fields->given("quarantine_seconds"))
    command.quarantine_seconds =
        read_small(*fields, "quarantine_seconds", ipam::quarantine_seconds_max);
  if (fields->given("threshold_percent"))
    command.threshold_percent = read_small(*fields, "threshold_percent", 100);
  if (fields->given("metadata")) command.metadata = fields->metadata_patch("metadata");
  if (fields->problem()) return Answer{*fields->problem()};
  return Write{{.body = std::move(command)}, render_updated_network};
}

Body delete_network(const Call& call) {
  const auto id = ipam::parse_network_id(call.id);
  if (!id) return Answer{network_not_found(call.id)};
  return Write{{.body = ipam::DeleteNetwork{*id}}, render_deleted_network};
}

Body get_network_stats(const Call& call) {
  const auto id = ipam::parse_network_id(call.id);
  if (!id) return Answer{network_not_found(call.id)};
  return Read{call.consistency, [id = *id, caller = call.caller](const ipam::StateMachine& state) {
                if (!caller.network(state, id)) return network_not_found(ipam::to_string(id));
                std::string body;
                JsonWriter json(body);
                write_stats(json, state.stats(id));
                return json_response(200, std::move(body));
              }};
}

Body list_stats(const Call& call) {
  return ReadList{call.consistency, std::make_shared<StatsList>(call.caller)};
}

}  // namespace api
