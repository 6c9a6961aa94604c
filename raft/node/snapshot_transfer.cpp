#include "raft/node/snapshot_transfer.hpp"

#include <algorithm>
#include <utility>

#include "base/crc32c.hpp"
#include "base/mutant.hpp"

namespace raft {

// ---- SnapshotSender ----

void SnapshotSender::want(NodeId peer) {
  // One that is given up already is not what is wanted, were it for the same peer.
  const bool is_under_way = active() && !abandoned_ && peer_ == peer;
  if (is_under_way || std::ranges::count(waiting_, peer) > 0) return;
  waiting_.push_back(peer);
}

void SnapshotSender::advance(Term term, std::uint64_t progress_id) {
  if (state_ == State::idle) {
    if (waiting_.empty() || pause_ticks_left_ > 0) return;
    peer_ = waiting_.front();
    waiting_.pop_front();
    state_ = State::making;
    offset_ = 0;
    reading_ = false;
    ticks_since_sent_ = ticks_since_progress_ = 0;
    work_.push_back(MakeSnapshot{});
    return;
  }
  term_ = term;
  progress_id_ = progress_id;
  if (progress_id == 0) finish();
}

void SnapshotSender::tick() {
  if (pause_ticks_left_ > 0) --pause_ticks_left_;
  // However long the host takes to make the file, it will say when it is there.
  if (!active() || state_ == State::making) return;
  ++ticks_since_sent_;
  if (++ticks_since_progress_ > give_up_ticks_) return fail();
  if (ticks_since_sent_ < resend_ticks_) return;
  ticks_since_sent_ = 0;
  if (state_ == State::streaming && !reading_) read_next();
  if (state_ == State::installing)
    messages_.push_back({self_, peer_, term_, InstallSnapshot{meta_, progress_id_}});
}

void SnapshotSender::on_made(std::optional<SnapshotMeta> meta, std::uint64_t total_bytes) {
  if (state_ != State::making) return;
  if (std::exchange(abandoned_, false)) {
    work_.push_back(DropSnapshot{});
    state_ = State::idle;
    return;
  }
  if (!meta && NODE_MUTANT(failed_snapshot_blocks_sender)) return fail();
  if (!meta) {
    // There is no file, and nothing more to be heard of it.
    failed_ = peer_;
    state_ = State::idle;
    return pause();
  }
  meta_ = std::move(*meta);
  total_bytes_ = total_bytes;
  state_ = State::streaming;
  ticks_since_progress_ = 0;
  read_next();
}

void SnapshotSender::read_next() {
  reading_ = true;
  const auto left = total_bytes_ - offset_;
  work_.push_back(ReadSnapshot{
      offset_, static_cast<std::size_t>(std::min<std::uint64_t>(left, chunk_bytes_))});
}

void SnapshotSender::on_read(std::uint64_t offset, std::optional<base::SharedBytes> data) {
  // A read from before the receiver went back is of no use; another one is under way.
  if (state_ != State::streaming || !reading_ || offset != offset_) return;
  reading_ = false;
  if (!data) return fail();
  ticks_since_sent_ = 0;
  SnapshotChunk chunk{meta_, progress_id_, offset, total_bytes_, base::crc32c(**data), *data};
  messages_.push_back({self_, peer_, term_, std::move(chunk)});
}

void SnapshotSender::on_response(NodeId from, const SnapshotChunkResponse& response) {
  if (state_ != State::streaming && state_ != State::installing) return;
  if (from != peer_ || response.last != meta_.last) return;
  if (response.rejected) return fail();
  if (response.next_offset > total_bytes_) return;
  // The receiver has it all, and is still installing it.
  if (state_ == State::installing && response.next_offset == offset_) ticks_since_progress_ = 0;
  // An answer to a repeated chunk says nothing new; one that goes back means the receiver lost it.
  if (response.next_offset == offset_) return;
  offset_ = response.next_offset;
  state_ = State::streaming;
  ticks_since_progress_ = 0;
  if (offset_ < total_bytes_) return read_next();
  state_ = State::installing;
  ticks_since_sent_ = 0;
  messages_.push_back({self_, peer_, term_, InstallSnapshot{meta_, progress_id_}});
}

bool SnapshotSender::on_appended(NodeId from, const AppendEntriesResponse& response) {
  if (state_ != State::installing || from != peer_ || response.rejected) return false;
  if (response.progress_id != progress_id_ || response.index < meta_.last.index) return false;
  finish();
  next_pause_ticks_ = resend_ticks_;
  return true;
}

void SnapshotSender::finish() {
  if (!active()) return;
  // Two files at once would be mixed up: the next transfer waits until the host has made this one.
  abandoned_ = state_ == State::making;
  if (abandoned_) return;
  work_.push_back(DropSnapshot{});
  state_ = State::idle;
}

void SnapshotSender::fail() {
  failed_ = peer_;
  finish();
  pause();
}

void SnapshotSender::pause() {
  pause_ticks_left_ = next_pause_ticks_;
  next_pause_ticks_ = std::min(2 * next_pause_ticks_, give_up_ticks_);
}

// ---- SnapshotReceiver ----

void SnapshotReceiver::on_chunk(NodeId from, const SnapshotChunk& chunk, bool wanted) {
  if (!wanted) {
    messages_.push_back({self_, from, Term(), SnapshotChunkResponse{chunk.meta.last, 0, true}});
    return;
  }
  if (base::crc32c(*chunk.data) != chunk.crc) return;  // sent again after a while
  if (chunk.offset > chunk.total_bytes || chunk.data->size() > chunk.total_bytes - chunk.offset)
    return;  // the codec lets none such in
  const bool is_same_state = state_ != State::idle && last_ == chunk.meta.last &&
                             total_bytes_ == chunk.total_bytes;
  if (is_same_state && state_ == State::complete) {
    from_ = from;
    return answer(false);
  }
  // Files of the same state are not the same bytes, also where they are of the same size: those of
  // another leader, or of another try, which begins at 0, must not be mixed.
  const bool is_same_transfer =
      is_same_state && from_ == from && progress_id_ == chunk.progress_id;
  if (is_same_transfer && (state_ == State::beginning || state_ == State::writing)) return;
  if (!is_same_transfer || chunk.offset == 0) {
    if (chunk.offset != 0 || chunk.data->empty()) {
      // The sender goes on with a transfer that this process does not know: begin anew.
      messages_.push_back({self_, from, Term(), SnapshotChunkResponse{chunk.meta.last, 0, false}});
      return;
    }
    from_ = from;
    progress_id_ = chunk.progress_id;
    last_ = chunk.meta.last;
    total_bytes_ = chunk.total_bytes;
    next_offset_ = 0;
    state_ = State::beginning;
    held_ = chunk;
    work_.push_back(BeginReceive{total_bytes_});
    return;
  }
  if ((chunk.offset != next_offset_ && !NODE_MUTANT(chunk_offset_unchecked)) ||
      next_offset_ + chunk.data->size() > total_bytes_)
    return answer(false);
  state_ = State::writing;
  held_ = chunk;
  work_.push_back(WriteChunk{chunk.offset, chunk.data});
}

void SnapshotReceiver::on_begun(bool ok) {
  if (state_ != State::beginning) return;
  if (!ok) {
    state_ = State::idle;
    return answer(true);
  }
  state_ = State::writing;
  work_.push_back(WriteChunk{held_->offset, held_->data});
}

void SnapshotReceiver::on_written(bool ok) {
  if (state_ != State::writing) return;
  if (!ok) {
    state_ = State::idle;
    return answer(true);
  }
  next_offset_ += held_->data->size();
  held_.reset();
  state_ = next_offset_ == total_bytes_ ? State::complete : State::receiving;
  answer(false);
}

void SnapshotReceiver::on_committed(Index commit) {
  if (state_ == State::idle || commit < last_.index) return;
  state_ = State::idle;
  held_.reset();
  work_.push_back(DropReceived{});
}

void SnapshotReceiver::answer(bool rejected) {
  messages_.push_back(
      {self_, from_, Term(), SnapshotChunkResponse{last_, next_offset_, rejected}});
}

}  // namespace raft
