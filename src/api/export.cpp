// GET /export: what is there as a file, made in pieces while it is sent. Between two pieces the
// node does other work, so that an export of any size holds up nobody, and what changes meanwhile
// may or may not be in it; what is made after it began is not. Where allocations move meanwhile,
// the file ends as broken.
#include <fmt/format.h>

#include "api/handlers.hpp"
#include "api/problems.hpp"
#include "transfer/writer.hpp"

namespace api {

namespace {

// A piece ends with the row that reaches it.
constexpr std::size_t piece_bytes = 128u << 10;
// Objects that are looked at for one piece, wanted or not: some milliseconds.
constexpr std::size_t piece_objects_max = 5000;

struct Selection {
  std::optional<ipam::VrfId> vrf;
  std::optional<ipam::NetworkId> network;
  std::optional<ipam::Prefix> within;

  bool admits(const ipam::Network& candidate) const {
    return (!vrf || candidate.vrf == *vrf) && (!network || candidate.id == *network) &&
           (!within || within->contains(candidate.prefix));
  }
  // Whether some of its allocations may be wanted.
  bool touches(const ipam::Network& candidate) const {
    return (!vrf || candidate.vrf == *vrf) && (!network || candidate.id == *network) &&
           (!within || within->contains(candidate.prefix) || candidate.prefix.contains(*within));
  }
  // An allocation or a reservation.
  bool admits(const auto& range) const {
    return !within || (within->contains(range.first) && within->contains(range.last));
  }
};

class ExportSource final : public http::BodySource {
 public:
  ExportSource(const ipam::StateMachine& state, Selection selection, transfer::Writer writer)
      : state_(state),
        selection_(std::move(selection)),
        writer_(std::move(writer)),
        end_(state.counters()) {}

  void next(std::function<void(Piece)> done) override {
    Piece piece;
    if (is_cancelled_) {
      piece.after = After::broken;
    } else {
      if (!std::exchange(has_begun_, true)) begin(piece.bytes);
      piece.after = !write_networks(piece.bytes) ? After::more
                    : has_moved()                ? After::broken
                                                 : After::end;
    }
    done(std::move(piece));
  }
  void cancel() override { is_cancelled_ = true; }

 private:
  void begin(std::string& out) {
    writer_.begin(out);
    if (selection_.network || selection_.within) return;
    state_.for_each_vrf([&](const ipam::Vrf& vrf) {
      // The default one is there already wherever this file is imported.
      const bool is_told = vrf.id != ipam::vrf_default || !vrf.description.empty();
      if (is_told && (!selection_.vrf || *selection_.vrf == vrf.id))
        writer_.write(out, transfer::VrfRow{vrf.name, vrf.description});
    });
  }

  // What was there is in a network that was not, after a split or a merger: it may be missing in
  // the file, or be there twice.
  bool has_moved() const {
    bool found = false;
    state_.visit_networks(ipam::NetworkId(end_.next_network), [&](const ipam::Network& network) {
      state_.visit_allocations_in(network.id, ipam::U128{0}, [&](const ipam::Allocation& held) {
        found = held.id.value() < end_.next_allocation;
        return !found;
      });
      state_.visit_reservations_in(network.id, 0, [&](const ipam::Reservation& reservation) {
        found = found || reservation.id.value() < end_.next_reservation;
        return !found;
      });
      return !found;
    });
    return found;
  }

  // Each network with its reservations and then its allocations behind it, by address. False: there
  // is more.
  bool write_networks(std::string& out) {
    std::size_t left = piece_objects_max;
    bool is_whole = true;
    const ipam::NetworkId from = selection_.network ? *selection_.network : next_;
    state_.visit_networks(from, [&](const ipam::Network& network) {
      if (network.id.value() >= end_.next_network) return false;
      if (selection_.network && network.id != *selection_.network) return false;
      is_whole = left > 0 && out.size() < piece_bytes && write_network(out, network, left);
      return is_whole;
    });
    return is_whole;
  }

