// GET /search?q=: networks, reservations and active allocations that an address, a CIDR, an id or a
// text finds.
#include <fmt/format.h>

#include "api/handlers.hpp"
#include "api/matching.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"

namespace api {

namespace {

constexpr std::uint64_t search_limit_default = 100;
constexpr std::uint64_t search_limit_max = 1000;
constexpr std::size_t search_bytes_max = 1024;  // the longest text that could be found
// Objects that one request looks at, one with much text counted as several; then it gives a cursor.
// So a search for what is not there does not hold up the node.
constexpr std::uint64_t search_visits_max = 100'000;
constexpr std::size_t bytes_per_visit = 256;

struct Wanted {
  std::string text;
  std::uint64_t limit = search_limit_default;
  Caller caller = {};
  // Where to go on: of an address at this VRF, else at this network, reservation or allocation,
  // then at all of the kinds behind it.
  std::optional<ipam::VrfId> vrf;
  std::optional<ipam::NetworkId> network;
  std::optional<ipam::ReservationId> reservation;
  std::optional<ipam::AllocationId> allocation;
};

// One answer in the making.
class Search {
 public:
  Search(const ipam::StateMachine& state, const Caller& caller, std::uint64_t limit)
      : state_(state), caller_(caller), left_(limit) {
    json_.begin_object();
    json_.key("results");
    json_.begin_array();
  }

  // False, and the cursor stands before the object, where no more may be looked at.
  bool may_visit(const auto& object) {
    if (left_ == 0 || visits_ >= search_visits_max) {
      cursor_ = ipam::to_string(object.id);
      return false;
    }
    ++visits_;
    if constexpr (requires { ipam::text_bytes(object); })
      visits_ += ipam::text_bytes(object) / bytes_per_visit;
    return true;
  }

  void found(const ipam::Network& network) {
    if (!caller_.may_see(network.vrf)) return;
    begin("network");
    write_network(json_, network, state_.context(network));
    json_.end_object();
  }
  void found(const ipam::Reservation& reservation) {
    if (!caller_.network(state_, reservation.network_id)) return;
    begin("reservation");
    write_reservation(json_, reservation);
    json_.end_object();
  }
  void found(const ipam::Allocation& allocation) {
    if (!caller_.network(state_, allocation.network_id)) return;
    begin("allocation");
    write_allocation(json_, allocation);
    json_.end_object();
  }

  bool is_at_end() const { return cursor_.empty(); }

  http::Response response() {
    json_.end_array();
    if (cursor_.empty())
      json_.null("next_cursor");
    else
      json_.text("next_cursor", cursor_);
    json_.end_object();
    return json_response(200, std::move(body_));
  }

 private:
  void begin(std::string_view type) {
    if (left_ > 0) --left_;
    json_.begin_object();
    json_.text("type", type);
    json_.key(type);
  }

  const ipam::StateMachine& state_;
  const Caller& caller_;
  std::string body_;
  JsonWriter json_{body_};
  std::uint64_t left_;
  std::uint64_t visits_ = 0;
  std::string cursor_;
};

// The networks around it, from the inside out, VRF by VRF, each VRF's with the reservation that the
// address is in, and its holder. A page ends with a VRF.
void search_address(Search& search, const ipam::StateMachine& state, const Wanted& wanted,
                    ipam::Address address) {
  const ipam::Prefix alone{address, ipam::bits_of(address.family)};
  state.visit_vrfs(wanted.vrf.value_or(ipam::VrfId(1)), [&](const ipam::Vrf& vrf) {
    if (!search.may_visit(vrf)) return false;
    std::vector<const ipam::Network*> around;  // the widest first
    state.for_each_network_containing(
        vrf.id, alone, [&](const ipam::Network& network) { around.push_back(&network); });
    for (auto it = around.rbegin(); it != around.rend(); ++it) search.found(**it);
    if (const auto* reserved = state.reservation_of(address, vrf.id)) search.found(*reserved);
    if (const auto held = state.allocation_of(address, vrf.id)) search.found(*held);
    return true;
  });
}

// Everything that `matches` in the order of ids, networks first, then reservations.
template <class Matches>
void search_all(Search& search, const ipam::StateMachine& state, const Wanted& wanted,
                const Matches& matches) {
  const auto visit = [&](const auto& object) {
    if (!search.may_visit(object)) return false;
    if (matches(object)) search.found(object);
    return true;
  };
  if (!wanted.allocation && !wanted.reservation)
    state.visit_networks(wanted.network.value_or(ipam::NetworkId(1)), visit);
  if (!wanted.allocation && search.is_at_end())
    state.visit_reservations(wanted.reservation.value_or(ipam::ReservationId(1)), visit);
  if (search.is_at_end())
    state.visit_allocations(wanted.allocation.value_or(ipam::AllocationId(1)), visit);
}

http::Response render_search(const ipam::StateMachine& state, const Wanted& wanted) {
  Search search(state, wanted.caller, wanted.limit);
  if (const auto address = ipam::parse_address(wanted.text)) {
    search_address(search, state, wanted, *address);
  } else if (const auto prefix = ipam::parse_prefix(wanted.text)) {
    const auto is_within = [&](const auto& object) {
      if constexpr (requires { object.prefix; })
        return prefix->contains(object.prefix);
      else
        return object.first.family == prefix->base.family && object.first <= prefix->last() &&
               prefix->base <= object.last;
    };
    search_all(search, state, wanted, is_within);
  } else if (const auto network_id = ipam::parse_network_id(wanted.text)) {
    if (const ipam::Network* network = state.network(*network_id)) search.found(*network);
  } else if (const auto reservation_id = ipam::parse_reservation_id(wanted.text)) {
    if (const auto* reservation = state.reservation(*reservation_id)) search.found(*reservation);
  } else if (const auto allocation_id = ipam::parse_allocation_id(wanted.text)) {
    if (const auto held = state.allocation(*allocation_id)) search.found(*held);
  } else {
    const TextMatch match(wanted.text);
    search_all(search, state, wanted, [&](const auto& object) { return match.in(object); });
  }
  return search.response();
}

}  // namespace

Body search(const Call& call) {
  const auto invalid = [](std::string_view detail) {
    return Answer{problem(Problem::invalid_parameter, detail)};
  };
  Wanted wanted;
  const std::string* text = call.query.find("q");
  if (!text || text->empty()) return invalid("q is required: what to look for");
  if (text->size() > search_bytes_max)
    return invalid(fmt::format("q must be at most {} bytes long", search_bytes_max));
  wanted.text = *text;
  const auto limit = call.query.whole_number("limit", search_limit_max, search_limit_default);
  if (!limit) return Answer{limit.error()};
  wanted.limit = *limit;
  wanted.caller = call.caller;
  if (const std::string* cursor = call.query.find("cursor")) {
    wanted.vrf = ipam::parse_vrf_id(*cursor);
    wanted.network = ipam::parse_network_id(*cursor);
    wanted.reservation = ipam::parse_reservation_id(*cursor);
    wanted.allocation = ipam::parse_allocation_id(*cursor);
    if (!wanted.vrf && !wanted.network && !wanted.reservation && !wanted.allocation)
      return invalid("cursor must be the next_cursor of an answer");
  }
  return Read{call.consistency, [wanted](const ipam::StateMachine& state) {
                return render_search(state, wanted);
              }};
}

}  // namespace api
