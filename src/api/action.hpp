// What the API wants done for a request. Routing and rendering are pure: api::route() turns a
// request into one of these, and the shell (server/) performs it: proposes the command, waits for
// the read barrier, asks state.db. So the whole API is tested without a cluster, and the CLI's
// embedded database runs the very same code.
// (design.md speaks of a Backend interface; returning the action replaces it, and needs no mock.)
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/caller.hpp"
#include "api/list_reader.hpp"
#include "base/result.hpp"
#include "http/message.hpp"
#include "ipam/change.hpp"
#include "ipam/command.hpp"
#include "ipam/history.hpp"
#include "ipam/state_machine.hpp"

namespace api {

enum class Consistency : std::uint8_t { linearizable, stale };

// What the node says of itself; filled by server/.
struct MemberStatus {
  std::uint64_t node_id = 0;
  std::string address;
  std::string role;          // leader, follower, learner
  bool voter = false;
  std::uint64_t match_index = 0;       // known on the leader only, like the two below
  std::uint64_t lag = 0;               // entries behind the leader's last
  std::int64_t last_heard_ms = -1;     // -1: never, or not known here
  std::int64_t silent_ms = 0;  // since it was last heard, or since the leader leads
};
struct NodeStatus {
  bool cluster_mode = false;
  bool disk_low = false;  // nearly full: the node leads only where nobody else can
  std::uint64_t node_id = 0;
  std::uint64_t cluster_id = 0;
  std::string role;         // leader, follower, candidate, learner
  std::string raft_state;   // StateLeader, StateFollower, StateCandidate, StatePreCandidate
  std::uint64_t leader_id = 0;  // 0: none known
  std::uint64_t term = 0;
  std::uint64_t commit_index = 0;
  std::uint64_t applied_index = 0;
  std::uint64_t digest = 0;  // ipam::Counters::digest as of applied_index
  std::uint64_t last_log_index = 0;
  std::uint64_t snapshot_index = 0;
  std::vector<MemberStatus> members;
  // Empty: ready to serve. Otherwise why not, as a sentence: "no leader", "shutting down", …
  std::string not_ready_reason;
  std::int64_t uptime_seconds = 0;
};

enum class MemberChangeResult : std::uint8_t {
  done,
  no_leader,             // definitely not appended
  outcome_unknown,
  already_member,        // same id, other address; or address taken
  not_a_member,
  would_lose_quorum,
  change_in_progress,    // another one is not finished yet
  no_successor,          // nobody else can lead
  not_a_cluster,         // standalone mode
};
enum class MemberAction : std::uint8_t {
  add,
  remove,
  move,  // it listens at another address now
  lead,  // the leader hands over to it; node 0: to whichever has most of the log
};

// A copy of state.db.
struct Backup {
  std::uint64_t revision = 0;
  std::uint64_t digest = 0;  // ipam::Counters::digest as of that revision
  std::uint64_t bytes = 0;
  std::shared_ptr<http::BodySource> body;  // of so many bytes
};
struct BackupFailure {
  enum class Reason : std::uint8_t { too_many, no_room, failed };
  Reason reason = Reason::failed;
  std::string detail;
};
struct LogCut {
  std::uint64_t durable_index = 0;   // state.db holds everything up to here
  std::uint64_t snapshot_index = 0;  // the log begins after it
};

// ---- the actions ----
struct Answer {
  http::Response response;
};
struct Write {
  ipam::Command command;
  std::function<http::Response(const ipam::Outcome&)> render;
};
// A Write of a CreateToken for which the shell makes a secret: its hash goes into the command, and
// it itself into the answer, which is the only one that ever has it.
struct IssueToken {
  ipam::Command command;
  std::function<http::Response(const ipam::Outcome&, const std::string& secret)> render;
};
// What the write would give, of a state that is up to date; nothing is changed.
struct DryRun {
  ipam::Command command;
  std::function<http::Response(const ipam::Outcome&)> render;
};
struct Read {
  Consistency consistency = Consistency::linearizable;
  std::function<http::Response(const ipam::StateMachine&)> render;
};
struct ReadHistory {
  Consistency consistency = Consistency::linearizable;
  ipam::HistoryQuery query;
  // Nothing: this does not do, and `look` has another question.
  std::function<std::optional<http::Response>(const ipam::HistoryAnswer&)> render;
  // May be empty. Called before each question is asked, which it may change, with the state as of
  // the very revision that the answer of state.db will be of.
  std::function<void(const ipam::StateMachine&, ipam::HistoryQuery&)> look = {};
};
// Performed step by step (list_reader.hpp).
struct ReadList {
  Consistency consistency = Consistency::linearizable;
  std::shared_ptr<ListReader> reader;
};
// The change stream from behind `since`; from behind what is applied where it is not given, which
// alone waits for the read barrier.
struct Watch {
  Consistency consistency = Consistency::linearizable;
  std::optional<ipam::Revision> since;
  ipam::TokenId token = {};  // of the caller, without which the watch ends
};
// Answered at once from what this node knows, without a leader.
struct ReadStatus {
  std::function<http::Response(const NodeStatus&)> render;
};
// The page of metrics of this node; all of its answer is the shell's.
struct ReadMetrics {};
struct ChangeMembers {
  MemberAction action = MemberAction::add;
  std::uint64_t node_id = 0;
  std::string address;  // add only; host:port
  std::function<http::Response(MemberChangeResult)> render;
};
// As of a revision that is not before the request; stale: of what this node has.
struct MakeBackup {
  Consistency consistency = Consistency::linearizable;
  std::function<http::Response(const base::Result<Backup, BackupFailure>&)> render;
};
// Writes out what is applied, and cuts the log up to there.
struct CutLog {
  std::function<http::Response(const LogCut&)> render;
};

using Body =
    std::variant<Answer, Write, DryRun, Read, ReadHistory, ReadList, Watch, ReadStatus,
                 ReadMetrics, ChangeMembers, MakeBackup, CutLog, IssueToken>;

struct Route;
struct Action {
  // X-Ipam-Min-Revision: serve only once this revision is applied. 0: no such wish.
  std::uint64_t min_revision = 0;
  Body body;
  const Route* route = nullptr;  // none where the request found none
  ipam::TokenId token{};  // of the caller; an answer with data is only for who has it still
};

// The answer to a write: rendered, and marked where it is that of an earlier request.
http::Response rendered(const std::function<http::Response(const ipam::Outcome&)>& render,
                        const ipam::Outcome& outcome, bool replayed);

// Finds the route and checks everything that can be checked without the state. Never throws for
// bad input: that gives an Answer with a problem.
// By default whoever asks may do everything, as where nobody needs a token.
Action route(const http::Request& request, const Identity& identity = Caller());

// The problems that the shell itself answers with.
http::Response problem_no_leader();          // 503 NO_LEADER with Retry-After: not appended
http::Response problem_outcome_unknown();    // 504 OUTCOME_UNKNOWN: says how to retry safely
http::Response problem_read_timeout();       // 503: a read that found no leader in time
// 503 READ_TIMEOUT: X-Ipam-Min-Revision named a revision that did not come in time.
http::Response problem_revision_not_reached(std::uint64_t wanted, std::uint64_t applied);
http::Response problem_overloaded();         // 503 OVERLOADED: not appended
http::Response problem_shutting_down();      // 503
http::Response problem_for_status(int status, std::string_view detail);  // http::ErrorRenderer

}  // namespace api
