// What the cluster should have come to: the committed log applied to a state machine of its own,
// once. Nodes are compared with it after every step, and clients' answers, too. Its names of broken
// invariants:
//
//   digest_matches_oracle        a node's state as of an index is the oracle's
//   one_outcome_per_proposal     a proposal is in the committed log at most once
//   refused_is_not_committed     what a client was told is certainly not in the log is not
//   acknowledged_is_committed    what a client was told is done is in the committed log
//   outcome_matches_oracle       and the outcome it was told is the one that it has there
//   real_time_order              an operation that began after another ended comes after it
//   no_address_twice             no address has two holders in one VRF
//   one_outcome_per_key          a command that is sent again with its idempotency key, to any
//                                node, allocates once and has the outcome of the first time
//   no_lease_ends_early          whatever the wall clocks of the nodes say
//   no_lease_is_held_late        no longer than two seconds after its end, or after a leader came
//   history_matches_oracle       audit and allocations of state.db are those of the committed log
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "events.hpp"
#include "invariants.hpp"
#include "ipam/state_machine.hpp"
#include "raft/core/message.hpp"

namespace simulation {

// Of the idempotency keys of the workload, and of the hostnames that say which key made them.
inline constexpr std::string_view key_prefix = "key-";

class Oracle {
 public:
  explicit Oracle(raft::Configuration initial) : configuration_(std::move(initial)) {
    digests_.push_back(machine_.digest());
  }

  // An entry is in a log: it was appended at the time of the first one.
  void saw(raft::Index index, raft::Term term, Time now) {
    if (index > last()) appended_.emplace(std::pair(index, term), now);
  }
  // A node has lost what it knew of the time, or its clock was set when it could not see it: from
  // now on leases may end at any time.
  void clocks_are_lost() { clocks_lost_ = true; }
  // Applies what is committed beyond what it has. Throws Violation.
  void follow(const Invariants& invariants);

  raft::Index last() const { return raft::Index(digests_.size() - 1); }
  // REQUIRES: index <= last().
  std::uint64_t digest(raft::Index index) const { return digests_[index.value()]; }
  const ipam::StateMachine& machine() const { return machine_; }
  const raft::Configuration& configuration() const { return configuration_; }

  // ---- checks; they throw Violation ----
  void check_digest(raft::NodeId node, raft::Index index, std::uint64_t digest) const;
  // The client of `id` gets `outcome`. Gives the index of its entry.
  raft::Index check_outcome(const raft::ProposalId& id, const ipam::Outcome& outcome) const;
  void check_refused(const raft::ProposalId& id);
  // What state.db has as of `index`.
  void check_audit(raft::NodeId node, raft::Index index,
                   const std::vector<ipam::AuditEntry>& entries) const;
  void check_allocations(raft::NodeId node, raft::Index index,
                         const std::vector<ipam::Allocation>& allocations) const;
  void check_no_lease_is_late(Time now) const;

 private:
  struct Lease {
    Time begun = 0;
    Time ttl = 0;
  };

  void apply(raft::Index index, const Invariants::Committed& entry);
  void apply_command(raft::Index index, base::BytesView data);
  void apply_configuration(raft::Index index, base::BytesView data);
  void record(raft::Index index, const char* action, raft::NodeId node, std::string details);
  void note(raft::Index index, const std::vector<ipam::Change>& changes);
  void hold(const ipam::Allocation& allocation);
  void follow_lease(const ipam::Allocation& allocation);
  void check_waits(const ipam::Allocation& allocation);

  ipam::StateMachine machine_;
  raft::Configuration configuration_;
  std::vector<std::uint64_t> digests_;  // by index
  std::map<raft::ProposalId, raft::Index> proposals_;
  std::map<raft::Index, ipam::Outcome> outcomes_;
  std::map<std::string, ipam::Outcome> keyed_outcomes_;          // by idempotency key, the first
  std::map<std::string, ipam::AllocationId> keyed_allocations_;  // by hostname that is a key
  std::set<raft::ProposalId> refused_;
  std::map<std::pair<raft::Index, raft::Term>, Time> appended_;
  Time appending_ = 0;  // when the entry that is being applied was appended
  Time led_since_ = 0;
  std::map<ipam::AllocationId, Lease> leases_;
  bool clocks_lost_ = false;
  std::vector<ipam::AuditEntry> audit_;                         // by id - 1
  std::vector<std::vector<ipam::Allocation>> allocations_;      // by id - 1: all versions
  std::map<ipam::NetworkId, ipam::VrfId> vrf_of_;               // of all networks that ever were
  // Active ones by VRF and first address.
  std::map<std::pair<ipam::VrfId, ipam::Address>, ipam::Allocation> held_;
  // Ended allocations of networks with a quarantine, until that is over.
  std::map<ipam::NetworkId, ipam::Network> networks_;
  std::map<std::pair<ipam::VrfId, ipam::Address>, std::pair<ipam::Allocation, ipam::TimeMs>>
      waits_;
};

}  // namespace simulation
