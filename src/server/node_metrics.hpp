// What a node counts while it works; metrics_page writes it out. Everything on the io thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/route_table.hpp"
#include "ipam/change.hpp"
#include "metrics/histogram.hpp"
#include "raft/node/node.hpp"
#include "server/replica.hpp"

namespace server {

// Of requests, since the start.
struct DeniedRequests {
  std::uint64_t without_token = 0;
  std::uint64_t unknown_token = 0;
  std::uint64_t expired_token = 0;
  std::uint64_t too_many_attempts = 0;
  std::uint64_t too_many_requests = 0;
};

class NodeMetrics : public raft::NodeObserver {
 public:
  NodeMetrics() : requests_(api::route_table().size() + 1) {}

  // An answer is on its way; `route` is nullptr where the request found none, or was none.
  void on_answered(const api::Route* route, int status, double seconds);
  // The outcome of a command that a client asked this node for; an Allocate or another one.
  void on_write(bool is_allocate, const WriteResult& result, double seconds);

  // ---- raft::NodeObserver ----
  void on_written(double seconds, std::size_t entries) override {
    log_writes.observe(seconds);
    log_entries_written += entries;
  }
  void on_committed(double seconds_since_append) override { commits.observe(seconds_since_append); }
  void on_turn(double seconds) override { turns.observe(seconds); }
  void on_leader_changed() override { ++leader_changes; }
  void on_role_changed(const raft::RoleChange& change) override;

  struct Requests {
    std::map<int, std::uint64_t> by_status;
    metrics::Histogram seconds;
  };
  // In the order of the route table; the last is of requests without a route.
  const std::vector<Requests>& requests() const { return requests_; }

  metrics::Histogram writes;      // from the proposal to the outcome, of those that got one
  metrics::Histogram log_writes;  // transactions of raft.db, with their fsync
  metrics::Histogram commits;     // from append to commit, on the leader
  metrics::Histogram turns;
  std::uint64_t log_entries_written = 0;
  std::uint64_t leader_changes = 0;
  // Of this node's role, by their causes.
  std::map<raft::RoleCause, std::uint64_t> campaigns, elections_won, leaderships_ended;
  std::uint64_t hand_overs_failed = 0;
  std::uint64_t writes_refused = 0;     // certainly not appended
  std::uint64_t writes_overloaded = 0;  // certainly not appended
  std::uint64_t writes_unknown = 0;
  DeniedRequests denied;
  // When the certificate that the HTTP port shows ends, in Unix time; where it speaks TLS.
  std::optional<std::int64_t> certificate_end;
  std::optional<std::int64_t> peer_certificate_end;  // the same of the raft port
  // By "ok" or the reason of the refusal.
  std::map<std::string_view, std::uint64_t> allocations;

 private:
  std::vector<Requests> requests_;
};

}  // namespace server
