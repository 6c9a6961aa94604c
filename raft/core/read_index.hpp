// Reads that wait for a proof that this leader still leads (thesis §6.4). Reads of one turn share a
// round; a heartbeat carries the number of the latest round, and its answers confirm that round and
// every older one. Rounds only grow, so an old answer can never confirm a newer read.
// Pure; owned by the leader's role state.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "raft/core/types.hpp"

namespace raft {

class ReadQueue {
 public:
  struct Read {
    NodeId requester;
    std::uint64_t context = 0;
    std::uint64_t round = 0;
    Index index;
  };

  void add(NodeId requester, std::uint64_t context) {
    open_.push_back({requester, context, 0, {}});
  }
  std::size_t size() const { return open_.size() + sent_.size(); }
  bool has_open() const { return !open_.empty(); }
  // Reads that came since the last call begin a round, with this commit index. The round's number
  // goes out with the next heartbeats. REQUIRES: an entry of the leader's term is committed.
  void begin_round(Index commit);
  std::uint64_t latest_round() const { return latest_round_; }
  // Takes the reads whose round `confirmed(round)` holds for; asked for in the order of the rounds.
  template <class Predicate>
  std::vector<Read> take_confirmed(Predicate confirmed);
  std::vector<Read> take_all();

 private:
  std::vector<Read> open_;
  std::deque<Read> sent_;
  std::uint64_t latest_round_ = 0;
};

inline void ReadQueue::begin_round(Index commit) {
  ++latest_round_;
  for (Read& read : open_) {
    read.round = latest_round_;
    read.index = commit;
    sent_.push_back(read);
  }
  open_.clear();
}

template <class Predicate>
std::vector<ReadQueue::Read> ReadQueue::take_confirmed(Predicate confirmed) {
  std::vector<Read> out;
  std::uint64_t known = 0;  // the predicate is asked once a round
  while (!sent_.empty()) {
    const std::uint64_t round = sent_.front().round;
    if (round > known && !confirmed(round)) break;
    known = round;
    out.push_back(sent_.front());
    sent_.pop_front();
  }
  return out;
}

inline std::vector<ReadQueue::Read> ReadQueue::take_all() {
  std::vector<Read> out(sent_.begin(), sent_.end());
  out.insert(out.end(), open_.begin(), open_.end());
  sent_.clear();
  open_.clear();
  return out;
}

}  // namespace raft
