// GET /addresses/{ip}: what is known of one address, now and before.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "api/handlers.hpp"
#include "api/past_plan.hpp"
#include "api/problems.hpp"
#include "api/reader_at.hpp"
#include "api/render.hpp"

namespace api {

namespace {

constexpr std::uint64_t history_limit_default = 100;
constexpr std::uint64_t history_limit_max = 1000;  // some 2 MB of answer

// What memory knows of an address.
struct Known {
  std::string_view status = "unmanaged";
  std::optional<ipam::NetworkView> network;
  std::optional<ipam::Allocation> allocation;  // that holds it in this VRF
  // What a network that contains the address in another VRF handed out is not of this one. To who
  // is limited only what contains it in this VRF tells: not what a network held that is gone.
  ipam::NetworkFilter networks = {};
  bool vrf_exists = true;
  std::optional<ipam::TimeMs> quarantine_ends_at;
  std::optional<ipam::Reservation> reservation;  // that covers the address, whoever has it
};

// What the VRFs and networks say.
Known look_at_plan(const ipam::StateMachine& state, const ipam::Address& address,
                   const ipam::VrfReference& reference, const Caller& caller) {
  Known known;
  const ipam::Vrf* const vrf = state.vrf(reference);
  known.vrf_exists = vrf != nullptr && caller.may_see(vrf->id);
  if (!known.vrf_exists) return known;
  const ipam::Prefix alone{address, ipam::bits_of(address.family)};
  if (caller.is_limited()) {
    auto& here = known.networks.only_of.emplace();
    state.for_each_network_containing(
        vrf->id, alone, [&](const ipam::Network& network) { here.insert(network.id); });
  }
  state.for_each_vrf([&](const ipam::Vrf& other) {
    if (other.id == vrf->id) return;
    state.for_each_network_containing(
        other.id, alone,
        [&](const ipam::Network& network) { known.networks.not_of.insert(network.id); });
  });
  const ipam::Network* network = state.network_of(address, vrf->id);
  if (network == nullptr) return known;
  known.network = ipam::NetworkView{*network, state.context(*network)};
  known.status = "free";
  const ipam::UsableRange usable = ipam::usable_range(network->prefix);
  if (address < usable.first || address > usable.last) known.status = "unusable";
  return known;
}

// And who has it now.
Known look_at(const ipam::StateMachine& state, const ipam::Address& address,
              const ipam::VrfReference& reference, const Caller& caller) {
  Known known = look_at_plan(state, address, reference, caller);
  if (!known.network) return known;
  const ipam::VrfId vrf = known.network->vrf;
  if (const ipam::Reservation* reservation = state.reservation_of(address, vrf))
    known.reservation = *reservation;
  if (known.status != "free") return known;
  if ((known.allocation = state.allocation_of(address, vrf))) {
    known.status = "allocated";
  } else if (const ipam::Quarantine* quarantine = state.quarantine_of(address, vrf)) {
    known.status = "quarantined";
    known.quarantine_ends_at = quarantine->ends_at;
  } else {
    known.status = state.is_free(address, vrf) ? "free" : "reserved";
  }
  return known;
}

// Those of other VRFs are among the holders at first: so many are asked for that they leave room.
constexpr std::uint64_t holders_asked = history_limit_max + 1;

// `holders`: the newest first; the one that holds it now may be among them.
std::string address_json(const ipam::Address& address, const Known& known,
                         const std::vector<ipam::Allocation>& holders, std::uint64_t limit) {
  std::string body;
  body.reserve(2 * object_bytes_usual);
  JsonWriter json(body);
  json.begin_object();
  json.address("ip", address);
  json.text("status", known.status);
  json.key("network");
  if (known.network)
    write_network(json, *known.network, known.network->context);
  else
    json.raw("null");
  json.key("allocation");
  if (known.allocation)
    write_allocation(json, *known.allocation);
  else
    json.raw("null");
  if (known.quarantine_ends_at)
    json.moment("quarantine_ends_at", *known.quarantine_ends_at);
  else
    json.null("quarantine_ends_at");
  json.key("reservation");
  if (known.reservation)
    write_reservation(json, *known.reservation);
  else
    json.raw("null");
  json.key("history");
  json.begin_array();
  for (const ipam::Allocation& allocation : holders) {
    if (limit == 0) break;
    const bool has_it = known.allocation && known.allocation->id == allocation.id;
    if (has_it || !known.networks.admits(allocation.network_id)) continue;
    write_allocation(json, allocation);
    --limit;
  }
  json.end_array();
  json.end_object();
  return body;
}

// The same as of a revision or a time.
class AddressAt : public ReaderAt {
 public:
  AddressAt(ipam::Address address, ipam::VrfReference vrf, Caller caller, std::uint64_t limit,
            Moment moment)
      : ReaderAt(moment),
        address_(address),
        vrf_(std::move(vrf)),
        caller_(std::move(caller)),
        limit_(limit) {}

