// One command on its way through the state machine: what it may change, and the changes that it
// made so far. Each decide() checks everything first and changes only what is then certain to
// succeed, so an Error leaves nothing to undo. Pure; lives for the length of one
// StateMachine::apply().
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ipam/address_plan.hpp"
#include "ipam/change.hpp"
#include "ipam/command.hpp"

namespace ipam {

// Of leases and of quarantines each, so that one entry of the log holds up the node for a few
// milliseconds at most. What is left over is still due, and the leader proposes again.
inline constexpr std::size_t leases_per_expiry_max = 10'000;

// What most operations of a transaction make: an object is put, and the audit log told.
inline constexpr std::size_t changes_per_operation = 2;

struct Decision {
  AddressPlan& plan;
  Counters& counters;  // counters.now is the time of this command
  Revision revision;
  const std::string& actor;
  std::vector<Change>& changes;
  const std::vector<VrfId>& vrfs;  // nothing outside them is touched; empty: all may be
  std::size_t moves = 0;  // that the command has made so far: at most moves_max
  std::size_t weighed = 0, bytes = 0;  // of the changes so far, and the texts in them
  std::uint64_t steps_before = plan.steps();

  // Before one more operation of the command: whether those before it were too much already.
  std::optional<Error> check_cost();

  // Decides whichever it is, where the VRFs allow it.
  Outcome decide_any(const CommandBody& body);

  // Appends one audit entry to the changes.
  void audit(std::string action, std::string resource, std::string details);

  // The addresses wait no longer; what is left of a range on either side of them still does.
  void cut_quarantines(const NetworkState& state, U128 first, U128 last);

  // As a command of its own would: also told and audited.
  void delete_reservation(ReservationId id);
  // Adds the network under a new id, as of now, and tells. REQUIRES: as AddressPlan::add_network.
  const Network& create(Network network);

  // Tells where the network's utilization has crossed its threshold: it was reached before, or not.
  void note_threshold(const NetworkState& state, bool was_reached);

  Outcome decide(const CreateNetwork& command);
  Outcome decide(const DeleteNetwork& command);
  Outcome decide(const Allocate& command);
  Outcome decide(const Release& command);
  Outcome decide(const ExpireLeases& command);
  Outcome decide(const RecordEvent& command);
  Outcome decide(const UpdateAllocation& command);
  Outcome decide(const RenewLease& command);
  Outcome decide(const Transaction& command);
  Outcome decide(const Import& command);
  Outcome decide(const CreateVrf& command);
  Outcome decide(const UpdateVrf& command);
  Outcome decide(const DeleteVrf& command);
  Outcome decide(const UpdateNetwork& command);
  Outcome decide(const CarveNetworks& command);
  Outcome decide(const CreateReservation& command);
  Outcome decide(const UpdateReservation& command);
  Outcome decide(const DeleteReservation& command);
  Outcome decide(const SplitNetwork& command);
  Outcome decide(const MergeNetworks& command);
  Outcome decide(const CreateToken& command);
  Outcome decide(const RevokeToken& command);
  Outcome decide(const TouchTokens& command);
};

// What a decision does from here on, until it is kept or undone: one of the two is called.
class Attempt {
 public:
  explicit Attempt(Decision& decision)
      : decision_(decision),
        counters_(decision.counters),
        changes_(decision.changes.size()),
        mark_(decision.plan.journal().begin()) {}

  void keep() { decision_.plan.journal().commit(mark_); }
  void undo() {
    decision_.plan.journal().rollback(mark_, decision_.plan);
    decision_.counters = counters_;
    decision_.changes.erase(decision_.changes.begin() + static_cast<std::ptrdiff_t>(changes_),
                            decision_.changes.end());
  }

 private:
  Decision& decision_;
  const Counters counters_;
  const std::size_t changes_;
  const UndoJournal<AddressPlan>::Mark mark_;
};

// The names of the fields that have another value than before, for the audit log.
class ChangedFields {
 public:
  void add(bool is_changed, std::string_view name) {
    if (!is_changed) return;
    if (!names_.empty()) names_ += ", ";
    names_ += name;
  }
  const std::string& names() const { return names_; }

 private:
  std::string names_;
};

Error vrf_not_found(const VrfReference& vrf);
Error network_not_found(NetworkId id);
std::string in_vrf(const Vrf& vrf);  // " in VRF blue"; nothing for the default one
Error network_exists(const Network& existing);
Error not_longer(const Prefix& whole);  // of a prefix_length that no block of it has
// What the network that would be the parent of this prefix has of it; nullopt: nothing.
std::optional<Error> check_parent(const AddressPlan& plan, VrfId vrf, const Prefix& prefix);
// Why the network cannot have this prefix; nullopt: it can.
std::optional<Error> check_resize(const AddressPlan& plan, const NetworkState& state,
                                  const Prefix& prefix);
Error network_not_active(const Network& network, std::string_view advice);
// Metadata as the patch leaves it; an Error where it has too many entries then.
std::optional<Error> patch_metadata(Metadata& metadata, const MetadataPatch& patch);
Error in_quarantine(const Quarantine& quarantine, std::string_view advice);
Error in_reservation(const Reservation& reservation, std::string_view advice);
Error hostname_in_use(const NetworkState& state, std::string_view hostname,
                      PackedAllocation holder);
std::string held_range(const Address& first, const Address& last);  // "10.0.0.1-10.0.0.5"
std::string held_range(PackedAllocation allocation);  // "10.0.0.1" where it is but one
// "Released 10.0.0.1 in 10.0.0.0/24", "Allocated 10.0.0.1-10.0.0.5 in 10.0.0.0/24 for web-1"
std::string sentence(std::string_view verb, const Allocation& allocation, const Network& network);

}  // namespace ipam
