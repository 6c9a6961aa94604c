#include "simulation.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "violation.hpp"

namespace simulation {

using raft::Index;
using raft::NodeId;

namespace {

Time faults_until(Time duration) { return duration / 10 * 9; }
constexpr Time split_terms_for = 8 * second;

// Limits are drawn too: small ones make rare paths common.
HostOptions draw_options(const SimulationOptions& options) {
  base::Random random(options.seed ^ 0x6f7074696f6e73);
  HostOptions host;
  host.mutant = options.mutant;
  host.group_commit = random.chance(50);
  host.lazy_turns = random.chance(50);
  host.state_write_percent = static_cast<unsigned>(random.chance(50) ? 90 : 20);
  if (random.chance(50)) host.core.message_bytes_max = 1 + random.below(400);
  if (random.chance(50)) {
    host.core.catch_up_lag = random.below(10);
    host.core.catch_up_bytes_per_tick = random.below(200);
  }
  if (random.chance(30)) host.core.uncommitted_bytes_max = 50 + random.below(1000);
  if (random.chance(30)) host.core.committed_per_ready_max = 1 + random.below(10);
  if (random.chance(50)) host.core.promotion_lag_max = random.below(10);
  if (random.chance(50)) host.core.progress.inflight_messages_max = 1 + random.below(8);
  if (random.chance(30)) host.core.progress.inflight_bytes_max = 1 + random.below(500);
  if (random.chance(20)) host.core.reads_max = 1 + random.below(3);
  if (random.chance(30)) host.core.heartbeat_ticks = 2;
  return host;
}

std::size_t draw_size(std::uint64_t seed) {
  constexpr std::size_t sizes[] = {1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7};
  return sizes[base::Random(seed ^ 0x73697a65).below(std::size(sizes))];
}

LinkQuality draw_quality(std::uint64_t seed) {
  base::Random random(seed ^ 0x6c696e6b);
  LinkQuality quality;
  if (random.chance(60)) quality.loss_permille = static_cast<unsigned>(random.below(40));
  if (random.chance(60)) quality.duplicate_permille = static_cast<unsigned>(random.below(30));
  quality.delay_max = quality.delay_min + random.below(60 * millisecond);
  return quality;
}

}  // namespace

Simulation::Simulation(const SimulationOptions& options)
    : options_(options),
      world_(options.seed),
      workload_(world_, cluster_, options.seed),
      cluster_(world_, workload_, draw_options(options), draw_size(options.seed)),
      faults_(world_, cluster_, plan_faults(options.seed, faults_until(options.duration))) {
  world_.network.quality = draw_quality(options.seed);
  world_.trace.echo_to(options.trace_out);
}

Outcome Simulation::run() {
  Outcome outcome;
  try {
    for (std::size_t i = 0; i < cluster_.size(); ++i) cluster_.host(cluster_.id_at(i)).start();
    workload_.start();
    faults_.start(options_.skipped_faults);
    world_.events.push(faults_until(options_.duration) - split_terms_for, EventKind::split_terms);
    world_.events.push(faults_until(options_.duration), EventKind::quiet);
    loop();
  } catch (const Violation& violation) {
    outcome.failure = {violation.invariant, violation.what(), world_.trace.tail(40), world_.now};
  }
  outcome.statistics = world_.statistics;
  outcome.statistics.membership_changes = world_.invariants.configurations_committed();
  outcome.simulated = world_.now;
  outcome.trace_hash = world_.trace.hash();
  outcome.events = events_;
  return outcome;
}

void Simulation::loop() {
  while (stage_ != Stage::done) {
    ASSERT(!world_.events.empty());
    const Event event = world_.events.pop();
    world_.now = event.at;
    ++events_;
    if (!deferred(event)) dispatch(event);
  }
}

// A paused node gets what came meanwhile when it goes on, in order; messages only if its process
// still is the one that they waited for.
bool Simulation::deferred(const Event& event) {
  if (!event.node || event.kind == EventKind::restart) return false;
  const Host& host = cluster_.host(event.node);
  if (host.paused_until <= world_.now) return false;
  const bool message = event.kind == EventKind::deliver;
  world_.events.push(host.paused_until, event.kind, event.node, event.a,
                     message ? host.generation() : event.b);
  return true;
}

void Simulation::deliver(const Event& event) {
  InFlight in_flight = world_.network.take(event.a);
  Host& host = cluster_.host(event.node);
  const bool waited_elsewhere = event.b != 0 && event.b != host.generation();
  if (!host.running() || waited_elsewhere ||
      !world_.network.connected(in_flight.message.from, event.node)) {
    world_.trace.message(world_.now, TraceKind::lost, in_flight.message);
    return;
  }
  host.receive(std::move(in_flight));
}

void Simulation::dispatch(const Event& event) {
  switch (event.kind) {
    case EventKind::deliver: return deliver(event);
    case EventKind::fault: return faults_.begin(event.a);
    case EventKind::fault_ended: return faults_.end(event.a);
    case EventKind::client: return workload_.step(event.a);
    case EventKind::split_terms: return split_terms();
    case EventKind::quiet: return end_faults();
    case EventKind::check_liveness: return check_liveness();
    default: break;
  }
  Host& host = cluster_.host(event.node);
  if (event.kind == EventKind::restart) {
    if (!host.running() && !host.was_removed()) host.start();
    return;
  }
  if (!host.running()) return;
  if (event.kind == EventKind::snapshot_reported)
    return host.on_snapshot_reported(NodeId(event.a), Index(event.b));
  if (event.kind == EventKind::snapshot_timeout)
    return host.on_snapshot_timeout(NodeId(event.a), event.b);
  if (event.a != host.generation()) return;  // of the process before the crash
  switch (event.kind) {
    case EventKind::tick: return host.tick();
    case EventKind::turn: return host.turn();
    case EventKind::persisted: return host.on_persisted(event.b);
    case EventKind::maintain: return host.maintain();
    case EventKind::snapshot_ready: return host.send_snapshot(NodeId(event.b));
    default: UNREACHABLE();
  }
}

// ---- liveness ----

// The leader keeps the longest log and its term; the others, cut off from it, raise theirs in
// elections that nobody wins.
void Simulation::split_terms() {
  const Host* const leader = cluster_.leader();
  if (leader == nullptr || world_.random.chance(50)) return;
  for (std::size_t i = 0; i < cluster_.size(); ++i) {
    world_.network.cut(leader->id(), cluster_.id_at(i));
    world_.network.cut(cluster_.id_at(i), leader->id());
  }
  world_.network.lose_votes = true;
}

// The faults may end in the middle of a change of members whose leader dies, when some have heard
// of it and others have not.
void Simulation::end_faults() {
  if (change_deadline_ == 0) {
    change_deadline_ = world_.now;
    if (world_.random.chance(50)) {
      change_deadline_ += 5 * second;
      world_.network.heal();
      faults_.add_member();
    }
  }
  Host* const leader = cluster_.leader();
  const bool changing = leader != nullptr && leader->core().configuration().joint;
  if (!changing && world_.now < change_deadline_) {
    world_.events.push(world_.now + millisecond, EventKind::quiet);
    return;
  }
  if (changing && !dying_leader_) {
    dying_leader_ = leader->id();
    change_deadline_ = world_.now;
    for (std::size_t i = 0; i < cluster_.size(); ++i)
      if (world_.random.chance(50)) world_.network.cut(dying_leader_, cluster_.id_at(i));
    world_.events.push(world_.now + world_.random.below(2 * world_.network.quality.delay_max),
                       EventKind::quiet);
    return;
  }
  begin_quiet();
}

void Simulation::begin_quiet() {
  world_.network.lose_votes = false;
  world_.trace.record(world_.now, TraceKind::quiet, {});
  const Time pauses = faults_.end_all() - world_.now;
  workload_.stop();
  stop_minority();
  const auto& core = cluster_.options().core;
  enter(absent_.empty() ? Stage::electing : Stage::electing_without,
        pauses + 10 * core.election_timeout_ticks * 100 * millisecond);
  world_.events.push(world_.now, EventKind::check_liveness);
}

// Any quorum has to be able to go on, not only all members together: which of them has the longest
// log and which the latest term is then decisive.
void Simulation::stop_minority() {
  if (cluster_.recovering()) return;
  auto candidates = cluster_.running();
  if (dying_leader_ && std::erase(candidates, dying_leader_) > 0) {
    absent_.push_back(dying_leader_);
    if (!quorum_without(absent_)) absent_.pop_back();
  }
  const std::size_t wanted = world_.random.below(3);
  while (!candidates.empty() && absent_.size() < wanted) {
    std::swap(candidates[world_.random.below(candidates.size())], candidates.back());
    absent_.push_back(candidates.back());
    candidates.pop_back();
    if (!quorum_without(absent_)) absent_.pop_back();
  }
  for (const NodeId id : absent_) cluster_.host(id).crash();
}

// In whatever configuration a node goes by, or knows to be committed. Who lacks what is committed
// (a new member, an old one that was away), or came back with another data directory, does not
// count: it may not be able to vote yet.
bool Simulation::quorum_without(const std::vector<NodeId>& absent) {
  const auto quorum = [&](const raft::Configuration& configuration) {
    return raft::has_quorum(configuration, [&](NodeId id) {
      const Host& host = cluster_.host(id);
      const std::uint64_t known = configuration.members.at(id).incarnation;
      return host.running() && (known == 0 || known == host.incarnation()) &&
             host.disk().last_index() >= world_.invariants.committed_last() &&
             std::ranges::find(absent, id) == absent.end();
    });
  };
  return std::ranges::all_of(cluster_.running(), [&](NodeId id) {
    const raft::RaftCore& core = cluster_.host(id).core();
    return core.configuration().members.empty() ||
           (quorum(core.configuration()) && quorum(core.configuration_at(core.commit())));
  });
}

bool Simulation::term_committed() {
  const Host* const leader = cluster_.leader();
  return leader != nullptr &&
         leader->core().log().term_at(leader->core().commit()) == leader->core().term();
}

void Simulation::enter(Stage stage, Time allowed) {
  stage_ = stage;
  stage_deadline_ = world_.now + allowed;
}

// A member that had stopped as removed before it was added again is started by its operator.
void Simulation::start_members() {
  const Host* const leader = cluster_.leader();
  if (leader == nullptr) return;
  const auto members = leader->core().configuration().members;
  for (const auto& [id, member] : members) {
    Host& host = cluster_.host(id);
    if (host.running() || std::ranges::find(absent_, id) != absent_.end()) continue;
    host.allow_restart();
    host.start();
  }
}

void Simulation::check_liveness() {
  start_members();
  constexpr const char* wanted[] = {"", "a leader without a minority", "a leader",
                                    "that all nodes converge",
                                    "ten writes and ten reads", "that all nodes converge again"};
  if (stage_ == Stage::electing_without && term_committed()) {
    for (const NodeId id : std::exchange(absent_, {}))
      if (!cluster_.host(id).running()) cluster_.host(id).start();
    enter(Stage::electing, 10 * cluster_.options().core.election_timeout_ticks * 100 * millisecond);
  }
  if (stage_ == Stage::electing && cluster_.leader() != nullptr)
    enter(Stage::converging, 40 * second);
  if (stage_ == Stage::converging && cluster_.converged()) {
    workload_.begin_final();
    enter(Stage::serving, 40 * second);
  }
  if (stage_ == Stage::serving && workload_.final_writes() >= 10 && workload_.final_reads() >= 10) {
    enter(Stage::settling, 20 * second);
  }
  if (stage_ == Stage::settling && cluster_.converged() && cluster_.removed_have_stopped())
    stage_ = Stage::done;
  if (world_.now > stage_deadline_ && stage_ == Stage::settling && cluster_.converged())
    throw Violation("removed_nodes_stop",
                    fmt::format("a node that was removed goes on{}", cluster_.describe()));
  else if (world_.now > stage_deadline_)
    throw Violation("liveness", fmt::format("waited in vain for {}{}",
                                            wanted[static_cast<std::size_t>(stage_)],
                                            cluster_.describe()));
  world_.events.push(world_.now + 50 * millisecond, EventKind::check_liveness);
}

// ---- entry points ----

Outcome simulate(const SimulationOptions& options) { return Simulation(options).run(); }

std::vector<std::size_t> minimise(
    std::size_t count, std::size_t runs_max,
    const std::function<bool(const std::vector<bool>& skipped)>& still_fails) {
  std::vector<bool> skipped(count);
  // Delta debugging: ever smaller pieces are left out for good where the failure stays.
  for (std::size_t piece = std::max<std::size_t>(count / 2, 1); piece > 0; piece /= 2) {
    for (std::size_t from = 0; from < count && runs_max > 0; from += piece) {
      const std::vector<bool> before = skipped;
      for (std::size_t i = from; i < std::min(from + piece, count); ++i) skipped[i] = true;
      if (before == skipped) continue;
      --runs_max;
      if (!still_fails(skipped)) skipped = before;
    }
  }
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < count; ++i)
    if (!skipped[i]) kept.push_back(i);
  return kept;
}

std::vector<std::size_t> minimise_faults(const SimulationOptions& options,
                                         const std::string& invariant, std::size_t runs_max) {
  SimulationOptions attempt = options;
  attempt.trace_out = nullptr;
  const std::size_t count = plan_faults(options.seed, faults_until(options.duration)).size();
  return minimise(count, runs_max, [&](const std::vector<bool>& skipped) {
    attempt.skipped_faults = skipped;
    const Outcome outcome = simulate(attempt);
    return outcome.failure && outcome.failure->invariant == invariant;
  });
}

std::string describe_faults(std::uint64_t seed, Time duration,
                            const std::vector<std::size_t>& numbers) {
  const auto plan = plan_faults(seed, faults_until(duration));
  std::string text;
  for (const std::size_t number : numbers) {
    const Fault& fault = plan[number];
    text += fmt::format("  #{} at {}.{:03} s {} for {} ms\n", number, fault.at / second,
                        fault.at % second / millisecond, name_of(fault.kind),
                        fault.duration / millisecond);
  }
  return text;
}

}  // namespace simulation
