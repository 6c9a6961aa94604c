// Changes of the members, and of who leads them, asked for at this node, until they are done:
// retried while there is no leader or it is not ready, forwarded where this node follows. Pure;
// owned by the driver.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "raft/core/node.hpp"

namespace raft {

struct MemberChange {
  MemberAction action = MemberAction::add;
  NodeId node_id;
  std::string address;  // of an added one, or one that moves
};

enum class MemberChangeOutcome : std::uint8_t {
  committed,  // or, of a hand-over: another node leads
  refused,    // for the reason in `refusal`; certainly not appended
  no_leader,  // certainly not appended
  unknown,
};

struct MemberChangeReply {
  std::uint64_t id = 0;
  MemberChangeOutcome outcome = MemberChangeOutcome::unknown;
  Refusal refusal = Refusal::not_leader;
};

class MemberChanges {
 public:
  MemberChanges(std::uint64_t timeout_ticks, unsigned election_timeout_ticks)
      : timeout_ticks_(timeout_ticks), election_timeout_ticks_(election_timeout_ticks) {}

  void add(std::uint64_t id, const MemberChange& change);
  void tick();
  // Tries what waits and answers what is done. Messages for a leader elsewhere are put into `out`.
  void advance(RaftCore& core, std::vector<Message>& out);
  void on_response(const ChangeMembersResponse& response);
  void fail_all();
  std::vector<MemberChangeReply> take_replies() { return std::exchange(replies_, {}); }

 private:
  enum class Stage : std::uint8_t { waiting, forwarded, appended };
  struct Pending {
    MemberChange change;
    Stage stage = Stage::waiting;
    std::uint64_t deadline_tick = 0;
    std::uint64_t retry_tick = 0;
    Refusal last_refusal = Refusal::not_leader;
    NodeId leader_before;  // of a hand-over, once there is one
  };
  using Item = std::map<std::uint64_t, Pending>::iterator;
  void answer(Item item, MemberChangeOutcome outcome, Refusal refusal = Refusal::not_leader);
  void on_refused(Item item, Refusal refusal);
  void attempt(Item item, RaftCore& core, std::vector<Message>& out);

  const std::uint64_t timeout_ticks_;
  const unsigned election_timeout_ticks_;
  std::uint64_t now_ticks_ = 0;
  std::map<std::uint64_t, Pending> pending_;
  std::vector<MemberChangeReply> replies_;
};

// What a leader does with a request from another node.
ChangeMembersResponse change_members(RaftCore& core, unsigned election_timeout_ticks,
                                     const ChangeMembersRequest& request);

// The voter that has most of the log, of those that this leader hears; 0: none.
NodeId successor(const RaftCore& core, unsigned election_timeout_ticks);

}  // namespace raft
