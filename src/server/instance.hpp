// One running node of ipam: the files of its data directory, the Raft node, the replica and the
// executor, wired. `ipam server` puts HTTP in front of it, the CLI's embedded database calls it
// directly. Runs on the io thread; outlives io.run().
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "api/watch_hub.hpp"
#include "base/log.hpp"
#include "server/directory_lock.hpp"
#include "server/executor.hpp"
#include "server/gate.hpp"
#include "server/node_files.hpp"
#include "server/node_metrics.hpp"
#include "server/replica.hpp"
#include "sqlite/posix_file_system.hpp"

namespace server {

struct InstanceOptions {
  NodeSpec node;
  std::chrono::milliseconds election_timeout{1000};
  std::chrono::milliseconds heartbeat{100};
  std::uint64_t log_entries_kept = 10000;
  GateOptions gate;
  raft::Credentials credentials;  // towards the other nodes
  // Where members are dialled before the log has named any.
  std::map<std::uint64_t, std::string> known_members;
};

class Instance {
 public:
  // REQUIRES: `lock` is held on options.node.data_dir. The error is a text for the user.
  static base::Result<std::unique_ptr<Instance>, std::string> open(
      asio::io_context& io, base::Logger& logger, const InstanceOptions& options,
      std::unique_ptr<DirectoryLock> lock, ReplicaEvents events);
  ~Instance();

  base::Result<base::Ok, std::string> start();
  Executor& executor() { return *executor_; }
  NodeMetrics& metrics() { return metrics_; }
  // The TLS of connections to other nodes from now on; before start() where none may be plain.
  void use_peer_tls(raft::TransportTls tls) { node_->use_peer_tls(std::move(tls)); }
  Gate& gate() { return *gate_; }  // for who comes from outside
  // Begins to end the leases and quarantines that are due; false: there are none.
  bool expire_due_leases();
  DirectoryLock& lock() { return *lock_; }
  // Hands leadership over, ends what is pending, writes everything out; then `done`.
  void stop(std::function<void()> done);

 private:
  Instance(asio::io_context& io, std::unique_ptr<DirectoryLock> lock)
      : lock_(std::move(lock)), lease_timer_(io), keep_alive_timer_(io) {}
  void schedule_leases();
  void schedule_keep_alive();

  std::unique_ptr<DirectoryLock> lock_;  // destroyed last: the files are closed before
  sqlite::PosixFileSystem file_system_;
  std::unique_ptr<api::WatchHub> hub_;
  NodeMetrics metrics_;
  std::unique_ptr<Replica> replica_;
  std::unique_ptr<raft::Node> node_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<Gate> gate_;
  asio::steady_timer lease_timer_;
  asio::steady_timer keep_alive_timer_;  // of the watches
};

}  // namespace server
