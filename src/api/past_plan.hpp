// The VRFs and networks as they were at a revision, as a state machine without allocations: so what
// memory answers by its trees (parents, children, longest match) is answered in the same way for
// any time. Read from state.db in pieces; costs what the networks cost in memory, so that a node
// keeps few of them, and all who want the same revision share one. Pure; lives on the io thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "api/list_reader.hpp"

namespace api {

// At a time on one node: each may have as many networks as the node itself.
inline constexpr std::size_t past_plans_max = 4;
// Of them, for the next page of a list that nobody reads at the moment.
inline constexpr std::size_t past_plans_kept_max = 2;

class PastPlans {
 public:
  struct Plan;

  // The one of `at`, which may still have to be read. nullptr: there are too many.
  std::shared_ptr<Plan> get(ipam::Revision at);
  // The one that was used last; in place of the one that was not for the longest.
  void keep(std::shared_ptr<Plan> plan);
  // Nothing asked for them for a while.
  void drop() { kept_.clear(); }
  // Whether one was used since the last time that this was asked.
  bool take_used() { return std::exchange(is_used_, false); }

 private:
  bool is_used_ = false;
  std::vector<std::shared_ptr<Plan>> kept_;  // the one that was used last comes last
  std::map<ipam::Revision, std::weak_ptr<Plan>> plans_;  // that there are
};

// The plan as of one revision: that of memory as long as nothing has changed since.
class PlanAt {
 public:
  // nullptr: not yet. Then ask step().
  const ipam::StateMachine* state(const ListReader::View& view, ipam::Revision at);
  // The next question, or that too many are being read.
  ListReader::Step step();
  // True where the answer was to its question. Somebody else may have had the same answer before.
  bool take(const ipam::HistoryAnswer& answer);

 private:
  std::shared_ptr<PastPlans::Plan> past_;
  std::uint64_t asked_from_ = 0;
};

}  // namespace api
