#include "oracle.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ipam/command.hpp"
#include "raft/node/envelope.hpp"
#include "violation.hpp"

namespace simulation {

using raft::Index;
using raft::NodeId;

void Oracle::follow(const Invariants& invariants) {
  while (last() < invariants.committed_last()) {
    const Index index = last() + 1;
    apply(index, invariants.committed(index));
    digests_.push_back(machine_.digest());
  }
}

void Oracle::apply(Index index, const Invariants::Committed& entry) {
  const auto appended = appended_.find({index, entry.term});
  if (appended != appended_.end()) appending_ = std::max(appending_, appended->second);
  appended_.erase(appended_.begin(), appended_.lower_bound({index + 1, raft::Term()}));
  if (entry.kind == raft::EntryKind::command) apply_command(index, *entry.data);
  if (entry.kind == raft::EntryKind::configuration) apply_configuration(index, *entry.data);
}

void Oracle::apply_command(Index index, base::BytesView data) {
  const auto envelope = raft::open_envelope(data);
  const auto command = envelope ? ipam::decode_command(envelope->command) : std::nullopt;
  if (!command)
    throw Violation("committed_is_readable",
                    fmt::format("entry {} holds no command", index.value()));
  const auto [known, is_new] = proposals_.emplace(envelope->id, index);
  if (!is_new)
    throw Violation("one_outcome_per_proposal",
                    fmt::format("proposal {} of {:x} is committed at {} and {}",
                                envelope->id.sequence, envelope->id.origin,
                                known->second.value(), index.value()));
  if (refused_.contains(envelope->id))
    throw Violation("refused_is_not_committed",
                    fmt::format("proposal {} of {:x} was refused and is committed at {}",
                                envelope->id.sequence, envelope->id.origin, index.value()));
  ipam::Applied applied =
      machine_.apply(ipam::Revision(index.value()), envelope->timestamp_ms, *command);
  note(index, applied.changes);
  if (const std::string& key = command->idempotency.key; !key.empty()) {
    const auto [first, is_first] = keyed_outcomes_.emplace(key, applied.outcome);
    if (!is_first && first->second != applied.outcome)
      throw Violation("one_outcome_per_key",
                      fmt::format("{} has another outcome at {}", key, index.value()));
  }
  outcomes_[index] = std::move(applied.outcome);
}

// Who came, left and was promoted, for the audit log.
void Oracle::apply_configuration(Index index, base::BytesView data) {
  const auto next = raft::decode_configuration(data);
  if (!next)
    throw Violation("committed_is_readable",
                    fmt::format("entry {} holds no configuration", index.value()));
  const auto& before = configuration_.members;
  for (const auto& [id, member] : next->members)
    if (!before.contains(id))
      record(index, "node_added", id,
             fmt::format("Added node {} at {}", id.value(), member.address));
  for (const auto& [id, member] : before)
    if (!next->contains(id))
      record(index, "node_removed", id, fmt::format("Removed node {}", id.value()));
  for (const auto& [id, member] : next->members)
    if (before.contains(id) && before.at(id).learner() && member.voter)
      record(index, "node_promoted", id,
             fmt::format("Node {} has caught up and votes now", id.value()));
  configuration_ = *next;
}

void Oracle::record(Index index, const char* action, NodeId node, std::string details) {
  ipam::RecordEvent event{action, fmt::format("node-{}", node.value()), std::move(details)};
  const auto applied = machine_.apply(ipam::Revision(index.value()), machine_.counters().now,
                                      {"system", std::move(event)});
  note(index, applied.changes);
}

void Oracle::note(Index index, const std::vector<ipam::Change>& changes) {
  for (const ipam::Change& change : changes) {
    if (const auto* audit = std::get_if<ipam::AuditAppended>(&change)) {
      if (audit->entry.id.value() != audit_.size() + 1)
        throw Violation("history_matches_oracle",
                        fmt::format("audit entry {} follows {}", audit->entry.id.value(),
                                    audit_.size()));
      audit_.push_back(audit->entry);
      if (audit->entry.action == "leader_elected") led_since_ = appending_;
    } else if (const auto* network = std::get_if<ipam::NetworkPut>(&change)) {
      networks_[network->network.id] = network->network;
      vrf_of_[network->network.id] = network->network.vrf;
    } else if (const auto* deleted = std::get_if<ipam::NetworkDeleted>(&change)) {
      networks_.erase(deleted->id);
      std::erase_if(waits_, [&](const auto& entry) {
        return entry.second.first.network_id == deleted->id;
      });
    } else if (const auto* put = std::get_if<ipam::AllocationPut>(&change)) {
      const std::size_t at = put->allocation.id.value() - 1;
      if (allocations_.size() <= at) allocations_.resize(at + 1);
      allocations_[at].push_back(put->allocation);
      if (put->allocation.revision.value() != index.value())
        throw Violation("history_matches_oracle", "a change does not carry its index");
      hold(put->allocation);
      follow_lease(put->allocation);
    }
  }
}

void Oracle::hold(const ipam::Allocation& allocation) {
  if (allocation.status == ipam::AllocationStatus::expired &&
      allocation.released_at < allocation.expires_at)
    throw Violation("no_lease_ends_early",
                    fmt::format("{} ended before its end", ipam::to_string(allocation.id)));
  const ipam::VrfId vrf = vrf_of_.at(allocation.network_id);
  if (allocation.status != ipam::AllocationStatus::allocated) {
    held_.erase({vrf, allocation.first});
    const auto seconds = networks_.at(allocation.network_id).quarantine_seconds;
    if (seconds > 0)
      waits_[{vrf, allocation.first}] = {allocation,
                                         *allocation.released_at + ipam::TimeMs{1000} * seconds};
    return;
  }
  check_waits(allocation);
  if (allocation.hostname.starts_with(key_prefix)) {
    const auto [first, is_first] = keyed_allocations_.emplace(allocation.hostname, allocation.id);
    if (!is_first && first->second != allocation.id)
      throw Violation("one_outcome_per_key",
                      fmt::format("{} made {} and {}", allocation.hostname,
                                  ipam::to_string(first->second), ipam::to_string(allocation.id)));
  }
  const auto after = held_.upper_bound({vrf, allocation.last});
  if (after != held_.begin() && std::prev(after)->first.first == vrf) {
    const ipam::Allocation& other = std::prev(after)->second;
    if (other.last >= allocation.first && other.first.family == allocation.first.family &&
        other.id != allocation.id)
      throw Violation("no_address_twice",
                      fmt::format("{} is held by {} and {}", ipam::to_string(allocation.first),
                                  ipam::to_string(other.id), ipam::to_string(allocation.id)));
  }
  held_[{vrf, allocation.first}] = allocation;
}

void Oracle::follow_lease(const ipam::Allocation& allocation) {
  // The time that a command takes, and what a clock is slewed in the longest lease.
  constexpr Time tolerance = 20 * millisecond;
  const auto lease = leases_.find(allocation.id);
  if (allocation.status == ipam::AllocationStatus::expired && lease != leases_.end() &&
      !clocks_lost_ && appending_ + tolerance < lease->second.begun + lease->second.ttl)
    throw Violation("no_lease_ends_early",
                    fmt::format("{} was to last {} ms and ended after {} ms",
                                ipam::to_string(allocation.id), lease->second.ttl / millisecond,
                                (appending_ - lease->second.begun) / millisecond));
  if (allocation.status == ipam::AllocationStatus::allocated && allocation.expires_at) {
    const std::int64_t ttl_ms = *allocation.expires_at - machine_.counters().now;
    leases_[allocation.id] = {appending_, static_cast<Time>(ttl_ms) * millisecond};
  } else {
    leases_.erase(allocation.id);
  }
}

// The workload never forces an address, so none may be handed out that waits, but to whom it was
// taken from.
void Oracle::check_waits(const ipam::Allocation& allocation) {
  std::erase_if(waits_, [&](const auto& entry) {
    return entry.second.second <= machine_.counters().now;
  });
  const ipam::VrfId vrf = vrf_of_.at(allocation.network_id);
  const auto after = waits_.upper_bound({vrf, allocation.last});
  if (after == waits_.begin() || std::prev(after)->first.first != vrf) return;
  const ipam::Allocation& ended = std::prev(after)->second.first;
  const bool is_own = ended.extras && allocation.extras && !ended.extras->owner.empty() &&
                      ended.extras->owner == allocation.extras->owner &&
                      ended.first == ended.last && ended.first == allocation.first;
  if (is_own) {
    waits_.erase({vrf, ended.first});
    return;
  }
  if (ended.last >= allocation.first && ended.first.family == allocation.first.family)
    throw Violation("no_address_in_quarantine",
                    fmt::format("{} of {} waits, and {} got it", ipam::to_string(ended.first),
                                ipam::to_string(ended.id), ipam::to_string(allocation.id)));
}

// ---- checks ----

void Oracle::check_no_lease_is_late(Time now) const {
  if (clocks_lost_) return;
  for (const auto& [id, lease] : leases_) {
    const Time due = std::max(lease.begun + lease.ttl, led_since_);
    if (now > due + 2 * second)
      throw Violation("no_lease_is_held_late",
                      fmt::format("{} should have ended {} ms ago", ipam::to_string(id),
                                  (now - due) / millisecond));
  }
}

void Oracle::check_digest(NodeId node, Index index, std::uint64_t digest) const {
  if (index > last() || digests_[index.value()] != digest)
    throw Violation("digest_matches_oracle",
                    fmt::format("node {} has another state as of entry {}", node.value(),
                                index.value()));
}

Index Oracle::check_outcome(const raft::ProposalId& id, const ipam::Outcome& outcome) const {
  const auto at = proposals_.find(id);
  if (at == proposals_.end())
    throw Violation("acknowledged_is_committed",
                    fmt::format("proposal {} of {:x} was answered and is not committed",
                                id.sequence, id.origin));
  if (outcomes_.at(at->second) != outcome)
    throw Violation("outcome_matches_oracle",
                    fmt::format("the client of entry {} was told something else than it is",
                                at->second.value()));
  return at->second;
}

void Oracle::check_refused(const raft::ProposalId& id) {
  refused_.insert(id);
  const auto at = proposals_.find(id);
  if (at != proposals_.end())
    throw Violation("refused_is_not_committed",
                    fmt::format("proposal {} of {:x} is committed at {} and refused", id.sequence,
                                id.origin, at->second.value()));
}

void Oracle::check_audit(NodeId node, Index index,
                         const std::vector<ipam::AuditEntry>& entries) const {
  std::size_t expected = 0;
  while (expected < audit_.size() && audit_[expected].revision.value() <= index.value())
    ++expected;
  const bool same = entries.size() == expected &&
                    std::equal(entries.rbegin(), entries.rend(), audit_.begin());
  if (!same)
    throw Violation("history_matches_oracle",
                    fmt::format("node {} has {} audit entries as of {}, of {}", node.value(),
                                entries.size(), index.value(), expected));
}

void Oracle::check_allocations(NodeId node, Index index,
                               const std::vector<ipam::Allocation>& allocations) const {
  std::size_t at = 0;
  const auto fail = [&] {
    throw Violation("history_matches_oracle",
                    fmt::format("node {} has other allocations as of {}", node.value(),
                                index.value()));
  };
  for (const auto& versions : allocations_) {
    const auto after = std::ranges::find_if(versions, [&](const ipam::Allocation& version) {
      return version.revision.value() > index.value();
    });
    if (after == versions.begin()) continue;
    if (at >= allocations.size() || allocations[at] != *std::prev(after)) fail();
    ++at;
  }
  if (at != allocations.size()) fail();
}

}  // namespace simulation
