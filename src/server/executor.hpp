// Performs what the API wants done (api::Action) on this node: proposes commands, waits for read
// barriers, asks state.db, and lets the action render the answer. Serves HTTP requests and the
// CLI's embedded database alike. Runs on the io thread.
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <vector>

#include "api/action.hpp"
#include "api/watch_hub.hpp"
#include "base/unique_function.hpp"
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

  using Done = base::UniqueFunction<void(http::Response)>;
  // `done` is called once, on the io thread, never from within this call.
  void perform(api::Action action, Done done);
  api::NodeStatus status() const;
  http::Header revision_header() const;  // X-Ipam-Revision: what is applied
  // What the HTTP server counts, for the metrics.
  void count_connections(std::function<http::Counts()> connections) {
    connections_ = std::move(connections);
  }
  bool is_valid(ipam::TokenId token) const;  // it is there still, and has not expired
  // Long answers under way are cut.
  void stop();

 private:
  // What is to be done with an answer before its client gets it. Called once.
  class Reply {
   public:
    Reply(Executor& executor, const api::Action& action, Done done);
    void operator()(http::Response response);

   private:
    Executor* executor_;
    ipam::TokenId token_;  // without which the answer is not for the client any more
    const api::Route* route_;
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
    Done done_;
  };
  struct Delivery {
    Done done;
    http::Response response;
  };

  // A node that has failed applies nothing any more, whatever is committed; one that has stopped
  // hears of nothing.
  bool is_over() const;
  // Each of these takes what it is given: it is large, and handed on several times.
  void perform_when_applied(api::Action&& action, Reply&& reply);
  void perform_for(ipam::TokenId token, api::Body&& body, Reply&& reply);
  void perform_now(api::Body&& body, Reply&& reply);
  void perform(api::Write&& write, Reply&& reply);
  void perform(api::IssueToken&& issue, Reply&& reply);
  void perform(api::DryRun&& dry_run, Reply&& reply);
  void perform(api::Read&& read, Reply&& reply);
  void perform(api::ReadHistory&& read, Reply&& reply);
  void ask(api::ReadHistory&& read, Reply&& reply);
  void perform(api::ReadList&& read, Reply&& reply);
  void perform(api::Watch&& watch, Reply&& reply);
  void perform(api::ChangeMembers&& change, Reply&& reply);
  void perform(api::MakeBackup&& backup, Reply&& reply);
  void perform(api::CutLog&& cut, Reply&& reply);
  // Calls `then` with the reply once it may read; otherwise answers by itself.
  template <class Then>
  void after_barrier(api::Consistency consistency, Reply&& reply, Then then);
  void deliver(Done done, http::Response response);
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
  std::vector<Delivery> deliveries_;  // leave together, in their order
  std::vector<Delivery> delivering_;  // empty; keeps its memory
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace server
