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

// For those who want to copy what they call.
template <class Reply>
std::function<void(http::Response)> shared(Reply reply) {
  return [held = std::make_shared<Reply>(std::move(reply))](http::Response response) {
    (*held)(std::move(response));
  };
}

double seconds_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

}  // namespace

// What was read is told to nobody whose token went meanwhile: at the latest by the read barrier
// this node has heard of it. A write was checked where it was applied.
Executor::Reply::Reply(Executor& executor, const api::Action& action, Done done)
    : executor_(&executor), route_(action.route), done_(std::move(done)) {
  const bool is_write = std::holds_alternative<api::Write>(action.body) ||
                        std::holds_alternative<api::IssueToken>(action.body) ||
                        is_of_cluster(action.body);
  if (!is_write) token_ = action.token;
}

void Executor::Reply::operator()(http::Response response) {
  if (token_ && !executor_->is_valid(token_)) response = api::denied(api::Denial::revoked_token);
  executor_->metrics_.on_answered(route_, response.status, seconds_since(began_));
  if (!response.header("X-Ipam-Revision"))  // a list is of its own
    response.headers.push_back(executor_->revision_header());
  executor_->deliver(std::move(done_), std::move(response));
}

http::Header Executor::revision_header() const {
  return {"X-Ipam-Revision", fmt::format_int(replica_.applied().value()).str()};
}

// Answers leave by way of the queue of the io thread: a session that goes on with its next request
// does not run inside the loop that applies entries. Those of one turn go through it together.
void Executor::deliver(Done done, http::Response response) {
  deliveries_.push_back({std::move(done), std::move(response)});
  if (deliveries_.size() > 1) return;
  asio::post(io_, [this] {
    delivering_.swap(deliveries_);
    for (Delivery& delivery : delivering_) delivery.done(std::move(delivery.response));
    delivering_.clear();
  });
}

void Executor::perform(api::Action action, Done done) {
  Reply reply(*this, action, std::move(done));
  if (raft::Index(action.min_revision) > replica_.applied())
    return perform_when_applied(std::move(action), std::move(reply));
  perform_for(action.token, std::move(action.body), std::move(reply));
}

void Executor::perform_when_applied(api::Action&& action, Reply&& reply) {
  struct Wait {
    asio::steady_timer timer;
    Reply reply;
    api::Action action;
    bool over = false;
  };
  const raft::Index revision(action.min_revision);
  auto wait = std::make_shared<Wait>(Wait{asio::steady_timer(io_, min_revision_timeout),
                                          std::move(reply), std::move(action)});
  auto proceed = [this, wait](bool ok) {
    if (std::exchange(wait->over, true)) return;
    wait->timer.cancel();
    if (!ok) return wait->reply(api::problem_shutting_down());
    perform_for(wait->action.token, std::move(wait->action.body), std::move(wait->reply));
  };
  const IndexWaiters::Ticket ticket = replica_.when_applied(revision, std::move(proceed));
  wait->timer.async_wait([this, wait, ticket](const std::error_code& ec) {
    if (ec || std::exchange(wait->over, true)) return;
    replica_.stop_waiting(ticket);
    wait->reply(api::problem_revision_not_reached(wait->action.min_revision,
                                                  replica_.applied().value()));
  });
}

// What is no command is not checked where it is applied: then whether the token is good is asked
// behind a barrier, before anything is done.
void Executor::perform_for(ipam::TokenId token, api::Body&& body, Reply&& reply) {
  if (!token || !is_of_cluster(body)) return perform_now(std::move(body), std::move(reply));
  auto act = [this, token, body = std::move(body)](Reply answered) mutable {
    if (!is_valid(token)) return answered(api::denied(api::Denial::revoked_token));
    perform_now(std::move(body), std::move(answered));
  };
  after_barrier(api::Consistency::linearizable, std::move(reply), std::move(act));
}

void Executor::perform_now(api::Body&& body, Reply&& reply) {
  const auto act = [&](auto& action) {
    using Kind = std::remove_cvref_t<decltype(action)>;
    if constexpr (std::is_same_v<Kind, api::Answer>) reply(std::move(action.response));
    else if constexpr (std::is_same_v<Kind, api::ReadStatus>) reply(action.render(status()));
    else if constexpr (std::is_same_v<Kind, api::ReadMetrics>) reply(metrics_answer());
    else perform(std::move(action), std::move(reply));
  };
  std::visit(act, body);
}

void Executor::stop() {
  lists_.stop();
  backups_.stop();
}

bool Executor::is_valid(ipam::TokenId id) const {
  const ipam::Token* const token = replica_.state_machine().token(id);
  return token != nullptr && !token->is_expired(node_.time_ms());
}

bool Executor::is_over() const { return node_.stopping() || !replica_.failure().empty(); }

void Executor::perform(api::Write&& write, Reply&& reply) {
  if (!write.command.idempotency.key.empty())
    write.command.idempotency.retention_seconds = spec_.idempotency_seconds;
  const bool is_allocate = std::holds_alternative<ipam::Allocate>(write.command.body);
  auto finished = [this, is_allocate, began = std::chrono::steady_clock::now(),
                   render = std::move(write.render),
                   reply = std::move(reply)](WriteResult result) mutable {
    metrics_.on_write(is_allocate, result, seconds_since(began));
    if (const auto* failure = std::get_if<WriteFailure>(&result))
      return reply(problem_of(*failure));
    const auto& decided = std::get<Decided>(result);
    reply(api::rendered(render, decided.outcome, decided.replayed));
  };
  replica_.write(write.command, std::move(finished));
}

