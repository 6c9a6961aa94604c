// One Raft node at work: the shell around Driver. It gives the driver messages, ticks and
// proposals, and performs its Output with the transport, the storage thread and the host's state
// machine. Everything here runs on the io thread. Owned by the process; outlives io.run().
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/log.hpp"
#include "raft/node/driver.hpp"
#include "raft/node/storage_thread.hpp"
#include "raft/transport/transport.hpp"

namespace raft {

// The state machine that is replicated, and its snapshots. All calls come from the io thread; all
// callbacks must be called on it, later.
class Host {
 public:
  virtual ~Host() = default;
  // Every entry, in order; also those without a command, so that the position is known.
  virtual void apply(const AppliedEntry& entry) = 0;
  // All entries of one turn were applied.
  virtual void on_applied_batch() {}
  virtual void on_proposal_failed(const FailedProposal& failed) = 0;
  virtual void on_became_leader(Term term) = 0;
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
  virtual void install_snapshot(const SnapshotMeta& meta, Done done) = 0;
};

struct NodeOptions {
  DriverOptions driver;
  std::chrono::milliseconds tick{50};
  Identity identity;
  std::string address;  // host:port to listen on; empty: no raft port (standalone)
  // Where members that no configuration of ours names yet can be dialled.
  std::map<NodeId, std::string> known_addresses;
};

class Node {
 public:
  // `durable` was loaded from `store`; io, logger and host outlive the node.
  Node(asio::io_context& io, base::Logger& logger, const NodeOptions& options,
       std::unique_ptr<LogStore> store, DurableState durable, Host& host);
  ~Node();

  // Opens the raft port where there is one, and begins. The error is a text for the user.
  base::Result<base::Ok, std::string> start();

  // The host learns of the outcome from apply() or on_proposal_failed(). nullopt: refused now (the
  // queue is full, or the node is stopping).
  std::optional<ProposalId> propose(base::SharedBytes command);
  // `done(true)`: the host's state is at least as new as everything acknowledged before this call.
  void read(std::function<void(bool ok)> done);
  void change_members(const MemberChange& change, std::function<void(MemberChangeReply)> done);
  base::Result<base::Ok, Refusal> transfer_leader(NodeId target);
  // The host's state is durable up to here.
  void on_state_durable(Index index);

  // Hands leadership over, fails what is pending, closes the connections and the log. `done` is
  // called at the end; io.run() then runs out of work by itself.
  void stop(std::function<void()> done);

  const RaftCore& core() const { return driver_.core(); }
  Index applied() const { return driver_.applied(); }
  bool stopping() const { return stopping_; }

 private:
  void schedule_turn();
  void turn();
  void perform(Output output);
  void perform(SnapshotWork& work);
  void schedule_tick();
  void update_peers();
  void continue_stop();
  void finish_stop();

  asio::io_context& io_;
  base::Logger& logger_;
  const NodeOptions options_;
  Host& host_;
  Driver driver_;
  StorageThread storage_;
  std::unique_ptr<Transport> transport_;  // none in standalone mode
  asio::steady_timer tick_timer_;
  bool turn_scheduled_ = false;
  Index peers_as_of_{~std::uint64_t{0}};
  Term logged_term_;
  NodeId logged_leader_;

  std::uint64_t next_sequence_ = 1;
  std::uint64_t next_request_ = 1;
  std::unordered_map<std::uint64_t, std::function<void(bool)>> reads_;
  std::unordered_map<std::uint64_t, std::function<void(MemberChangeReply)>> member_changes_;

  bool stopping_ = false;
  bool failed_ = false;
  unsigned stop_ticks_left_ = 0;
  std::function<void()> stopped_;
};

}  // namespace raft
