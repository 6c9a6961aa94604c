// Performs what the API wants done (api::Action) on this node: proposes commands, waits for read
// barriers, asks state.db, and lets the action render the answer. Serves HTTP requests and the
// CLI's embedded database alike. Runs on the io thread.
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <functional>

#include "api/action.hpp"
#include "api/watch_hub.hpp"
#include "http/counts.hpp"
#include "raft/node/node.hpp"
#include "server/backup_performer.hpp"
#include "server/fullest_networks.hpp"
#include "server/list_performer.hpp"
#include "server/node_files.hpp"
#include "server/node_metrics.hpp"
#include "server/replica.hpp"

namespace server {

class Executor {
 public:
  Executor(asio::io_context& io, const NodeSpec& spec, std::chrono::milliseconds tick,
           Replica& replica, raft::Node& node, api::WatchHub& hub, NodeMetrics& metrics)
      : io_(io),
        spec_(spec),
        tick_(tick),
        replica_(replica),
        node_(node),
        hub_(hub),
        metrics_(metrics),
        lists_(io, replica),
        backups_(replica.store()) {}

  using Done = std::function<void(http::Response)>;
  // `done` is called once, on the io thread, never from within this call.
  void perform(api::Action action, Done done);
  api::NodeStatus status() const;
  // What the HTTP server counts, for the metrics.
  void count_connections(std::function<http::Counts()> connections) {
    connections_ = std::move(connections);
  }
  bool is_valid(ipam::TokenId token) const;  // it is there still, and has not expired
  // Long answers under way are cut.
  void stop();

 private:
  void perform_for(ipam::TokenId token, api::Body body, Done done);
  void perform_now(api::Body body, Done done);
  void perform(api::Write write, Done done);
  void perform(api::IssueToken issue, Done done);
  void perform(api::DryRun dry_run, Done done);
  void perform(api::Read read, Done done);
  void perform(api::ReadHistory read, Done done);
  void perform(api::ReadList read, Done done);
  void perform(api::Watch watch, Done done);
  void perform(api::ChangeMembers change, Done done);
  void perform(api::MakeBackup backup, Done done);
  void perform(api::CutLog cut, Done done);
  // Calls `then` once it may read; otherwise answers by itself.
  void after_barrier(api::Consistency consistency, Done done, std::function<void(Done)> then);
  http::Response metrics_answer();
  std::string not_ready_reason() const;
  void fill_members(api::NodeStatus& status) const;

  asio::io_context& io_;
  const NodeSpec spec_;
  const std::chrono::milliseconds tick_;
  Replica& replica_;
  raft::Node& node_;
  api::WatchHub& hub_;
  NodeMetrics& metrics_;
  FullestNetworks fullest_;
  std::function<http::Counts()> connections_ = [] { return http::Counts{}; };
  ListPerformer lists_;
  BackupPerformer backups_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace server
