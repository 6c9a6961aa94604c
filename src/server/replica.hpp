// The replicated address plan of one node: applies committed entries to the state machine, hands
// the changes to state.db, and tells the clients of this node what became of their commands.
// The raft::Host of this program. Everything runs on the io thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>

#include "base/log.hpp"
#include "base/unique_function.hpp"
#include "ipam/state_machine.hpp"
#include "raft/node/host.hpp"
#include "server/index_waiters.hpp"
#include "server/no_history.hpp"
#include "server/node_files.hpp"
#include "state/state_store.hpp"

namespace server {

// Why there is no outcome.
enum class WriteFailure : std::uint8_t {
  refused,     // certainly not appended
  overloaded,  // certainly not appended
  unknown,
  stopping,    // certainly not appended
};
struct Decided {
  ipam::Outcome outcome;
  bool replayed = false;  // ipam::Applied
};
using WriteResult = std::variant<Decided, WriteFailure>;

struct ReplicaEvents {
  // The process is to stop; `reason` is a sentence, `failed` whether something is broken.
  std::function<void(const std::string& reason, bool failed)> on_stop_wanted;
  // The change stream; each may be empty. An entry was applied; a batch of them was; the state was
  // replaced by one of that revision.
  std::function<void(ipam::Revision, const ipam::SharedChanges&)> on_changed;
  std::function<void()> on_batch;
  std::function<void(ipam::Revision)> on_replaced;
};

class Replica : public raft::Host {
 public:
  // `origin` is the one in the node's DriverOptions.
  Replica(base::Logger& logger, const NodeSpec& spec, std::uint64_t origin, NodeFiles& files,
          ReplicaEvents events);

  // Must be called once before anything else: the node needs its host, and the host its node.
  void attach(raft::Proposer& node) { node_ = &node; }

  using Written = base::UniqueFunction<void(WriteResult)>;
  void write(const ipam::Command& command, Written done);
  // What the command would give as the next entry, on what is applied here; nothing is changed.
  ipam::Outcome preview(const ipam::Command& command) {
    return state_machine_.preview(ipam::Revision(applied_.index.value() + 1), node_->time_ms(),
                                  command);
  }
  // Answers within the call where memory knows all that state.db does, otherwise by state.db, as of
  // what is applied now.
  using Answered = base::UniqueFunction<void(base::Result<ipam::HistoryAnswer, std::string>)>;
  void ask(ipam::HistoryQuery query, Answered done);
  // The same, always by state.db. All questions go to it by this way: some lack what memory adds.
  using AnsweredByStore = std::function<void(base::Result<ipam::HistoryAnswer, std::string>)>;
  void ask_store(ipam::HistoryQuery query, AnsweredByStore done);
  // Calls `done(true)` once this index is applied, `done(false)` when the process stops.
  // REQUIRES: index > applied().
  IndexWaiters::Ticket when_applied(raft::Index index, IndexWaiters::Done done);
  void stop_waiting(const IndexWaiters::Ticket& ticket) { waiters_.remove(ticket); }
  // Called now and then: a leader proposes the end of leases that are due.
  void expire_leases();
  bool has_due_leases() const;
  // Answers whoever waits for an outcome or an index: there will be none here.
  void fail_waiting();
  // Everything applied so far is in state.db, durably; at the end of a process.
  void flush(std::function<void()> done);

  const ipam::StateMachine& state_machine() const { return state_machine_; }
  state::StateStore& store() { return *store_; }
  // After it no VRF and no network was changed; at most applied().
  raft::Index plan_changed() const { return plan_changed_; }
  raft::Index applied() const { return applied_.index; }
  const std::string& failure() const { return failure_; }

  // ---- raft::Host ----
  void apply(const raft::AppliedEntry& entry) override;
  bool is_behind() const override;
  std::optional<std::uint64_t> digest() const override {
    return state_machine_.counters().digest;
  }
  std::int64_t time_ms() const override { return state_machine_.counters().now; }
  void on_applied_batch() override;
  void on_proposal_failed(const raft::FailedProposal& failed) override;
  void on_became_leader(raft::Term term, const std::string& why) override;
  void on_removed() override;
  void on_failure(const std::string& reason) override;
  void make_snapshot(Made done) override;
  void read_snapshot(std::uint64_t offset, std::size_t size, Bytes done) override;
  void drop_snapshot() override;
  void begin_receive(std::uint64_t total_bytes, Done done) override;
  void drop_received() override;
  void write_chunk(std::uint64_t offset, base::SharedBytes data, Done done) override;
  void install_snapshot(const raft::SnapshotMeta& meta, Done done) override;

 private:
  std::optional<ipam::HistoryAnswer> answer_from_memory(const ipam::HistoryQuery& query) const;
  void apply_command(const raft::AppliedEntry& entry, std::vector<ipam::Change>& changes);
  void apply_configuration(const raft::AppliedEntry& entry, std::vector<ipam::Change>& changes);
  void record_event(ipam::RecordEvent event, ipam::Revision revision,
                    std::vector<ipam::Change>& changes);
  void complete(const raft::ProposalId& id, WriteResult result);

  base::Logger& logger_;
  const NodeSpec spec_;
  const std::uint64_t origin_;
  const ReplicaEvents events_;
  raft::Proposer* node_ = nullptr;
  ipam::StateMachine state_machine_;
  std::unique_ptr<state::StateStore> store_;
  NoHistory no_history_;
  raft::LogPosition applied_;
  raft::Index plan_changed_;  // where it is not known: what was applied when it began to be
  raft::Configuration configuration_;  // as of applied_
  bool configuration_stored_;
  bool expiring_ = false;  // an ExpireLeases of ours is under way
  std::string failure_;
  std::unordered_map<std::uint64_t, Written> writes_;  // by sequence
  IndexWaiters waiters_;
};

}  // namespace server
