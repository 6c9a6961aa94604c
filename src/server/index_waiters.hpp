// Who waits until the node has applied an index, such as a request that names the revision that its
// client has seen elsewhere. The index may never come: whoever is tired of waiting says so, and
// nothing is left of it. A part of Replica, on the io thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "base/unique_function.hpp"
#include "raft/core/types.hpp"

namespace server {

class IndexWaiters {
 public:
  using Done = base::UniqueFunction<void(bool)>;
  using Ticket = std::pair<raft::Index, std::uint64_t>;

  Ticket add(raft::Index index, Done done) {
    const Ticket ticket{index, ++last_number_};
    waiting_.emplace(ticket, std::move(done));
    return ticket;
  }
  // It is not called any more. Nothing where it was.
  void remove(const Ticket& ticket) { waiting_.erase(ticket); }

  // Each who waits for an index up to this one is called with true, in the order of the indexes,
  // and may add and remove others.
  void on_applied(raft::Index index) {
    while (!waiting_.empty() && waiting_.begin()->first.first <= index)
      waiting_.extract(waiting_.begin()).mapped()(true);
  }
  // Called with false: nothing is applied any more.
  void fail_all() {
    for (auto& [ticket, done] : std::exchange(waiting_, {})) done(false);
  }

  std::size_t size() const { return waiting_.size(); }

 private:
  std::map<Ticket, Done> waiting_;
  std::uint64_t last_number_ = 0;
};

}  // namespace server
