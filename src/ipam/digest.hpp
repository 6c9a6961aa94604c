// A 64-bit digest of records in a fixed order, equal on every machine. It finds nodes that have
// come apart; it is no protection against somebody who wants two states to look alike. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "ipam/change.hpp"
#include "ipam/model.hpp"

namespace ipam {

class Digest {
 public:
  // Goes on from the value of an earlier one.
  explicit Digest(std::uint64_t value = 0) : value_(value) {}

  void add(std::uint64_t word) {  // one step of splitmix64 over the sum so far
    std::uint64_t z = (value_ ^ word) + 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    value_ = z ^ (z >> 31);
  }

  void add(std::string_view text) {
    add(text.size());
    for (; text.size() >= 8; text.remove_prefix(8)) add(word_of(text, 8));
    if (!text.empty()) add(word_of(text, text.size()));
  }

  void add(const std::vector<std::string>& texts) {
    add(texts.size());
    for (const auto& text : texts) add(std::string_view(text));
  }

  void add(std::optional<TimeMs> time) {
    add(std::uint64_t{time.has_value()});
    add(static_cast<std::uint64_t>(time.value_or(0)));
  }

  void add(const Address& address) {
    add(static_cast<std::uint64_t>(address.family));
    add(static_cast<std::uint64_t>(address.value));
    add(static_cast<std::uint64_t>(address.value >> 64));
  }

  void add(const base::Sha256& hash) {
    add(std::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()));
  }

  void add(const Metadata& metadata) {
    add(metadata.size());
    for (const auto& [key, value] : metadata) {
      add(std::string_view(key));
      add(std::string_view(value));
    }
  }

  void add(const Network& network) {
    add(network.id.value());
    add(network.prefix.base);
    add(static_cast<std::uint64_t>(network.prefix.length));
    add(std::string_view(network.description));
    add(network.tags);
    add(static_cast<std::uint64_t>(network.created_at));
    add(static_cast<std::uint64_t>(network.updated_at));
    add(network.revision.value());
    add(std::uint64_t{network.quarantine_seconds});
    add(network.vrf.value());
    if (network.extras) add(*network.extras);
  }

  void add(const NetworkExtras& extras) {
    add(static_cast<std::uint64_t>(extras.status));
    add(static_cast<std::uint64_t>(extras.strategy));
    add(std::uint64_t{extras.gateway.has_value()});
    if (extras.gateway) add(*extras.gateway);
    add(std::uint64_t{extras.threshold_percent});
    add(extras.metadata);
  }

  void add(const Vrf& vrf) {
    add(vrf.id.value());
    add(std::string_view(vrf.name));
    add(std::string_view(vrf.description));
    add(static_cast<std::uint64_t>(vrf.created_at));
    add(static_cast<std::uint64_t>(vrf.updated_at));
    add(vrf.revision.value());
  }

  void add(const Quarantine& quarantine) {
    add(quarantine.network_id.value());
    add(quarantine.first);
    add(quarantine.last);
    add(static_cast<std::uint64_t>(quarantine.ends_at));
    add(quarantine.allocation_id.value());
  }

  void add(const Allocation& allocation) {
    add(allocation.id.value());
    add(allocation.network_id.value());
    add(allocation.first);
    add(allocation.last);
    add(std::string_view(allocation.hostname));
    add(std::string_view(allocation.description));
    add(allocation.tags);
    add(static_cast<std::uint64_t>(allocation.status));
    add(static_cast<std::uint64_t>(allocation.allocated_at));
    add(allocation.expires_at);
    add(allocation.released_at);
    add(allocation.revision.value());
    if (!allocation.extras) return;
    add(std::string_view(allocation.extras->owner));
    add(allocation.extras->metadata);
  }

  void add(const LastHeld& held) {
    add(held.network_id.value());
    add(std::string_view(held.owner));
    add(held.address);
    add(held.allocation_id.value());
    add(held.revision.value());
  }

  void add(const Reservation& reservation) {
    add(reservation.id.value());
    add(reservation.network_id.value());
    add(reservation.first);
    add(reservation.last);
    add(std::string_view(reservation.reason));
    add(reservation.tags);
    add(reservation.metadata);
    add(static_cast<std::uint64_t>(reservation.created_at));
    add(reservation.revision.value());
  }

  void add(const Token& token) {
    add(token.id.value());
    add(std::string_view(token.name));
    add(static_cast<std::uint64_t>(token.role));
    add(token.vrfs.size());
    for (const VrfId vrf : token.vrfs) add(vrf.value());
    add(token.hash);
    add(static_cast<std::uint64_t>(token.created_at));
    add(token.expires_at);
    add(token.last_used_at);
    add(token.revision.value());
  }

  void add(const AuditEntry& entry) {
    add(entry.id.value());
    add(static_cast<std::uint64_t>(entry.timestamp));
    add(std::string_view(entry.action));
    add(std::string_view(entry.resource));
    add(std::string_view(entry.details));
    add(std::string_view(entry.user));
    add(entry.revision.value());
    add(entry.hash);
  }

  void add(const NetworkPut& change) { add(change.network); }
  void add(const NetworkDeleted& change) { add(change.id.value()); }
  void add(const AllocationPut& change) { add(change.allocation); }
  void add(const AuditAppended& change) { add(change.entry); }
  void add(const StoredOutcome& stored) {
    add(std::string_view(stored.key));
    add(stored.request_hash);
    add(static_cast<std::uint64_t>(stored.forgotten_at));
    add(stored.revision.value());
    add(std::string_view(stored.outcome));
  }
  void add(const OutcomeStored& change) { add(change.stored); }
  void add(const OutcomeForgotten& change) { add(std::string_view(change.key)); }
  void add(const QuarantinePut& change) { add(change.quarantine); }
  void add(const QuarantineEnded& change) {
    add(change.network_id.value());
    add(change.first);
  }
  void add(const VrfPut& change) { add(change.vrf); }
  void add(const VrfDeleted& change) { add(change.id.value()); }
  void add(const LastHeldPut& change) { add(change.held); }
  void add(const LastHeldForgotten& change) {
    add(change.network_id.value());
    add(std::string_view(change.owner));
  }
  void add(const ThresholdCrossed& change) {
    add(change.network_id.value());
    add(std::uint64_t{change.threshold_percent});
    add(std::uint64_t{change.is_reached});
  }
  void add(const ReservationPut& change) { add(change.reservation); }
  void add(const ReservationDeleted& change) {
    add(change.id.value());
    add(change.network_id.value());
  }
  void add(const TokenPut& change) { add(change.token); }
  void add(const TokenRevoked& change) { add(change.id.value()); }
  void add(const Change& change) {
    add(change.index());
    std::visit([this](const auto& one) { add(one); }, change);
  }

  std::uint64_t value() const { return value_; }

 private:
  // Its first bytes as a number, the highest one first.
  static std::uint64_t word_of(std::string_view text, std::size_t bytes) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      word = word << 8 | static_cast<unsigned char>(text[i]);
    return word;
  }

  std::uint64_t value_;
};

}  // namespace ipam