  bool write_network(std::string& out, const ipam::Network& network, std::size_t& left) {
    const bool goes_on = network.id == next_ && (next_reservation_ || next_allocation_);
    if (!goes_on) {  // the network that was begun may be gone
      next_reservation_.reset();
      next_allocation_.reset();
    }
    next_ = network.id;
    --left;
    if (!goes_on && selection_.admits(network)) writer_.write(out, row_of(network));
    if (!selection_.touches(network)) return true;
    ipam::Address from = selection_.within ? selection_.within->base : network.prefix.base;
    if (!next_allocation_ && !write_reservations(out, network, left, from)) return false;
    if (next_allocation_) from = *next_allocation_;
    next_allocation_.reset();
    state_.visit_allocations_in(network.id, from, [&](const ipam::Allocation& allocation) {
      if (left == 0 || out.size() >= piece_bytes) {
        next_allocation_ = allocation.first;
        return false;
      }
      --left;
      if (allocation.id.value() < end_.next_allocation && selection_.admits(allocation))
        writer_.write(out, row_of(network, allocation));
      return !selection_.within || selection_.within->contains(allocation.first);
    });
    if (!next_allocation_) next_ = ipam::NetworkId(network.id.value() + 1);
    return !next_allocation_;
  }

  // Those from this address on, or from where the last piece ended. False: there is more.
  bool write_reservations(std::string& out, const ipam::Network& network, std::size_t& left,
                          const ipam::Address& from) {
    const ipam::U128 begin = next_reservation_.value_or(from.value);
    next_reservation_.reset();
    state_.visit_reservations_in(network.id, begin, [&](const ipam::Reservation& reservation) {
      if (left == 0 || out.size() >= piece_bytes) {
        next_reservation_ = reservation.first.value;
        return false;
      }
      --left;
      if (reservation.id.value() < end_.next_reservation && selection_.admits(reservation))
        writer_.write(out, row_of(network, reservation));
      return !selection_.within || selection_.within->contains(reservation.first);
    });
    return !next_reservation_;
  }

  std::string vrf_name(const ipam::Network& network) const {
    return network.vrf == ipam::vrf_default ? "" : state_.vrf(network.vrf)->name;
  }

  transfer::NetworkRow row_of(const ipam::Network& network) const {
    transfer::NetworkRow row;
    row.vrf = vrf_name(network);
    row.prefix = network.prefix;
    row.description = network.description;
    row.tags = network.tags;
    row.quarantine_seconds = network.quarantine_seconds;
    if (!network.extras) return row;
    const ipam::NetworkExtras& extras = *network.extras;
    if (extras.status != ipam::NetworkStatus::active) row.status = to_string(extras.status);
    if (extras.strategy != ipam::Strategy::first) row.strategy = to_string(extras.strategy);
    row.gateway = extras.gateway;
    row.threshold_percent = extras.threshold_percent;
    row.metadata = extras.metadata;
    return row;
  }

  transfer::ReservationRow row_of(const ipam::Network& network,
                                  const ipam::Reservation& reservation) const {
    return {vrf_name(network), reservation.first,  reservation.last,
            reservation.reason, reservation.tags, reservation.metadata};
  }

  transfer::AllocationRow row_of(const ipam::Network& network,
                                 const ipam::Allocation& allocation) const {
    transfer::AllocationRow row;
    row.vrf = vrf_name(network);
    row.first = allocation.first;
    row.last = allocation.last;
    row.network = network.prefix;
    row.has_network = true;
    row.hostname = allocation.hostname;
    row.description = allocation.description;
    row.tags = allocation.tags;
    if (!allocation.extras) return row;
    row.owner = allocation.extras->owner;
    row.metadata = allocation.extras->metadata;
    return row;
  }

