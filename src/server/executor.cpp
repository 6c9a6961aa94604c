#include "server/executor.hpp"

#include <fmt/format.h>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <utility>

#include "metrics/text_format.hpp"
#include "server/metrics_page.hpp"
#include "server/secret.hpp"

namespace server {
namespace {

constexpr auto min_revision_timeout = std::chrono::seconds(5);

std::string_view role_name(const raft::RaftCore& core) {
  switch (core.role()) {
    case raft::Role::leader: return "leader";
    case raft::Role::candidate:
    case raft::Role::pre_candidate: return "candidate";
    case raft::Role::follower: break;
  }
  return core.configuration().is_voter(core.id()) ? "follower" : "learner";
}

// The words that users of the first release know from its status page.
std::string_view raft_state_name(raft::Role role) {
  switch (role) {
    case raft::Role::leader: return "StateLeader";
    case raft::Role::candidate: return "StateCandidate";
    case raft::Role::pre_candidate: return "StatePreCandidate";
    case raft::Role::follower: break;
  }
  return "StateFollower";
}

raft::MemberAction action_of(api::MemberAction action) {
  switch (action) {
    case api::MemberAction::add: return raft::MemberAction::add;
    case api::MemberAction::remove: return raft::MemberAction::remove;
    case api::MemberAction::move: return raft::MemberAction::move;
    case api::MemberAction::lead: break;
  }
  return raft::MemberAction::lead;
}

// `named`: the change is of a member that the client named.
api::MemberChangeResult result_of(const raft::MemberChangeReply& reply, bool named) {
  using Result = api::MemberChangeResult;
  switch (reply.outcome) {
    case raft::MemberChangeOutcome::committed: return Result::done;
    case raft::MemberChangeOutcome::no_leader: return Result::no_leader;
    case raft::MemberChangeOutcome::unknown: return Result::outcome_unknown;
    case raft::MemberChangeOutcome::refused: break;
  }
  switch (reply.refusal) {
    case raft::Refusal::already_member: return Result::already_member;
    case raft::Refusal::not_a_member:
      return named ? Result::not_a_member : Result::no_successor;
    case raft::Refusal::would_lose_quorum: return Result::would_lose_quorum;
    case raft::Refusal::change_in_progress:
    case raft::Refusal::too_many_members: return Result::change_in_progress;
    default: return Result::no_leader;
  }
}

http::Response problem_of(WriteFailure failure) {
  switch (failure) {
    case WriteFailure::refused: return api::problem_no_leader();
    case WriteFailure::overloaded: return api::problem_overloaded();
    case WriteFailure::stopping: return api::problem_shutting_down();
    case WriteFailure::unknown: break;
  }
  return api::problem_outcome_unknown();
}

// Changes the cluster rather than the plan.
bool is_of_cluster(const api::Body& body) {
  return std::holds_alternative<api::ChangeMembers>(body) ||
         std::holds_alternative<api::CutLog>(body);
}

double seconds_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

}  // namespace

// Answers leave by way of the queue of the io thread: a session that goes on with its next request
// does not run inside the loop that applies entries.
void Executor::perform(api::Action action, Done done) {
  // What was read is told to nobody whose token went meanwhile: at the latest by the read barrier
  // this node has heard of it. A write was checked where it was applied.
  const bool is_write = std::holds_alternative<api::Write>(action.body) ||
                        std::holds_alternative<api::IssueToken>(action.body) ||
                        is_of_cluster(action.body);
  const ipam::TokenId token = is_write ? ipam::TokenId() : action.token;
  const auto began = std::chrono::steady_clock::now();
  auto answer = [this, token, began, route = action.route,
                 done = std::move(done)](http::Response response) {
    if (token && !is_valid(token)) response = api::denied(api::Denial::revoked_token);
    metrics_.on_answered(route, response.status, seconds_since(began));
    if (!response.header("X-Ipam-Revision"))  // a list is of its own
      response.headers.push_back(
          {"X-Ipam-Revision", fmt::format_int(replica_.applied().value()).str()});
    auto deliver = [done, response = std::move(response)]() mutable { done(std::move(response)); };
    asio::post(io_, std::move(deliver));
  };
  const raft::Index min_revision(action.min_revision);
  if (min_revision <= replica_.applied())
    return perform_for(action.token, std::move(action.body), std::move(answer));
  struct Wait {
    explicit Wait(asio::io_context& io) : timer(io, min_revision_timeout) {}
    asio::steady_timer timer;
    bool over = false;
  };
  auto wait = std::make_shared<Wait>(io_);
  wait->timer.async_wait([wait, answer](const std::error_code& ec) {
    if (ec || std::exchange(wait->over, true)) return;
    answer(api::problem_read_timeout());
  });
  auto proceed = [this, wait, answer, caller = action.token,
                  body = std::make_shared<api::Body>(std::move(action.body))](bool ok) {
    if (std::exchange(wait->over, true)) return;
    wait->timer.cancel();
    if (ok)
      perform_for(caller, std::move(*body), answer);
    else
      answer(api::problem_shutting_down());
  };
  replica_.when_applied(min_revision, std::move(proceed));
}

// What is no command is not checked where it is applied: then whether the token is good is asked
// behind a barrier, before anything is done.
void Executor::perform_for(ipam::TokenId token, api::Body body, Done done) {
  if (!token || !is_of_cluster(body)) return perform_now(std::move(body), std::move(done));
  auto act = [this, token, body = std::make_shared<api::Body>(std::move(body))](Done answered) {
    if (!is_valid(token)) return answered(api::denied(api::Denial::revoked_token));
    perform_now(std::move(*body), std::move(answered));
  };
  after_barrier(api::Consistency::linearizable, std::move(done), std::move(act));
}

void Executor::perform_now(api::Body body, Done done) {
  if (auto* answer = std::get_if<api::Answer>(&body)) return done(std::move(answer->response));
  if (auto* write = std::get_if<api::Write>(&body))
    return perform(std::move(*write), std::move(done));
  if (auto* dry_run = std::get_if<api::DryRun>(&body))
    return perform(std::move(*dry_run), std::move(done));
  if (auto* read = std::get_if<api::Read>(&body)) return perform(std::move(*read), std::move(done));
  if (auto* read = std::get_if<api::ReadHistory>(&body))
    return perform(std::move(*read), std::move(done));
  if (auto* read = std::get_if<api::ReadList>(&body))
    return perform(std::move(*read), std::move(done));
  if (auto* watch = std::get_if<api::Watch>(&body))
    return perform(std::move(*watch), std::move(done));
  if (auto* read = std::get_if<api::ReadStatus>(&body)) return done(read->render(status()));
  if (std::holds_alternative<api::ReadMetrics>(body)) return done(metrics_answer());
  if (auto* issue = std::get_if<api::IssueToken>(&body))
    return perform(std::move(*issue), std::move(done));
  if (auto* change = std::get_if<api::ChangeMembers>(&body))
    return perform(std::move(*change), std::move(done));
  if (auto* backup = std::get_if<api::MakeBackup>(&body))
    return perform(std::move(*backup), std::move(done));
  if (auto* cut = std::get_if<api::CutLog>(&body)) return perform(std::move(*cut), std::move(done));
}

void Executor::stop() {
  lists_.stop();
  backups_.stop();
}

bool Executor::is_valid(ipam::TokenId id) const {
  const ipam::Token* const token = replica_.state_machine().token(id);
  return token != nullptr && !token->is_expired(node_.time_ms());
}

void Executor::perform(api::Write write, Done done) {
  if (!write.command.idempotency.key.empty())
    write.command.idempotency.retention_seconds = spec_.idempotency_seconds;
  const auto command = std::make_shared<const ipam::Command>(std::move(write.command));
  auto finished = [this, command, began = std::chrono::steady_clock::now(),
                   render = std::move(write.render), done = std::move(done)](WriteResult result) {
    metrics_.on_write(command->body, result, seconds_since(began));
    if (const auto* failure = std::get_if<WriteFailure>(&result)) return done(problem_of(*failure));
    const auto& decided = std::get<Decided>(result);
    done(api::rendered(render, decided.outcome, decided.replayed));
  };
  replica_.write(*command, std::move(finished));
}

// The secret is in this process until the answer is sent, and nowhere else.
void Executor::perform(api::IssueToken issue, Done done) {
  std::string secret = new_secret();
  std::get<ipam::CreateToken>(issue.command.body).hash = base::sha256(secret);
  auto render = [render = std::move(issue.render),
                 secret = std::move(secret)](const ipam::Outcome& outcome) {
    return render(outcome, secret);
  };
  perform(api::Write{std::move(issue.command), std::move(render)}, std::move(done));
}

void Executor::after_barrier(api::Consistency consistency, Done done,
                             std::function<void(Done)> then) {
  if (consistency == api::Consistency::stale) return then(std::move(done));
  // A node that has failed applies nothing any more, whatever is committed; one that has stopped
  // hears of nothing.
  const auto is_over = [this] { return node_.stopping() || !replica_.failure().empty(); };
  if (is_over()) return done(api::problem_shutting_down());
  auto read = [is_over, done = std::move(done), then = std::move(then)](bool ok) {
    if (is_over()) return done(api::problem_shutting_down());
    if (ok) return then(done);
    done(api::problem_read_timeout());
  };
  node_.read(std::move(read));
}

void Executor::perform(api::DryRun dry_run, Done done) {
  auto answer = [this, dry_run = std::move(dry_run)](Done answered) {
    answered(dry_run.render(replica_.preview(dry_run.command)));
  };
  after_barrier(api::Consistency::linearizable, std::move(done), std::move(answer));
}

void Executor::perform(api::Read read, Done done) {
  auto answer = [this, render = std::move(read.render)](Done answered) {
    answered(render(replica_.state_machine()));
  };
  after_barrier(read.consistency, std::move(done), std::move(answer));
}

void Executor::perform(api::ReadHistory read, Done done) {
  auto ask = [this, query = read.query, render = std::move(read.render),
              look = std::move(read.look)](Done answered) {
    // The answer is as of what is applied now, also where state.db gives it (state/README.md).
    if (look) look(replica_.state_machine());
    auto finished = [render, answered](base::Result<ipam::HistoryAnswer, std::string> answer) {
      if (answer.ok()) return answered(render(*answer));
      answered(api::problem_for_status(500, answer.error()));
    };
    replica_.ask(query, std::move(finished));
  };
  after_barrier(read.consistency, std::move(done), std::move(ask));
}

void Executor::perform(api::ReadList read, Done done) {
  auto start = [this, reader = std::move(read.reader)](Done answered) {
    lists_.perform(reader, std::move(answered));
  };
  after_barrier(read.consistency, std::move(done), std::move(start));
}

// Whoever says where to go on needs no barrier: what this node has not applied yet comes later.
void Executor::perform(api::Watch watch, Done done) {
  const auto consistency = watch.since ? api::Consistency::stale : watch.consistency;
  auto start = [this, since = watch.since, token = watch.token](Done answered) {
    answered(hub_.watch(since, ipam::Revision(replica_.applied().value()), token));
  };
  after_barrier(consistency, std::move(done), std::move(start));
}

void Executor::perform(api::ChangeMembers change, Done done) {
  if (!spec_.cluster_mode) return done(change.render(api::MemberChangeResult::not_a_cluster));
  auto finished = [render = std::move(change.render), done = std::move(done),
                   named = change.node_id != 0](const raft::MemberChangeReply& reply) {
    done(render(result_of(reply, named)));
  };
  node_.change_members({action_of(change.action), raft::NodeId(change.node_id),
                        std::move(change.address)},
                       std::move(finished));
}

// ---- status ----

http::Response Executor::metrics_answer() {
  NodeReadings readings;
  readings.status = status();
  readings.plan = &replica_.state_machine();
  readings.http = connections_();
  readings.watchers = hub_.watchers();
  readings.proposals_pending = node_.pending_proposals();
  readings.state_changes_queued = replica_.store().queued_changes();
  readings.refusals = node_.refusals();
  readings.snapshot = node_.snapshot_progress();
  readings.data_dir = spec_.data_dir;
  http::Response response;
  response.content_type = metrics::content_type;
  response.body = metrics_page(metrics_, readings, fullest_);
  return response;
}

void Executor::perform(api::MakeBackup backup, Done done) {
  const api::Consistency consistency = backup.consistency;
  auto make = [this, backup = std::move(backup)](Done answered) {
    backups_.perform(backup, std::move(answered));
  };
  after_barrier(consistency, std::move(done), std::move(make));
}

void Executor::perform(api::CutLog cut, Done done) {
  if (node_.stopping() || !replica_.failure().empty())
    return done(api::problem_shutting_down());
  // The node was told how far state.db is durable before this is called.
  auto flushed = [this, render = std::move(cut.render),
                  done = std::move(done)](const state::StateStore::Flushed& durable) {
    if (node_.stopping() || !durable) return done(api::problem_shutting_down());
    node_.cut_log();
    done(render({*durable, node_.core().log().compacted().index.value()}));
  };
  replica_.store().flush(std::move(flushed));
}

std::string Executor::not_ready_reason() const {
  if (!replica_.failure().empty()) return "storage failed: " + replica_.failure();
  if (node_.stopping()) return "shutting down";
  const raft::RaftCore& core = node_.core();
  if (core.configuration().members.empty())
    return "this node is not a member yet: add it with POST /api/v1/cluster/nodes";
  if (!core.leader()) return "no leader";
  return "";
}

api::NodeStatus Executor::status() const {
  const raft::RaftCore& core = node_.core();
  api::NodeStatus status;
  status.cluster_mode = spec_.cluster_mode;
  status.node_id = spec_.node_id;
  status.cluster_id = spec_.cluster_id;
  status.role = role_name(core);
  status.raft_state = raft_state_name(core.role());
  status.leader_id = core.leader().value();
  status.term = core.term().value();
  status.commit_index = core.commit().value();
  status.applied_index = replica_.applied().value();
  status.digest = replica_.state_machine().counters().digest;
  status.last_log_index = core.log().last_index().value();
  status.snapshot_index = core.log().compacted().index.value();
  status.disk_low = node_.is_disk_low();
  status.not_ready_reason = not_ready_reason();
  status.uptime_seconds = std::chrono::duration_cast<std::chrono::seconds>(
                              std::chrono::steady_clock::now() - started_)
                              .count();
  fill_members(status);
  return status;
}

void Executor::fill_members(api::NodeStatus& status) const {
  const raft::RaftCore& core = node_.core();
  std::map<raft::NodeId, raft::ProgressStatus> progress;
  for (const raft::ProgressStatus& peer : core.status().progress) progress.emplace(peer.id, peer);
  const std::uint64_t last = status.last_log_index;
  for (const auto& [id, member] : core.configuration().members) {
    api::MemberStatus out;
    out.node_id = id.value();
    out.address = member.address;
    out.role = id == core.leader() ? "leader" : member.learner() ? "learner" : "follower";
    out.voter = !member.learner();
    if (id == core.id() && core.is_leader()) {
      out.match_index = core.log().persisted().value();
      out.lag = last - out.match_index;
      out.last_heard_ms = 0;
    } else if (const auto it = progress.find(id); it != progress.end()) {
      out.match_index = it->second.match.value();
      out.lag = last - out.match_index;
      if (it->second.ticks_since_heard)
        out.last_heard_ms =
            static_cast<std::int64_t>(*it->second.ticks_since_heard) * tick_.count();
    }
    status.members.push_back(std::move(out));
  }
}

}  // namespace server
