#include "raft/core/progress.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "raft/core/mutant.hpp"

namespace raft {

bool Progress::paused() const {
  switch (state_) {
    case State::probe: return probe_sent_;
    case State::replicate:
      return inflight_.size() >= limits_.inflight_messages_max ||
             inflight_bytes_ >= limits_.inflight_bytes_max;
    case State::snapshot: return true;
  }
  UNREACHABLE();
}

void Progress::become(State state) {
  state_ = state;
  probe_sent_ = false;
  inflight_.clear();
  inflight_bytes_ = 0;
}

void Progress::on_sent(Index last, std::size_t bytes) {
  if (state_ == State::probe) {
    probe_sent_ = true;
    return;
  }
  ASSERT(state_ == State::replicate);
  if (last < next_) return;  // nothing but a commit index
  next_ = last + 1;
  inflight_.push_back({last, bytes});
  inflight_bytes_ += bytes;
}

bool Progress::on_accepted(Index index) {
  const bool news = index > match_;
  match_ = std::max(match_, index);
  next_ = std::max(next_, match_ + 1);
  if (state_ == State::probe) {
    become(State::replicate);
    next_ = match_ + 1;
  }
  while (!inflight_.empty() && inflight_.front().last <= index) {
    inflight_bytes_ -= inflight_.front().bytes;
    inflight_.pop_front();
  }
  return news;
}

bool Progress::on_rejected(Index rejected, Index agreement) {
  if (state_ == State::snapshot) return false;
  if (state_ == State::replicate) {
    if (rejected <= match_) return false;
    become(State::probe);
    next_ = match_ + 1;
    return true;
  }
  if (rejected != next_ - 1 && !MUTANT(rejection_is_never_stale)) return false;
  next_ = std::max(std::min(rejected, agreement + 1), match_ + 1);
  probe_sent_ = false;
  return true;
}

void Progress::on_heartbeat_answered() { probe_sent_ = false; }

void Progress::begin_snapshot() { become(State::snapshot); }

void Progress::end_snapshot(Index index, bool arrived) {
  if (state_ != State::snapshot) return;
  become(State::probe);
  if (arrived) next_ = std::max(next_, index + 1);
  next_ = std::max(next_, match_ + 1);
  // Not for one that is gone: a copy of the state is made for each try.
  probe_sent_ = !arrived;
}

}  // namespace raft