// The secret is in this process until the answer is sent, and nowhere else.
void Executor::perform(api::IssueToken&& issue, Reply&& reply) {
  std::string secret = new_secret();
  std::get<ipam::CreateToken>(issue.command.body).hash = base::sha256(secret);
  auto render = [render = std::move(issue.render),
                 secret = std::move(secret)](const ipam::Outcome& outcome) {
    return render(outcome, secret);
  };
  perform(api::Write{std::move(issue.command), std::move(render)}, std::move(reply));
}

template <class Then>
void Executor::after_barrier(api::Consistency consistency, Reply&& reply, Then then) {
  if (consistency == api::Consistency::stale) return then(std::move(reply));
  if (is_over()) return reply(api::problem_shutting_down());
  auto read = [this, reply = std::move(reply), then = std::move(then)](bool ok) mutable {
    if (is_over()) return reply(api::problem_shutting_down());
    if (ok) return then(std::move(reply));
    reply(api::problem_read_timeout());
  };
  node_.read(std::move(read));
}

void Executor::perform(api::DryRun&& dry_run, Reply&& reply) {
  auto answer = [this, dry_run = std::move(dry_run)](Reply answered) {
    answered(dry_run.render(replica_.preview(dry_run.command)));
  };
  after_barrier(api::Consistency::linearizable, std::move(reply), std::move(answer));
}

void Executor::perform(api::Read&& read, Reply&& reply) {
  auto answer = [this, render = std::move(read.render)](Reply answered) {
    answered(render(replica_.state_machine()));
  };
  after_barrier(read.consistency, std::move(reply), std::move(answer));
}

void Executor::perform(api::ReadHistory&& read, Reply&& reply) {
  const api::Consistency consistency = read.consistency;
  auto start = [this, read = std::move(read)](Reply answered) mutable {
    ask(std::move(read), std::move(answered));
  };
  after_barrier(consistency, std::move(reply), std::move(start));
}

void Executor::ask(api::ReadHistory&& read, Reply&& reply) {
  // The answer is as of what is applied now, also where state.db gives it (state/README.md).
  if (read.look) read.look(replica_.state_machine(), read.query);
  ipam::HistoryQuery query = std::move(read.query);
  auto finished = [this, read = std::move(read), reply = std::move(reply)](
                      base::Result<ipam::HistoryAnswer, std::string> answer) mutable {
    if (!answer.ok()) return reply(api::problem_for_status(500, answer.error()));
    if (auto response = read.render(*answer)) return reply(*std::move(response));
    ask(std::move(read), std::move(reply));
  };
  replica_.ask(std::move(query), std::move(finished));
}

void Executor::perform(api::ReadList&& read, Reply&& reply) {
  auto start = [this, reader = std::move(read.reader)](Reply answered) {
    lists_.perform(reader, shared(std::move(answered)));
  };
  after_barrier(read.consistency, std::move(reply), std::move(start));
}

// Whoever says where to go on needs no barrier: what this node has not applied yet comes later.
void Executor::perform(api::Watch&& watch, Reply&& reply) {
  const auto consistency = watch.since ? api::Consistency::stale : watch.consistency;
  auto start = [this, since = watch.since, token = watch.token](Reply answered) {
    answered(hub_.watch(since, ipam::Revision(replica_.applied().value()), token));
  };
  after_barrier(consistency, std::move(reply), std::move(start));
}

void Executor::perform(api::ChangeMembers&& change, Reply&& reply) {
  if (!spec_.cluster_mode) return reply(change.render(api::MemberChangeResult::not_a_cluster));
  if (is_over()) return reply(api::problem_shutting_down());
  auto finished = [render = std::move(change.render), done = shared(std::move(reply)),
                   named = change.node_id != 0](const raft::MemberChangeReply& result) {
    done(render(result_of(result, named)));
  };
  node_.change_members({action_of(change.action), raft::NodeId(change.node_id),
                        std::move(change.address)},
                       std::move(finished));
}

void Executor::perform(api::MakeBackup&& backup, Reply&& reply) {
  const api::Consistency consistency = backup.consistency;
  auto make = [this, backup = std::move(backup)](Reply answered) {
    backups_.perform(backup, shared(std::move(answered)));
  };
  after_barrier(consistency, std::move(reply), std::move(make));
}

void Executor::perform(api::CutLog&& cut, Reply&& reply) {
  if (is_over()) return reply(api::problem_shutting_down());
  // The node was told how far state.db is durable before this is called.
  auto flushed = [this, render = std::move(cut.render),
                  done = shared(std::move(reply))](const state::StateStore::Flushed& durable) {
    if (node_.stopping() || !durable) return done(api::problem_shutting_down());
    node_.cut_log();
    done(render({*durable, node_.core().log().compacted().index.value()}));
  };
  replica_.store().flush(std::move(flushed));
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

std::string Executor::not_ready_reason() const {
  if (!replica_.failure().empty()) return "storage failed: " + replica_.failure();
  if (node_.stopping()) return "shutting down";
  const raft::RaftCore& core = node_.core();
  if (core.configuration().members.empty())
    return "this node is not a member yet: add it with POST /api/v1/cluster/nodes";
  if (!core.leader())
    return core.log().last_index() == raft::Index()
               ? "no leader: the first one is elected once all founders are there"
               : "no leader";
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
      const auto milliseconds = [this](std::uint64_t ticks) {
        return static_cast<std::int64_t>(ticks) * tick_.count();
      };
      out.silent_ms = milliseconds(it->second.ticks_silent);
      if (it->second.ticks_since_heard)
        out.last_heard_ms = milliseconds(*it->second.ticks_since_heard);
    }
    status.members.push_back(std::move(out));
  }
}

}  // namespace server
