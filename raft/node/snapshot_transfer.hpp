// Both ends of a snapshot transfer: the bytes of state.db in chunks, each acknowledged before the
// next is read, so that a transfer is throttled by its receiver and goes on where it was after a
// lost message. Pure: they say which file work is to be done and are told its results.
// Owned by the driver.
#pragma once

#include <deque>
#include <optional>
#include <variant>
#include <utility>
#include <vector>

#include "raft/core/message.hpp"

namespace raft {

inline constexpr std::size_t snapshot_chunk_bytes = 256u << 10;

// ---- file work for the host ----
struct MakeSnapshot {};
struct ReadSnapshot {
  std::uint64_t offset = 0;
  std::size_t size = 0;
};
struct DropSnapshot {};
struct BeginReceive {
  std::uint64_t total_bytes = 0;
};
struct WriteChunk {
  std::uint64_t offset = 0;
  base::SharedBytes data;
};
struct DropReceived {};
using SnapshotWork =
    std::variant<MakeSnapshot, ReadSnapshot, DropSnapshot, BeginReceive, WriteChunk, DropReceived>;

struct SnapshotProgress {
  NodeId peer;
  std::uint64_t sent_bytes = 0;  // acknowledged by the peer
  std::uint64_t total_bytes = 0;  // 0: it is still being made
};

// On a leader: one transfer at a time, to one follower after the other.
class SnapshotSender {
 public:
  SnapshotSender(NodeId self, std::uint64_t resend_ticks, std::uint64_t give_up_ticks,
                 std::size_t chunk_bytes)
      : self_(self),
        resend_ticks_(resend_ticks),
        give_up_ticks_(give_up_ticks),
        chunk_bytes_(chunk_bytes) {}

  void want(NodeId peer);
  bool active() const { return state_ != State::idle; }
  NodeId peer() const { return peer_; }
  std::optional<SnapshotProgress> progress() const {
    if (!active()) return std::nullopt;
    return SnapshotProgress{peer_, offset_, total_bytes_};
  }
  // Entries after this one will be asked for when the transfer is over; nullopt: nothing is sent.
  std::optional<Index> needed_after() const {
    if (!active()) return std::nullopt;
    return state_ == State::making ? Index() : meta_.last.index;
  }
  // `term` and `progress_id` are stamped on the messages; progress_id 0: the peer is no longer ours
  // to serve.
  void advance(Term term, std::uint64_t progress_id);
  void tick();
  void on_made(std::optional<SnapshotMeta> meta, std::uint64_t total_bytes);
  void on_read(std::uint64_t offset, std::optional<base::SharedBytes> data);
  void on_response(NodeId from, const SnapshotChunkResponse& response);
  // True where the acknowledgement says that the snapshot is installed: the transfer is over then.
  bool on_appended(NodeId from, const AppendEntriesResponse& response);
  // The follower needs no snapshot any more, or leadership ended.
  void finish();

  std::vector<Message> take_messages() { return std::exchange(messages_, {}); }
  std::vector<SnapshotWork> take_work() { return std::exchange(work_, {}); }
  // A transfer was given up.
  std::optional<NodeId> take_failed() { return std::exchange(failed_, std::nullopt); }

 private:
  enum class State : std::uint8_t { idle, making, streaming, installing };
  void fail();
  void pause();
  void read_next();

  const NodeId self_;
  const std::uint64_t resend_ticks_;
  const std::uint64_t give_up_ticks_;
  const std::size_t chunk_bytes_;
  State state_ = State::idle;
  std::deque<NodeId> waiting_;
  NodeId peer_;
  Term term_;
  std::uint64_t progress_id_ = 0;
  SnapshotMeta meta_;
  std::uint64_t total_bytes_ = 0;
  std::uint64_t offset_ = 0;  // acknowledged by the receiver
  bool reading_ = false;
  bool abandoned_ = false;  // given up while the host still makes the file
  std::uint64_t ticks_since_sent_ = 0;
  std::uint64_t ticks_since_progress_ = 0;
  // Before the next one, where one has failed: a copy of the state is made for each, and what is in
  // the way, such as a full disk, stays there for a while.
  std::uint64_t pause_ticks_left_ = 0;
  std::uint64_t next_pause_ticks_ = resend_ticks_;  // doubles from one failure to the next
  std::vector<Message> messages_;
  std::vector<SnapshotWork> work_;
  std::optional<NodeId> failed_;
};

// On a follower.
class SnapshotReceiver {
 public:
  explicit SnapshotReceiver(NodeId self) : self_(self) {}

  // `wanted`: the snapshot is ahead of what this node has committed.
  void on_chunk(NodeId from, const SnapshotChunk& chunk, bool wanted);
  void on_begun(bool ok);
  void on_written(bool ok);
  // True where all bytes of the snapshot that ends at `last` are here.
  bool complete(const LogPosition& last) const {
    return state_ == State::complete && last_ == last;
  }
  // While that snapshot is being installed, however long it takes: the sender is not to give up.
  void tell_complete(NodeId from, const LogPosition& last) {
    if (!complete(last)) return;
    from_ = from;
    answer(false);
  }
  void reset() { state_ = State::idle; }
  // The node has come as far without it, by the log: what was received takes room for nothing.
  void on_committed(Index commit);

  std::vector<Message> take_messages() { return std::exchange(messages_, {}); }
  std::vector<SnapshotWork> take_work() { return std::exchange(work_, {}); }

 private:
  enum class State : std::uint8_t { idle, beginning, receiving, writing, complete };
  void answer(bool rejected);

  const NodeId self_;
  State state_ = State::idle;
  NodeId from_;
  std::uint64_t progress_id_ = 0;
  LogPosition last_;
  std::uint64_t total_bytes_ = 0;
  std::uint64_t next_offset_ = 0;
  std::optional<SnapshotChunk> held_;  // the first one waits for the file to be opened
  std::vector<Message> messages_;
  std::vector<SnapshotWork> work_;
};

}  // namespace raft
