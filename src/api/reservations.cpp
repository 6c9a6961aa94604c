// Reservations of a network: requests into commands and queries. In a transaction the id alone
// names one: no network is named then.
#include <fmt/format.h>

#include <memory>

#include "api/handlers.hpp"
#include "api/json.hpp"
#include "api/pages.hpp"
#include "api/problems.hpp"
#include "api/reader_at.hpp"
#include "api/render.hpp"

namespace api {

namespace {

std::string reservation_json(const ipam::Reservation& reservation) {
  std::string body;
  JsonWriter json(body);
  write_reservation(json, reservation);
  return body;
}

http::Response reservation_not_found(std::string_view id) {
  return problem(Problem::reservation_not_found,
                 "reservation not found: " + std::string(id.substr(0, quoted_bytes_max)));
}

// The one that a path names; the error is the answer.
struct Named {
  ipam::NetworkId network;  // 0 in a transaction
  ipam::ReservationId id;
};
base::Result<Named, http::Response> read_name(const Call& call) {
  Named named;
  if (!call.id.empty()) {
    const auto network = ipam::parse_network_id(call.id);
    if (!network) return base::fail(network_not_found(call.id));
    named.network = *network;
  }
  const auto id = ipam::parse_reservation_id(call.inner_id);
  if (!id) return base::fail(reservation_not_found(call.inner_id));
  named.id = *id;
  return named;
}

http::Response render_created_reservation(const ipam::Outcome& outcome) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  const auto* reservation = std::get_if<ipam::Reservation>(&outcome);
  ASSERT(reservation);
  return with_entity_tag(created(fmt::format("/api/v1/networks/{}/reservations/{}",
                                             ipam::to_string(reservation->network_id),
                                             ipam::to_string(reservation->id)),
                                 reservation_json(*reservation)),
                         reservation->revision);
}

http::Response render_updated_reservation(const ipam::Outcome& outcome) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  const auto* reservation = std::get_if<ipam::Reservation>(&outcome);
  ASSERT(reservation);
  return with_entity_tag(json_response(200, reservation_json(*reservation)),
                         reservation->revision);
}

http::Response render_deleted_reservation(const ipam::Outcome& outcome) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  return no_content();
}

// By address, in steps: each as of when it is read. There are no pages: they would have to be of
// one revision, and what reservations were is not kept.
class ReservationList : public ReaderAt {
 public:
  ReservationList(ipam::NetworkId network, Caller caller)
      : ReaderAt(std::nullopt), network_(network), caller_(std::move(caller)) {}

 protected:
  Step go_on(const View& view) override {
    // Also where it was split or deleted meanwhile: a list that has begun then breaks off.
    if (!caller_.network(view.state, network_))
      return network_not_found(ipam::to_string(network_));
    body_.begin(revision());
    std::size_t visits = 0;
    bool at_end = true;
    view.state.visit_reservations_in(network_, position_, [&](const ipam::Reservation& one) {
      position_ = one.first.value;
      at_end = visits++ < list_objects_max;
      if (!at_end) return false;
      (void)body_.add({}, reservation_json(one));  // never full: it has no limit
      return true;
    });
    return body_.step(at_end);
  }
  void accept(const ipam::HistoryAnswer&) override {}  // it asks nothing

 private:
  const ipam::NetworkId network_;
  const Caller caller_;
  ListBody body_{PageRequest()};
  ipam::U128 position_ = 0;
};

}  // namespace

Body list_reservations(const Call& call) {
  const auto id = ipam::parse_network_id(call.id);
  if (!id) return Answer{network_not_found(call.id)};
  return ReadList{call.consistency, std::make_shared<ReservationList>(*id, call.caller)};
}

Body create_reservation(const Call& call) {
  const auto id = ipam::parse_network_id(call.id);
  if (!id) return Answer{network_not_found(call.id)};
  auto fields =
      Fields::read(call, {"start", "end", "reason", "tags", "metadata", "dry_run"});
  if (!fields) return Answer{std::move(fields.error())};
  const auto first = read_address(*fields, "start");
  const auto last = read_address(*fields, "end");
  if (!first) fields->complain(Problem::invalid_field, "start is required, as an address");
  ipam::CreateReservation command;
  command.network_id = *id;
  command.reason = fields->text("reason", ipam::description_bytes_max);
  command.tags = fields->tags("tags");
  command.metadata = fields->metadata("metadata");
  const bool dry_run = fields->boolean("dry_run").value_or(false);
  if (fields->problem()) return Answer{*fields->problem()};
  command.first = *first;
  command.last = last.value_or(*first);
  return write_or_dry_run(dry_run, {{.body = std::move(command)}, render_created_reservation});
}

Body get_reservation(const Call& call) {
  const auto named = read_name(call);
  if (!named) return Answer{named.error()};
  return Read{call.consistency,
              [named = *named, caller = call.caller](const ipam::StateMachine& state) {
                if (!caller.network(state, named.network))
                  return network_not_found(ipam::to_string(named.network));
                const ipam::Reservation* const one = state.reservation(named.id);
                if (!one || one->network_id != named.network)
                  return reservation_not_found(ipam::to_string(named.id));
                return with_entity_tag(json_response(200, reservation_json(*one)), one->revision);
              }};
}

Body update_reservation(const Call& call) {
  const auto named = read_name(call);
  if (!named) return Answer{named.error()};
  auto fields = Fields::read(call, {"reason", "tags", "metadata"});
  if (!fields) return Answer{std::move(fields.error())};
  ipam::UpdateReservation command{.id = named->id, .network_id = named->network};
  if (fields->given("reason"))
    command.reason = fields->text("reason", ipam::description_bytes_max);
  if (fields->given("tags")) command.tags = fields->tags("tags");
  if (fields->given("metadata")) command.metadata = fields->metadata_patch("metadata");
  if (fields->problem()) return Answer{*fields->problem()};
  return Write{{.body = std::move(command)}, render_updated_reservation};
}

Body delete_reservation(const Call& call) {
  const auto named = read_name(call);
  if (!named) return Answer{named.error()};
  return Write{{.body = ipam::DeleteReservation{named->id, named->network}},
               render_deleted_reservation};
}

}  // namespace api
