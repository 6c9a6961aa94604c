#include "server/node_metrics.hpp"

#include "api/problems.hpp"

namespace server {

void NodeMetrics::on_answered(const api::Route* route, int status, double seconds) {
  const std::size_t index = route == nullptr
                                ? requests_.size() - 1
                                : static_cast<std::size_t>(route - api::route_table().data());
  ++requests_[index].by_status[status];
  requests_[index].seconds.observe(seconds);
}

void NodeMetrics::on_role_changed(const raft::RoleChange& change) {
  switch (change.event) {
    case raft::RoleEvent::campaigns: ++campaigns[change.cause]; break;
    case raft::RoleEvent::leads: ++elections_won[change.cause]; break;
    case raft::RoleEvent::leads_no_more: ++leaderships_ended[change.cause]; break;
    case raft::RoleEvent::hand_over_failed: ++hand_overs_failed; break;
  }
}

void NodeMetrics::on_write(bool is_allocate, const WriteResult& result, double seconds) {
  if (const auto* failure = std::get_if<WriteFailure>(&result)) {
    switch (*failure) {
      case WriteFailure::unknown: ++writes_unknown; break;
      case WriteFailure::overloaded: ++writes_overloaded; break;
      case WriteFailure::refused:
      case WriteFailure::stopping: ++writes_refused; break;
    }
    return;
  }
  writes.observe(seconds);
  const auto& decided = std::get<Decided>(result);
  if (!is_allocate || decided.replayed) return;
  const auto* error = std::get_if<ipam::Error>(&decided.outcome);
  ++allocations[error == nullptr ? "ok" : api::row_of(api::problem_of(error->code)).reason];
}

}  // namespace server
