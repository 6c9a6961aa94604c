// One Raft node at work: HostLoop with a transport, a thread for raft.db and a clock, and the end
// of the process. Everything here runs on the io thread. Owned by the process; outlives io.run().
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "raft/node/host_loop.hpp"
#include "raft/node/storage_thread.hpp"
#include "raft/transport/transport.hpp"

namespace raft {

// What the node tells of its work, on the io thread: for metrics.
class NodeObserver {
 public:
  virtual ~NodeObserver() = default;
  // A batch is durable in raft.db; `seconds` is the transaction alone, without the queue before it.
  virtual void on_written(double seconds, std::size_t entries) = 0;
  // An entry that this node, as the leader, had appended is committed: the last one of each turn.
  virtual void on_committed(double seconds_since_append) = 0;
  // One turn of the loop: what was committed is applied, what is to be sent has left.
  virtual void on_turn(double seconds) = 0;
  // Another node leads than the one before.
  virtual void on_leader_changed() = 0;
  // This node campaigns, leads, or leads no more.
  virtual void on_role_changed(const RoleChange& change) = 0;
};

struct NodeOptions {
  DriverOptions driver;
  std::chrono::milliseconds tick{50};
  Identity identity;
  std::string address;  // host:port to listen on; empty: no raft port (standalone)
  Credentials credentials;  // towards the other nodes
  // Where members that no configuration of ours names yet can be dialled.
  std::map<NodeId, std::string> known_addresses;
  NodeObserver* observer = nullptr;  // outlives the node
};

class Node : public Proposer, private HostLoop::Shell {
 public:
  // `durable` was loaded from `store`; io, logger and host outlive the node.
  Node(asio::io_context& io, base::Logger& logger, const NodeOptions& options,
       std::unique_ptr<LogStore> store, DurableState durable, Host& host);
  ~Node() override;

  // Opens the raft port where there is one, and begins. The error is a text for the user.
  base::Result<base::Ok, std::string> start();

  std::optional<ProposalId> propose(base::SharedBytes command) override;
  // `done(true)`: the host's state is at least as new as everything acknowledged before this call.
  void read(base::UniqueFunction<void(bool ok)> done);
  void change_members(const MemberChange& change, std::function<void(MemberChangeReply)> done);
  void on_state_durable(Index index) override { loop_.on_state_durable(index); }
  // Cuts the log up to what the host's state holds durably; see Driver.
  void cut_log() { loop_.cut_log(); }

  // Hands leadership over, fails what is pending, closes the connections and the log. `done` is
  // called at the end; io.run() then runs out of work by itself.
  void stop(std::function<void()> done);

  const RaftCore& core() const override { return loop_.core(); }
  Index applied() const { return loop_.applied(); }
  bool stopping() const override { return stopping_; }
  std::int64_t time_ms() override { return loop_.time_ms(); }
  // Proposals of this node's clients that have no outcome yet.
  std::size_t pending_proposals() const { return loop_.pending_proposals(); }
  // The disk is nearly full: this node does not lead where another can.
  bool is_disk_low() const { return disk_low_; }
  // The snapshot that this node, as the leader, is sending.
  std::optional<SnapshotProgress> snapshot_progress() const { return loop_.snapshot_progress(); }
  // The TLS of connections to other nodes from now on. Before start() where none may be plain.
  void use_peer_tls(TransportTls tls) {
    if (transport_) transport_->use_tls(std::move(tls));
  }
  // Connections to the raft port that were not let in; nullptr in standalone mode.
  const RefusalCounts* refusals() const { return transport_ ? &transport_->refusals() : nullptr; }

 private:
  // ---- HostLoop::Shell ----
  bool send(const Message& message) override;
  void flush_messages() override;
  void persist(PersistBatch batch, std::function<void()> done) override;
  void schedule_turn() override;
  ClockReading clocks() override;
  void on_role_changed(const RoleChange& change) override;

  void turn();
  void watch_commits();
  void schedule_tick();
  void watch_disk_space();
  void update_peers();
  bool is_alone_and_idle() const;
  void end_alone();
  void continue_stop();
  void finish_stop();

  asio::io_context& io_;
  base::Logger& logger_;
  const NodeOptions options_;
  HostLoop loop_;
  StorageThread storage_;
  std::unique_ptr<Transport> transport_;  // none in standalone mode
  asio::steady_timer tick_timer_;
  bool turn_scheduled_ = false;
  unsigned ticks_until_disk_check_ = 0;
  bool disk_low_ = false;
  LogPosition peers_as_of_{Index{~std::uint64_t{0}}, Term()};
  Term logged_term_;
  NodeId logged_leader_;
  NodeId last_leader_;  // also while there is none
  // What this leader has appended and when, until it is committed; a turn's entries share one.
  std::deque<std::pair<Index, std::chrono::steady_clock::time_point>> appended_;

  bool stopping_ = false;
  unsigned stop_ticks_left_ = 0;
  std::function<void()> stopped_;
};

}  // namespace raft