 protected:
  Step go_on(const View& view) override {
    const ipam::StateMachine* const plan = plan_.state(view, revision());
    if (!plan) return plan_.step();
    Known known = look_at_plan(*plan, address_, vrf_, caller_);
    if (!known.vrf_exists) return vrf_not_found(vrf_);
    // Those of networks that are gone tell of a quarantine: who is not to see them does not.
    if (!holders_)
      return Ask{ipam::AddressQuery{.address = address_,
                                    .limit = holders_asked,
                                    .at = revision(),
                                    .networks = {.not_of = known.networks.not_of}}};
    if (known.status == "free")
      look_at_holders(*plan, known, moment_ms().value_or(view.state.counters().now));
    http::Response response = list_head(revision());
    response.body = address_json(address_, known, *holders_, limit_);
    return response;
  }
  void accept(const ipam::HistoryAnswer& answer) override {
    if (plan_.take(answer)) return;
    const auto* holders = std::get_if<std::vector<ipam::Allocation>>(&answer);
    ASSERT(holders);
    holders_ = *holders;
  }

 private:
  // The last one of the network that held it, or had held it, at that time. What ended before a
  // split or a merger is still of the network that went then.
  void look_at_holders(const ipam::StateMachine& plan, Known& known, ipam::TimeMs time) const {
    const auto is_active = [&](const ipam::Allocation& holder) {
      return holder.status == ipam::AllocationStatus::allocated &&
             holder.network_id == known.network->id;
    };
    const auto active = std::find_if(holders_->begin(), holders_->end(), is_active);
    if (active != holders_->end()) {
      known.status = "allocated";
      known.allocation = *active;
      return;
    }
    if (known.network->gateway() == address_) known.status = "reserved";
    const auto is_here = [&](const ipam::Allocation& holder) {
      return holder.network_id == known.network->id ||
             plan.network(holder.network_id) == nullptr;
    };
    const auto last = std::find_if(holders_->begin(), holders_->end(), is_here);
    if (last == holders_->end() || last->status == ipam::AllocationStatus::allocated) return;
    const ipam::TimeMs ends_at =
        last->released_at.value_or(0) + ipam::TimeMs{known.network->quarantine_seconds} * 1000;
    if (ends_at <= time) return;
    known.status = "quarantined";
    known.quarantine_ends_at = ends_at;
  }

  const ipam::Address address_;
  const ipam::VrfReference vrf_;
  const Caller caller_;
  const std::uint64_t limit_;
  PlanAt plan_;
  std::optional<std::vector<ipam::Allocation>> holders_;
};

// What is asked of an address as it is now, and what memory knew of it when that was asked.
class AddressNow {
 public:
  AddressNow(const ipam::Address& address, ipam::VrfReference vrf, Caller caller,
             std::uint64_t limit)
      : address_(address), vrf_(std::move(vrf)), caller_(std::move(caller)), limit_(limit) {}

  void look(const ipam::StateMachine& state, ipam::HistoryQuery& query) {
    known_ = look_at(state, address_, vrf_, caller_);
    ipam::AddressQuery of_address{.address = address_, .limit = holders_asked, .only_ended = true};
    if (is_crowded_) of_address.networks = known_.networks;
    query = std::move(of_address);
  }
  std::optional<http::Response> render(const ipam::HistoryAnswer& answer) {
    if (!known_.vrf_exists) return vrf_not_found(vrf_);
    const auto* const holders = std::get_if<std::vector<ipam::Allocation>>(&answer);
    ASSERT(holders);
    if (!is_crowded_ && holders->size() == holders_asked && known_.networks.is_given()) {
      is_crowded_ = true;
      return std::nullopt;
    }
    return json_response(200, address_json(address_, known_, *holders, limit_));
  }

 private:
  const ipam::Address address_;
  const ipam::VrfReference vrf_;
  const Caller caller_;
  const std::uint64_t limit_;
  Known known_;
  bool is_crowded_ = false;  // so many in all VRFs that some of this one may be missing
};

}  // namespace

Body get_address(const Call& call) {
  const auto address = ipam::parse_address(call.id);
  if (!address)
    return Answer{problem(Problem::invalid_parameter,
                          fmt::format("the address must be an IPv4 or IPv6 address, not {}",
                                      quoted(call.id)))};
  const auto limit =
      call.query.whole_number("limit", history_limit_max, history_limit_default);
  if (!limit) return Answer{limit.error()};
  const std::string* const name = call.query.find("vrf");
  const ipam::VrfReference vrf = name ? parse_vrf(*name) : ipam::vrf_default;
  const auto moment = read_moment(call.query);
  if (!moment) return Answer{moment.error()};
  if (*moment)
    return ReadList{call.consistency,
                    std::make_shared<AddressAt>(*address, vrf, call.caller, *limit,
                                                **moment)};
  const auto now = std::make_shared<AddressNow>(*address, vrf, call.caller, *limit);
  return ReadHistory{
      call.consistency, ipam::AddressQuery{.address = *address},
      [now](const ipam::HistoryAnswer& answer) { return now->render(answer); },
      [now](const ipam::StateMachine& state, ipam::HistoryQuery& query) {
        now->look(state, query);
      }};
}

}  // namespace api
