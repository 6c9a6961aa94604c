// One simulated node: a RaftCore, its disk, its state machine, and the duties that
// raft/core/ready.hpp gives to a host. What is not on the disk is lost by crash().
// A Mutant is a deliberately broken host: the tests check that an invariant notices it.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string_view>

#include "world.hpp"

namespace simulation {

enum class Mutant : std::uint8_t {
  none,
  forget_vote,            // a restarted node does not know that it voted
  ack_before_durable,     // votes and acknowledgements do not wait for the disk
  lose_tail_on_crash,     // acknowledged entries are gone after a crash
  apply_out_of_order,     // two committed entries are swapped
  persisted_too_early,    // the core hears that its entries are durable before they are
  read_before_applied,    // a read does not wait for its index
  answer_before_commit,   // a client is told that its write is done when it is proposed
  wipe_disk,              // an erased node comes back under its old id, and votes
  snapshot_configuration,  // a snapshot carries the latest configuration, committed or not
  answer_by_index,         // whatever is applied where a write was tells its client of success
  hard_state_before_entries,  // term, vote and commit in one write, the entries in the next
  retries_failed_write,    // a write that failed is tried again, "succeeds", and its bytes are lost
  snapshot_not_synced,     // an installed snapshot is gone after the next crash
  cuts_unsaved_state,      // the log is cut up to a state whose save failed
  lost_tail_unnoticed,     // acknowledged entries are lost and the node does not know it
};
std::optional<Mutant> mutant_named(std::string_view name);
std::string_view name_of(Mutant mutant);
std::vector<Mutant> all_mutants();

struct HostOptions {
  raft::CoreOptions core;
  Mutant mutant = Mutant::none;
  bool group_commit = false;      // one write at a time, not several in a row
  bool lazy_turns = false;        // Readies are taken a little later, several inputs at once
  unsigned state_write_percent = 50;  // how eagerly state and log are flushed and cut
  // The first configuration names the data directories of its members, so that the first leader
  // need not write them down.
  bool members_known = false;
};

// Told of what its operations came to.
class OperationListener {
 public:
  virtual ~OperationListener() = default;
  virtual void on_finished(std::uint64_t operation, bool ok) = 0;
};

class Host {
 public:
  Host(World& world, OperationListener& listener, raft::NodeId id, const HostOptions& options,
       State initial);

  // ---- life ----
  void start();
  // The disk keeps so many of the writes that were in flight, from the oldest on; by chance where
  // it is not said.
  void crash(std::optional<std::size_t> kept = std::nullopt);
  // The disk says that the oldest write in flight failed; what it holds of it is unknown. A right
  // host stops. REQUIRES: a write is in flight.
  void on_write_failed();
  bool running() const { return core_.has_value(); }
  // Lost acknowledged entries and has not got them back.
  bool recovering() const { return !disk_.up_to_date(lost_); }
  bool was_removed() const { return removed_; }
  // A new disk. A founder knows what it knew when it was first started, else it waits to be added.
  void wipe(bool as_founder);
  void allow_restart() { removed_ = false; }
  std::uint64_t generation() const { return generation_; }
  static constexpr std::uint32_t command_version = 1;  // of every node's program
  static std::uint64_t first_incarnation(raft::NodeId id) { return id.value() * 1000 + 1; }
  std::uint64_t incarnation() const { return first_incarnation(id()) + wipes_; }

  // ---- inputs; REQUIRE running() ----
  void tick();
  void receive(InFlight in_flight);
  void turn();
  void on_persisted(std::size_t batches);
  void maintain();
  // Saves the state that is applied, unless the disk is full.
  void save_state();
  // Forgets the log up to `index`, or up to where the saved state allows it.
  void cut_log(raft::Index index);
  // As of the saved state or as of what is applied; by chance where it is not said.
  void send_snapshot(raft::NodeId peer, std::optional<bool> saved = std::nullopt);
  void on_snapshot_reported(raft::NodeId peer, raft::Index index);
  void on_snapshot_timeout(raft::NodeId peer, std::uint64_t transfer);
  void on_disconnected(raft::NodeId peer);

  // False where refused.
  bool write(std::uint64_t operation, std::vector<base::SharedBytes> commands);
  bool read(std::uint64_t operation);
  bool add_member(raft::NodeId member);
  bool remove_member(raft::NodeId member);
  bool transfer_leader(raft::NodeId target);

  const raft::RaftCore& core() const { return *core_; }
  const Disk& disk() const { return disk_; }
  const State& state() const { return state_; }
  raft::NodeId id() const { return options_.core.id; }

  // ---- circumstances, set by the faults ----
  Time paused_until = 0;
  Time write_delay_max = 5 * millisecond;
  Time tick_period = 100 * millisecond;
  std::size_t lose_tail_entries = 0;  // at the next crash; the node knows of it when it starts
  bool disk_full = false;             // the state cannot be saved

 private:
  struct PendingWrite {
    Batch batch;
    std::optional<raft::PersistToken> token;
    std::vector<raft::Message> messages;
  };
  struct WaitingWrite {
    raft::Term term;
    std::uint64_t operation = 0;
    base::SharedBytes command;
    bool last = false;  // of its operation
  };
  struct WaitingRead {
    std::uint64_t operation = 0;
    raft::Index floor;
    std::optional<raft::Index> index;
  };

  void after_input();
  bool installing() const;  // the write of a snapshot is in flight
  void damage_disk();
  void check_leads_with_quorum();
  void perform(raft::Ready ready);
  void persist(raft::Ready& ready);
  void begin_writes();
  void begin_write(std::size_t batches);
  void send(raft::Message message);
  void send_after_persist(std::vector<raft::Message> messages);
  void apply(const raft::Entry& entry);
  void answer_write(const raft::Entry& entry);
  void serve_reads();
  void stop();

  World& world_;
  OperationListener& listener_;
  const HostOptions options_;
  const State initial_;
  Disk disk_;
  std::uint64_t wipes_ = 0;
  std::uint64_t generation_ = 0;
  bool removed_ = false;
  raft::LogPosition lost_;  // the end of the log before its tail was lost; as a side file has it
  std::optional<Disk> before_snapshot_;  // of snapshot_not_synced

  // Lost by a crash.
  std::optional<raft::RaftCore> core_;
  State state_;
  // Those that the core was told of since its last Ready.
  std::vector<std::shared_ptr<const State>> received_snapshots_;
  std::deque<PendingWrite> writes_;
  std::size_t writes_scheduled_ = 0, writes_running_ = 0;
  Time last_write_done_ = 0;
  bool turn_scheduled_ = false;
  // By its own ticks: when it heard from whom, and since when it leads the members it has.
  std::uint64_t ticks_ = 0;
  std::map<raft::NodeId, std::uint64_t> heard_at_tick_;
  std::uint64_t leads_since_tick_ = 0;
  std::pair<raft::Term, raft::Index> leads_as_of_;  // the term and the configuration
  std::multimap<raft::Index, WaitingWrite> waiting_writes_;
  std::map<std::uint64_t, WaitingRead> waiting_reads_;  // by context
  std::map<raft::NodeId, std::uint64_t> transfers_;     // of snapshots, by peer
  std::uint64_t last_transfer_ = 0;
};

}  // namespace simulation
