// The two sides of a replicated state machine: the Host, which is the state machine and its files,
// and the Proposer, which is the node that drives it. Both live on the io thread.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "raft/node/driver.hpp"

namespace raft {

// The state machine that is replicated, and its snapshots. All calls come from the io thread; all
// callbacks must be called on it, later.
class Host {
 public:
  virtual ~Host() = default;
  // Every entry, in order; also those without a command, so that the position is known.
  virtual void apply(const AppliedEntry& entry) = 0;
  // Of the state as of the last applied entry; equal on all nodes that have applied the same. None:
  // the members' states are not compared.
  virtual std::optional<std::uint64_t> digest() const { return std::nullopt; }
  // The latest timestamp of a command that the state contains; 0: of none.
  virtual std::int64_t time_ms() const { return 0; }
  // So much that was applied is not written yet that nothing more should come for the moment.
  virtual bool is_behind() const { return false; }
  // All entries of one turn were applied.
  virtual void on_applied_batch() {}
  virtual void on_proposal_failed(const FailedProposal& failed) = 0;
  // `why` is a text, such as "node 2 hands over to it".
  virtual void on_became_leader(Term term, const std::string& why) = 0;
  // The node is no member any more, or its disk failed: the process is to stop.
  virtual void on_removed() = 0;
  virtual void on_failure(const std::string& reason) = 0;

  using Made = std::function<void(std::optional<SnapshotMeta>, std::uint64_t total_bytes)>;
  virtual void make_snapshot(Made done) = 0;
  using Bytes = std::function<void(std::optional<base::SharedBytes>)>;
  virtual void read_snapshot(std::uint64_t offset, std::size_t size, Bytes done) = 0;
  virtual void drop_snapshot() = 0;
  using Done = std::function<void(bool ok)>;
  virtual void begin_receive(std::uint64_t total_bytes, Done done) = 0;
  virtual void write_chunk(std::uint64_t offset, base::SharedBytes data, Done done) = 0;
  virtual void drop_received() = 0;
  virtual void install_snapshot(const SnapshotMeta& meta, Done done) = 0;
};

// What a host may ask of its node.
class Proposer {
 public:
  virtual ~Proposer() = default;
  // The host learns of the outcome from apply() or on_proposal_failed(). nullopt: refused now (the
  // queue is full, or the node is stopping).
  virtual std::optional<ProposalId> propose(base::SharedBytes command) = 0;
  // The host's state is durable up to here.
  virtual void on_state_durable(Index index) = 0;
  virtual const RaftCore& core() const = 0;
  virtual bool stopping() const = 0;
  // Replicated time: what a command would be stamped with now, as far as this node knows.
  virtual std::int64_t time_ms() = 0;
};

}  // namespace raft
