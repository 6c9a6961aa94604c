// Who votes and who listens. A configuration is a value: a configuration entry in the log and a
// snapshot carry it whole, so rolling one back or compacting one away needs no replay.
// Pure; joint consensus as in Raft §6, learners as in the thesis §4.2.1.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "raft/core/types.hpp"

namespace raft {

inline constexpr std::size_t members_max = 31;         // a cluster is small; bounds every message
inline constexpr std::size_t address_bytes_max = 300;  // host name (255) and port

struct Member {
  std::string address;    // host:port of its raft listener; empty in standalone mode
  bool voter = false;     // votes in the new (or only) configuration
  bool outgoing = false;  // votes in the old configuration of a joint one
  // A learner that the leader makes a voter when it has caught up; of a voter on its way out: it
  // stays as such a learner.
  bool promote = false;
  // The data directory whose votes and acknowledgements count; 0: not known yet, any.
  std::uint64_t incarnation = 0;
  std::uint32_t command_version = 0;  // the latest that its program knows; 0: not known yet

  bool learner() const { return !voter && !outgoing; }
  friend bool operator==(const Member&, const Member&) = default;
};

// Whether votes and acknowledgements of this process count as those of the member.
bool is_of(const Member& member, const ProcessInfo& process);

struct Configuration {
  std::map<NodeId, Member> members;
  bool joint = false;  // elections and commits need a majority of both halves
  // Rises when a quorum was given up (`ipam cluster recover`): members of an earlier epoch are
  // refused.
  std::uint64_t epoch = 1;

  bool contains(NodeId id) const { return members.contains(id); }
  // Votes in either half.
  bool is_voter(NodeId id) const;
  std::size_t voter_count() const;  // of the new half
  // The latest version of commands that all members know; 0: not known.
  std::uint32_t command_version() const;
  friend bool operator==(const Configuration&, const Configuration&) = default;
};

// True where `granted(id)` holds for a majority of the voters, in a joint configuration for a
// majority of each half. An empty configuration has no quorum.
template <class Predicate>
bool has_quorum(const Configuration& configuration, Predicate granted);

// Format version 2: u8 version, u64 epoch, u8 joint, varint count, then per member in id order:
// u64 id, u8 flags (1 voter, 2 outgoing, 4 promote), u64 incarnation, u32 command version, string
// address. Version 1 was never released.
base::Bytes encode(const Configuration& configuration);
// nullopt where the bytes are no configuration.
std::optional<Configuration> decode_configuration(base::BytesView bytes);

template <class Predicate>
bool has_quorum(const Configuration& configuration, Predicate granted) {
  std::size_t voters = 0, voters_granted = 0, outgoing = 0, outgoing_granted = 0;
  for (const auto& [id, member] : configuration.members) {
    if (!member.voter && !member.outgoing) continue;
    const bool yes = granted(id);
    if (member.voter) ++voters, voters_granted += yes;
    if (member.outgoing) ++outgoing, outgoing_granted += yes;
  }
  if (voters == 0 || voters_granted * 2 <= voters) return false;
  return !configuration.joint || outgoing_granted * 2 > outgoing;
}

}  // namespace raft
