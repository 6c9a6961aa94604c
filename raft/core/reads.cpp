// Linearizable reads without a log entry: ReadIndex, thesis §6.4.
#include "base/assert.hpp"
#include "raft/core/mutant.hpp"
#include "raft/core/node.hpp"

namespace raft {

bool RaftCore::read_index(std::uint64_t context) {
  if (auto* leader = leader_role()) {
    if (leader->reads.size() >= options_.reads_max) return false;
    leader->reads.add(id(), context);
    return true;
  }
  if (!leader_) return false;
  send(leader_, ReadIndexRequest{context});
  return true;
}

void RaftCore::handle(NodeId from, const ReadIndexRequest& request) {
  auto* leader = leader_role();
  if (leader != nullptr && leader->reads.size() < options_.reads_max) {
    leader->reads.add(from, request.context);
  } else {
    send(from, ReadIndexResponse{request.context, false, {}});
  }
}

void RaftCore::handle(NodeId, const ReadIndexResponse& response) {
  read_states_.push_back({response.context, response.ok, response.index});
}

// Reads that came in since the last turn share one round of heartbeats. A leader whose term has no
// committed entry yet does not know the commit index: its reads wait (etcd 7332).
void RaftCore::begin_read_round(Leader& leader) {
  if (!leader.reads.has_open()) return;
  if (!term_committed() && !MUTANT(read_before_term_commit)) return;
  leader.reads.begin_round(commit_);
  send_heartbeats(leader);
  answer_reads(leader);  // a single voter is its own quorum
}

void RaftCore::answer_reads(Leader& leader) {
  const auto confirmed = [&](std::uint64_t round) {
    return has_counting_quorum(leader, [&](NodeId peer) {
      if (peer == id()) return true;
      const Progress& progress = leader.progress.at(peer);
      if (MUTANT(any_answer_confirms_read) && progress.heard) return true;
      return progress.read_round >= round || MUTANT(read_without_quorum);
    });
  };
  for (const auto& read : leader.reads.take_confirmed(confirmed)) answer_read(read, true);
}

void RaftCore::answer_read(const ReadQueue::Read& read, bool ok) {
  if (read.requester == id())
    read_states_.push_back({read.context, ok, read.index});
  else
    send(read.requester, ReadIndexResponse{read.context, ok, read.index});
}

void RaftCore::fail_reads(Leader& leader) {
  for (const auto& read : leader.reads.take_all()) answer_read(read, false);
}

}  // namespace raft
