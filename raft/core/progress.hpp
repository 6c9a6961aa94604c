// What a leader knows of one other member, and how it sends to it: probing until it knows where the
// logs agree, then a pipeline with a window, or waiting for a snapshot to arrive.
// Pure; owned by the leader's role state. Words as in etcd-io/raft and the thesis §10.2.
#pragma once

#include <deque>

#include "raft/core/types.hpp"

namespace raft {

struct ProgressLimits {
  std::size_t inflight_messages_max = 256;
  std::size_t inflight_bytes_max = 8u << 20;
};

class Progress {
 public:
  enum class State : std::uint8_t { probe, replicate, snapshot };

  // `id` is echoed by the follower: an answer to an earlier record (before the member was removed
  // and added again, say) does not count.
  Progress(std::uint64_t id, Index next, const ProgressLimits& limits)
      : id_(id), next_(next), limits_(limits) {}

  std::uint64_t id() const { return id_; }
  void renumber(std::uint64_t id) { id_ = id; }
  State state() const { return state_; }
  Index match() const { return match_; }  // proven and durable there
  Index next() const { return next_; }    // the next entry to send; always above match()

  bool paused() const;
  bool has_inflight() const { return !inflight_.empty(); }
  // `bytes` of entries up to `last` were sent (last == next - 1 where the message had none).
  void on_sent(Index last, std::size_t bytes);
  // The follower's log equals ours up to `index`. True where that is news.
  bool on_accepted(Index index);
  // previous.index `rejected` did not match there; `agreement` is our guess, from its hint, of
  // where the logs agree. False where the answer is stale.
  bool on_rejected(Index rejected, Index agreement);
  // A heartbeat came back: a probe may be repeated. A full window stays full: the leader asks what
  // of it has arrived.
  void on_heartbeat_answered();
  void begin_snapshot();
  // Go on after `index` where the snapshot got there, else try anew once it answers a heartbeat.
  void end_snapshot(Index index, bool arrived);

  bool recently_active = false;  // heard from since the last check of the quorum
  std::uint64_t read_round = 0;  // the latest one that it confirmed
  Index commit_sent;
  std::uint64_t ticks_since_heard = 0;
  bool heard = false;
  bool disconnected = false;  // its connection broke, and it was not heard since
  ProcessInfo process;  // who it was heard from

 private:
  struct Inflight {
    Index last;
    std::size_t bytes = 0;
  };
  void become(State state);

  std::uint64_t id_;
  Index match_;
  Index next_;
  ProgressLimits limits_;
  State state_ = State::probe;
  bool probe_sent_ = false;
  std::deque<Inflight> inflight_;
  std::size_t inflight_bytes_ = 0;
};

}  // namespace raft
