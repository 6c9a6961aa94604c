// The proposals of this node's clients, from the moment they arrive until they are applied, refused
// (certainly not in the log) or unknown. Pure; owned by the driver.
#pragma once

#include <deque>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "raft/core/message.hpp"

namespace raft {

enum class ProposalFailure : std::uint8_t {
  refused,  // certainly not in the log, and will never be
  unknown,  // may or may not be applied yet
};

struct FailedProposal {
  ProposalId id;
  ProposalFailure failure;
};

class Proposals {
 public:
  Proposals(std::uint64_t origin, std::uint64_t timeout_ticks, std::size_t queue_max)
      : origin_(origin), timeout_ticks_(timeout_ticks), queue_max_(queue_max) {}

  // False: the queue is full, nothing was taken.
  bool add(ProposalId id, base::SharedBytes command);
  bool has_queued() const { return !queued_.empty(); }
  // Takes some that wait for a leader: at most `count_max`, and no more once they have `bytes_max`.
  std::vector<Proposal> take_queued(std::size_t count_max, std::size_t bytes_max);
  // What became of a taken one. put_back(): certainly not appended, try again while there is time.
  void put_back(std::vector<Proposal> proposals);
  void forwarded(const std::vector<Proposal>& proposals, NodeId to);
  void appended(const ProposalId& id, Index index);
  // The leader (or the transport) says that it certainly did not append it.
  void refused(const ProposalId& id);

  // Who leads, as this node knows: what was forwarded to another one before is waited for only so
  // long, for a leader that died has taken it along. (Not refused: it may be in the log.)
  void leader_is(NodeId leader, std::uint64_t grace_ticks);

  // An entry was applied: `id` is whose it was ({} for none). An own proposal that this node had
  // appended at the same index was overwritten.
  void applied(Index index, const ProposalId& id);
  // A snapshot took the place of the entries up to `index`: whether it holds the own proposals that
  // were appended there cannot be seen.
  void skipped(Index index);
  // Time passes; gives up on what is too old.
  void tick();
  // At the end of the process: nothing will be heard of them here any more.
  void fail_all();

  std::vector<FailedProposal> take_failed() { return std::exchange(failed_, {}); }
  bool has_failed() const { return !failed_.empty(); }
  std::size_t size() const { return pending_.size(); }

 private:
  enum class Stage : std::uint8_t { queued, forwarded, appended };
  struct Pending {
    Stage stage = Stage::queued;
    Index index;  // where appended
    NodeId to;    // where forwarded
  };
  struct Deadline {
    std::uint64_t tick;
    ProposalId id;
  };
  struct Hash {
    std::size_t operator()(const ProposalId& id) const { return id.sequence; }
  };
  void fail(const ProposalId& id, ProposalFailure failure);

  const std::uint64_t origin_;
  const std::uint64_t timeout_ticks_;
  const std::size_t queue_max_;
  std::uint64_t now_ticks_ = 0;
  std::deque<Proposal> queued_;
  std::unordered_map<ProposalId, Pending, Hash> pending_;
  std::map<Index, ProposalId> appended_;
  std::deque<Deadline> deadlines_;  // in order of time, for all have the same timeout
  std::deque<Deadline> doomed_;     // forwarded to who leads no more; in order of time
  NodeId leader_;
  std::vector<FailedProposal> failed_;
};

}  // namespace raft