  // The node's own, which outlives all sessions; a snapshot that is installed is moved into it.
  const ipam::StateMachine& state_;
  const Selection selection_;
  const transfer::Writer writer_;
  const ipam::Counters end_;  // ids from these on were made after the export began
  bool has_begun_ = false;
  bool is_cancelled_ = false;
  ipam::NetworkId next_;  // what comes next, from this network on
  // In next_, where that is begun: one of the two.
  std::optional<ipam::U128> next_reservation_;
  std::optional<ipam::Address> next_allocation_;
};

struct Wanted {
  transfer::ExportFormat format = transfer::ExportFormat::json;
  std::optional<ipam::VrfReference> vrf;
  std::optional<ipam::NetworkId> network;
  std::optional<ipam::Prefix> within;
  transfer::ZoneOptions zone;
};

std::string file_name(const Wanted& wanted) {
  switch (wanted.format) {
    case transfer::ExportFormat::csv: return "ipam.csv";
    case transfer::ExportFormat::json: return "ipam.ndjson";
    case transfer::ExportFormat::hosts: return "hosts";
    case transfer::ExportFormat::zone: break;
  }
  return wanted.zone.name + ".zone";
}

// hosts(5) and DNS know one address space: the default VRF's where none is named.
bool knows_vrfs(transfer::ExportFormat format) {
  return format == transfer::ExportFormat::csv || format == transfer::ExportFormat::json;
}

http::Response render_export(const ipam::StateMachine& state, Wanted wanted) {
  Selection selection{std::nullopt, wanted.network, wanted.within};
  if (wanted.network && !state.network(*wanted.network))
    return network_not_found(ipam::to_string(*wanted.network));
  if (wanted.vrf) {
    const ipam::Vrf* vrf = state.vrf(*wanted.vrf);
    if (!vrf) return vrf_not_found(*wanted.vrf);
    selection.vrf = vrf->id;
  } else if (!knows_vrfs(wanted.format) && !wanted.network) {
    selection.vrf = ipam::vrf_default;
  }
  // Seconds of the replicated clock: it never goes back, as the serial of a zone must not.
  wanted.zone.serial = static_cast<std::uint32_t>(state.counters().now / 1000);
  http::Response response;
  response.content_type = transfer::media_type(wanted.format);
  response.headers.push_back(
      {"Content-Disposition", fmt::format("attachment; filename=\"{}\"", file_name(wanted))});
  response.stream = std::make_shared<ExportSource>(
      state, std::move(selection), transfer::Writer(wanted.format, std::move(wanted.zone)));
  return response;
}

http::Response invalid(std::string_view detail) {
  return problem(Problem::invalid_parameter, detail);
}

// The zone of format=zone, which alone has one.
base::Result<transfer::ZoneOptions, http::Response> read_zone(const Query& query, bool is_zone) {
  transfer::ZoneOptions zone;
  const std::string* name = query.find("zone");
  const std::string* server = query.find("name_server");
  if (!is_zone && (name || server))
    return base::fail(invalid("zone and name_server go with format=zone alone"));
  if (!is_zone) return zone;
  if (!name) return base::fail(invalid("format=zone needs zone, such as example.com"));
  auto parsed = transfer::parse_zone_name(*name);
  if (!parsed) return base::fail(invalid("zone: " + parsed.error()));
  zone.name = *std::move(parsed);
  if (!server) return zone;
  auto host = transfer::parse_zone_name(*server);
  if (!host) return base::fail(invalid("name_server: " + host.error()));
  zone.name_server = *std::move(host);
  return zone;
}

}  // namespace

Body export_rows(const Call& call) {
  Wanted wanted;
  if (const std::string* text = call.query.find("format")) {
    const auto format = transfer::parse_export_format(*text);
    if (!format)
      return Answer{
          invalid(fmt::format("format must be csv, json, hosts or zone, not {}", quoted(*text)))};
    wanted.format = *format;
  }
  auto zone = read_zone(call.query, wanted.format == transfer::ExportFormat::zone);
  if (!zone) return Answer{zone.error()};
  wanted.zone = *std::move(zone);
  if (const std::string* vrf = call.query.find("vrf")) wanted.vrf = parse_vrf(*vrf);
  if (const std::string* text = call.query.find("network_id")) {
    wanted.network = ipam::parse_network_id(*text);
    if (!wanted.network) return Answer{network_not_found(*text)};
  }
  if (const std::string* text = call.query.find("within")) {
    const auto prefix = parse_cidr(*text);
    if (!prefix) return Answer{invalid_cidr(prefix.error())};
    wanted.within = *prefix;
  }
  return Read{call.consistency, [wanted](const ipam::StateMachine& state) {
                return render_export(state, wanted);
              }};
}

}  // namespace api
