// What is below a network: its children, its free blocks, and new children in these.
#include <fmt/format.h>

#include <memory>

#include "api/handlers.hpp"
#include "api/json.hpp"
#include "api/pages.hpp"
#include "api/past_plan.hpp"
#include "api/problems.hpp"
#include "api/reader_at.hpp"
#include "api/render.hpp"

namespace api {

namespace {

constexpr std::uint64_t free_blocks_max = 10'000;
constexpr std::uint64_t free_blocks_default = 100;

// The children of a network by address, in steps; a cursor names the last address shown.
class ChildList : public ReaderAt {
 public:
  ChildList(ipam::NetworkId id, Caller caller, PageRequest page, std::optional<Moment> moment)
      : ReaderAt(page.cursor ? std::optional<Moment>(page.cursor->revision) : moment),
        id_(id),
        caller_(std::move(caller)),
        body_(std::move(page)) {}

 protected:
  Step go_on(const View& view) override {
    const ipam::StateMachine* const plan = plan_.state(view, revision());
    if (!plan) return plan_.step();
    if (!begun_) {
      const ipam::Network* const parent = caller_.network(*plan, id_);
      if (!parent) return network_not_found(ipam::to_string(id_));
      if (!begin(*parent)) return body_.page().refuse_cursor();
    }
    std::size_t left = body_.room();
    bool at_end = true;
    plan->visit_children_of(id_, from_, [&](const ipam::Network& network) {
      from_ = network.prefix.base;
      at_end = left-- > 0;
      if (!at_end) return false;
      std::string text;
      JsonWriter json(text);
      write_network(json, network, plan->context(network));
      return body_.add(ipam::to_string(network.prefix.base), text);
    });
    return body_.step(at_end);
  }
  void accept(const ipam::HistoryAnswer& answer) override { (void)plan_.take(answer); }
  http::Response in_future(ipam::Revision wanted, ipam::Revision applied) const override {
    return body_.page().cursor ? body_.page().refuse_cursor()
                               : ReaderAt::in_future(wanted, applied);
  }

 private:
  // False: the cursor is not one of this list.
  bool begin(const ipam::Network& parent) {
    begun_ = true;
    body_.begin(revision());
    from_ = parent.prefix.base;
    if (!body_.page().cursor) return true;
    const auto last = ipam::parse_address(body_.page().cursor->key);
    if (!last || !parent.prefix.contains(*last) || *last == parent.prefix.last()) return false;
    from_ = *last;
    ++from_.value;
    return true;
  }

  const ipam::NetworkId id_;
  const Caller caller_;
  PlanAt plan_;
  ListBody body_;
  ipam::Address from_;
  bool begun_ = false;
};

http::Response render_free_blocks(const ipam::StateMachine& state, const Caller& caller,
                                  ipam::NetworkId id, std::optional<int> length,
                                  std::size_t limit) {
  const ipam::Network* network = caller.network(state, id);
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
    json.prefix("cidr", block);
    json.count("prefix_length", static_cast<unsigned>(block.length));
    json.end_object();
  }
  json.end_array();
  return json_response(200, std::move(body));
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
  const auto moment = read_moment(call.query);
  if (!moment) return Answer{moment.error()};
  auto page = PageRequest::read(call, {});  // it has one order
  if (!page) return Answer{page.error()};
  return ReadList{call.consistency,
                  std::make_shared<ChildList>(*id, call.caller, *std::move(page), *moment)};
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
              [id = *id, caller = call.caller, length,
               limit = *limit](const ipam::StateMachine& state) {
                return render_free_blocks(state, caller, id, length, limit);
              }};
}

Body carve_networks(const Call& call) {
  const auto id = ipam::parse_network_id(call.id);
  if (!id) return Answer{network_not_found(call.id)};
  auto fields = Fields::read(call,
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
  return Write{{.body = std::move(command)}, render_created_networks};
}

}  // namespace api
