// One whole node: raft::HostLoop with its Driver, server::Replica, raft::LogStore and
// state::StateStore with the real SQLite, on a simulated disk, wire and clock. It is the shell that
// raft::Node and server::Instance are in production, and watches what goes in and out of them.
//
// Broken invariants that it names itself (others: invariants.hpp, disk.hpp, oracle.hpp,
// recovery.hpp, wire.hpp):
//   one_write_at_a_time      the driver hands out a batch only when the one before is durable
//   durable_log              also: a batch is on the platter when persist() has returned
//   opens_again              a node opens its directory after any crash
//   removed_when_removed     a node stops for being removed only where it was
//   node_keeps_working       a node gives up only where its disk failed
//   leader_hears_quorum      as in level 1
//   backup_is_whole          a backup that was made can be read, is of an index that is not before
//                            the request, and holds what the oracle has as of it
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "oracle.hpp"
#include "raft/node/host_loop.hpp"
#include "recovery.hpp"
#include "server/replica.hpp"
#include "simulated_files.hpp"
#include "world.hpp"

namespace simulation {

struct NodeWorld : World {
  NodeWorld(std::uint64_t seed, raft::Configuration initial)
      : World(seed), oracle(std::move(initial)) {}

  Oracle oracle;
  base::Logger logger{base::LogLevel::off, base::LogFormat::text};
};

struct NodeSettings {
  raft::DriverOptions driver;  // id, seed and origin are the node's own
  Time tick = 50 * millisecond;
  sqlite::Tuning tuning;
  bool lazy_turns = false;     // a turn comes a little later, several inputs at once
  unsigned image_percent = 3;  // of writes after which the platter is looked at
};

enum class Stop : std::uint8_t { power_cut, killed, gracefully };

class SimulatedNode : public raft::HostLoop::Shell, public raft::Proposer {
 public:
  // `founders` is empty for one that waits to be added.
  SimulatedNode(NodeWorld& world, raft::NodeId id, const NodeSettings& settings,
                std::map<std::uint64_t, std::string> founders);
  ~SimulatedNode() override;

  // ---- life ----
  // Opens its directory and begins. Where that fails it is tried again after a while, or is
  // damaged().
  void start();
  void stop(Stop how);  // REQUIRES: running()
  bool running() const { return process_ != nullptr && process_->loop != nullptr; }
  // Does not open for what a lying or rotten disk has done: an operator must replace it.
  bool damaged() const { return damaged_; }
  bool was_removed() const { return removed_; }
  // Lost acknowledged entries and has not got them back.
  bool recovering() const { return !raft::up_to_date(model_.last(), lost_); }
  std::uint64_t generation() const { return generation_; }

  // ---- events; REQUIRE running() ----
  void tick();
  void on_turn();
  void receive(const InFlight& in_flight);
  void on_write_done();
  void on_posted();
  void on_state_work();
  void on_leases();
  void on_disconnected(raft::NodeId peer);
  // After every event: sees to what it has brought about.
  void after_event();

  // ---- operations; REQUIRE running() ----
  // nullopt: answered at once. `done` is not called after a crash.
  std::optional<raft::ProposalId> write(const ipam::Command& command,
                                        std::function<void(server::WriteResult)> done);
  void read(std::function<void(bool ok)> done);
  void change_members(const raft::MemberChange& change,
                      std::function<void(raft::MemberChangeReply)> done);
  void transfer_leader(raft::NodeId target);
  // Asks state.db and compares with the oracle.
  void check_history();
  // Has a backup made, reads it, and compares it with the oracle.
  void check_backup();

  raft::NodeId id() const { return id_; }
  const raft::RaftCore& core() const override { return process_->loop->core(); }
  server::Replica& replica() { return *process_->replica; }
  SimulatedDisk& disk() { return disk_; }
  const Disk& model() const { return model_; }
  std::string address() const;

  // ---- circumstances, set by the faults ----
  Time paused_until = 0;
  Time write_delay_max = 3 * millisecond;
  Time slow_until = 0;  // until then, writes of the log take seconds
  Time tick_period;
  void set_wall_clock(std::int64_t offset_ms);
  // The power is cut in the next write that cuts the log or replaces it, or soon after.
  bool cut_power_at_rare_write = false;
  bool suspect = false;  // its disk has lied or rotted

 private:
  class WatchedHost;
  struct Process {
    std::uint64_t seed = 0;
    std::uint64_t incarnation = 0;
    std::uint64_t errors_before = 0;  // of the disk: those do not excuse this process
    std::unique_ptr<raft::LogStore> log;
    std::unique_ptr<server::Replica> replica;
    std::unique_ptr<WatchedHost> host;
    std::unique_ptr<raft::HostLoop> loop;
    std::optional<raft::PersistBatch> writing;
    std::function<void()> written;
    std::deque<std::function<void()>> posted;
    bool turn_scheduled = false, work_scheduled = false;
    bool work_wanted = true;  // something may have been queued for state.db
    bool installing = false;
    bool stop_wanted = false, failed = false, removed = false;
    bool backing_up = false;
    std::uint64_t history_checks = 0;
    // What the invariants have seen of the log: terms from seen_from on.
    raft::Index seen_from;
    std::vector<raft::Term> seen;
    std::uint64_t ticks = 0;
    std::map<raft::NodeId, std::uint64_t> heard_at_tick;
    std::uint64_t leads_since_tick = 0;
    std::pair<raft::Term, raft::Index> leads_as_of;
    std::optional<raft::ProposalId> last_proposed;
  };

  // ---- raft::HostLoop::Shell ----
  bool send(const raft::Message& message) override;
  void flush_messages() override {}  // each is on its way by itself
  void persist(raft::PersistBatch batch, std::function<void()> done) override;
  void schedule_turn() override;
  raft::ClockReading clocks() override;
  // ---- raft::Proposer ----
  std::optional<raft::ProposalId> propose(base::SharedBytes command) override;
  void on_state_durable(raft::Index index) override;
  bool stopping() const override { return false; }
  std::int64_t time_ms() override { return process_->loop->time_ms(); }

  void post(std::function<void()> work);
  void schedule_work(Time at);
  void observe();
  void observe_log();
  void check_leads_with_quorum();
  void check_batch(const raft::PersistBatch& batch);
  void check_platter();
  void checkpoint_log();
  void accept(server::NodeFiles& files);
  void on_open_failed(const std::string& text, std::uint64_t errors_before);
  void interrupt_writes();
  void cut_power();
  void end_process();
  void restart_after(Time delay);
  raft::DriverOptions driver_options() const;

  NodeWorld& world_;
  const raft::NodeId id_;
  const NodeSettings settings_;
  const std::map<std::uint64_t, std::string> founders_;
  SimulatedDisk disk_;
  SimulatedFiles files_;
  Disk model_;  // what must be durable
  std::optional<raft::PersistBatch> in_flight_;  // perhaps written when the last process ended
  State state_;                                  // of the replica, for the invariants
  std::uint64_t generation_ = 0;
  bool removed_ = false, damaged_ = false;
  std::int64_t wall_offset_ms_ = 0;
  bool clock_was_set_ = false;  // since raft.db was last told how far it is off
  raft::LogPosition lost_;
  std::unique_ptr<Process> process_;
};

}  // namespace simulation
