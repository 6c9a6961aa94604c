// The loop around Driver without its surroundings: gives it messages, ticks and proposals, and
// performs its Output in the one right order. What sends, writes, wakes is a Shell: the transport
// and the storage thread on a node (node.hpp), the simulated ones in a simulation. Owned by the
// shell; everything runs on the io thread.
#pragma once

#include <functional>
#include <optional>
#include <unordered_map>

#include "base/log.hpp"
#include "base/unique_function.hpp"
#include "raft/node/host.hpp"

namespace raft {

class HostLoop {
 public:
  class Shell {
   public:
    virtual ~Shell() = default;
    // False: certainly not sent.
    virtual bool send(const Message& message) = 0;
    // What was taken by send() since the last call leaves now.
    virtual void flush_messages() = 0;
    // Calls `done` on the io thread, later, once the batch is durable; never after a failure.
    virtual void persist(PersistBatch batch, std::function<void()> done) = 0;
    // turn() is to be called soon: what comes in before shares its write and its messages.
    virtual void schedule_turn() = 0;
    virtual ClockReading clocks() = 0;
    virtual void on_role_changed(const RoleChange&) {}
  };

  // logger, host and shell outlive the loop.
  HostLoop(base::Logger& logger, const DriverOptions& options, DurableState durable, Host& host,
           Shell& shell);

  // ---- inputs; each schedules a turn ----
  void receive(Message message);
  void tick();
  void on_peer_disconnected(NodeId peer);
  // nullopt: refused now, for the queue is full or the disk has failed.
  std::optional<ProposalId> propose(base::SharedBytes command);
  // `done(true)`: the host's state is at least as new as everything acknowledged before this call.
  void read(base::UniqueFunction<void(bool ok)> done);
  void change_members(const MemberChange& change, std::function<void(MemberChangeReply)> done);
  // See Driver. True where a successor was asked.
  bool hand_over(HandOverCause cause);
  void on_disk_low(bool low) { driver_.on_disk_low(low); }
  void on_state_durable(Index index) { driver_.on_state_durable(index); }
  // See Driver.
  void cut_log();
  // Answers whoever waits.
  void fail_pending();

  // Takes what the driver wants done and does it.
  void turn();
  // The log cannot be written any more: nothing is done from now on, and the host is told.
  void fail(const std::string& reason);

  const RaftCore& core() const { return driver_.core(); }
  Index applied() const { return driver_.applied(); }
  bool failed() const { return failed_; }
  std::size_t pending_proposals() const { return driver_.pending_proposals(); }
  std::optional<SnapshotProgress> snapshot_progress() const { return driver_.snapshot_progress(); }
  std::int64_t time_ms() { return driver_.time_ms(shell_.clocks()); }

 private:
  void perform(Output output);
  void perform(SnapshotWork& work);
  void tell_role(const Output& output);
  void answer(const Output& output);

  base::Logger& logger_;
  Host& host_;
  Shell& shell_;
  const std::uint64_t origin_;
  const std::uint64_t tick_ms_;
  Driver driver_;
  bool failed_ = false;
  std::uint64_t next_sequence_ = 1;
  std::uint64_t next_request_ = 1;
  std::unordered_map<std::uint64_t, base::UniqueFunction<void(bool)>> reads_;
  std::unordered_map<std::uint64_t, std::function<void(MemberChangeReply)>> member_changes_;
};

}  // namespace raft
