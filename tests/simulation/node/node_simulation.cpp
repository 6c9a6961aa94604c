#include "node_simulation.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include "violation.hpp"

namespace simulation {

using raft::NodeId;

namespace {

Time faults_until(Time duration) { return duration / 10 * 9; }

// Limits are drawn too: small ones make rare paths common.
NodeSettings draw_settings(std::uint64_t seed) {
  base::Random random(seed ^ 0x73657474696e6773);
  NodeSettings settings;
  raft::DriverOptions& driver = settings.driver;
  driver.core.election_timeout_ticks = 20;
  driver.core.heartbeat_ticks = 2;
  driver.core.founders_all_vote = true;
  driver.proposal_timeout_ticks = 20 + random.below(80);
  driver.read_timeout_ticks = 20 + random.below(80);
  driver.read_retry_ticks = 10;
  driver.snapshot_resend_ticks = 5 + random.below(40);
  driver.snapshot_give_up_ticks = 100 + random.below(400);
  driver.snapshot_chunk_bytes = 1000 + random.below(random.chance(50) ? 20'000 : 200'000);
  driver.log_entries_kept = 20 + random.below(80);
  if (random.chance(50)) driver.log_bytes_max = 5000 + random.below(50'000);
  driver.digest_interval_entries = 1 + random.below(20);
  if (random.chance(30)) driver.proposals_queue_max = 1 + random.below(4);
  if (random.chance(30)) driver.proposals_per_message_max = 1 + random.below(3);
  if (random.chance(30)) driver.proposal_bytes_per_message_max = 1 + random.below(2000);
  if (random.chance(50)) driver.core.message_bytes_max = 1 + random.below(4000);
  if (random.chance(30)) driver.core.uncommitted_bytes_max = 500 + random.below(5000);
  if (random.chance(30)) driver.core.committed_per_ready_max = 1 + random.below(10);
  if (random.chance(50)) driver.core.promotion_lag_max = random.below(10);
  if (random.chance(50)) driver.core.progress.inflight_messages_max = 1 + random.below(8);
  if (random.chance(30)) driver.core.progress.inflight_bytes_max = 1 + random.below(5000);
  if (random.chance(50)) {
    driver.core.catch_up_lag = random.below(20);
    driver.core.catch_up_bytes_per_tick = random.below(2000);
  }
  settings.tuning.wal_pages_max = static_cast<int>(8 + random.below(200));
  settings.tuning.backup_pages_per_step = static_cast<int>(1 + random.below(20));
  settings.lazy_turns = random.chance(50);
  return settings;
}

std::size_t draw_size(std::uint64_t seed) {
  constexpr std::size_t sizes[] = {1, 2, 3, 3, 3, 3, 3, 4, 5, 5};
  return sizes[base::Random(seed ^ 0x73697a65).below(std::size(sizes))];
}

LinkQuality draw_quality(std::uint64_t seed) {
  base::Random random(seed ^ 0x6c696e6b);
  LinkQuality quality;
  if (random.chance(60)) quality.loss_permille = static_cast<unsigned>(random.below(40));
  if (random.chance(60)) quality.duplicate_permille = static_cast<unsigned>(random.below(30));
  quality.delay_max = quality.delay_min + random.below(40 * millisecond);
  return quality;
}

}  // namespace

NodeSimulation::NodeSimulation(const SimulationOptions& options)
    : options_(options),
      world_(options.seed, founding_configuration(draw_size(options.seed))),
      cluster_(world_, draw_settings(options.seed), draw_size(options.seed)),
      workload_(world_, cluster_, options.seed),
      faults_(world_, cluster_, plan_node_faults(options.seed, faults_until(options.duration))) {
  world_.network.quality = draw_quality(options.seed);
  world_.trace.echo_to(options.trace_out);
  // The salts of write-ahead logs are SQLite's own random numbers.
  sqlite3_initialize();
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, static_cast<int>(options.seed | 1), nullptr);
}

Outcome NodeSimulation::run() {
  Outcome outcome;
  try {
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      SimulatedNode& node = cluster_.node(cluster_.id_at(i));
      node.set_wall_clock(static_cast<std::int64_t>(world_.random.below(240'000)) - 120'000);
      node.start();
    }
    workload_.start();
    faults_.start(options_.skipped_faults);
    world_.events.push(faults_until(options_.duration), EventKind::quiet);
    world_.events.push(second, EventKind::operate);
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

void NodeSimulation::loop() {
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
bool NodeSimulation::deferred(const Event& event) {
  if (!event.node || event.kind == EventKind::restart) return false;
  const SimulatedNode& node = cluster_.node(event.node);
  if (node.paused_until <= world_.now) return false;
  const bool message = event.kind == EventKind::deliver;
  world_.events.push(node.paused_until, event.kind, event.node, event.a,
                     message ? node.generation() : event.b);
  return true;
}

void NodeSimulation::dispatch(const Event& event) {
  switch (event.kind) {
    case EventKind::deliver: return deliver(event);
    case EventKind::fault: return faults_.begin(event.a);
    case EventKind::fault_ended: return faults_.end(event.a);
    case EventKind::client: return workload_.step(event.a);
    case EventKind::quiet: return begin_quiet();
    case EventKind::check_liveness: return check_liveness();
    case EventKind::operate:
      cluster_.operate();
      world_.events.push(world_.now + second, EventKind::operate);
      return;
    default: break;
  }
  SimulatedNode& node = cluster_.node(event.node);
  if (event.kind == EventKind::restart) {
    if (!node.running() && !node.was_removed() && !node.damaged()) node.start();
  } else if (node.running() && event.a == node.generation()) {  // not of the process before
    dispatch(node, event);
  }
  node.after_event();
}

void NodeSimulation::dispatch(SimulatedNode& node, const Event& event) {
  switch (event.kind) {
    case EventKind::tick: return node.tick();
    case EventKind::turn: return node.on_turn();
    case EventKind::persisted: return node.on_write_done();
    case EventKind::posted: return node.on_posted();
    case EventKind::state_work: return node.on_state_work();
    case EventKind::leases: return node.on_leases();
    default: UNREACHABLE();
  }
}

void NodeSimulation::deliver(const Event& event) {
  const InFlight in_flight = world_.network.take(event.a);
  SimulatedNode& node = cluster_.node(event.node);
  const bool waited_elsewhere = event.b != 0 && event.b != node.generation();
  if (!node.running() || waited_elsewhere ||
      !world_.network.connected(in_flight.message.from, event.node)) {
    world_.trace.message(world_.now, TraceKind::lost, in_flight.message);
    return;
  }
  node.receive(in_flight);
  node.after_event();
}

// ---- liveness ----

void NodeSimulation::begin_quiet() {
  world_.trace.record(world_.now, TraceKind::quiet, {});
  faults_.end_all();
  workload_.stop();
  const unsigned ticks = 10 * cluster_.settings().driver.core.election_timeout_ticks;
  enter(Stage::electing, ticks * cluster_.settings().tick);
  world_.events.push(world_.now, EventKind::check_liveness);
}

void NodeSimulation::enter(Stage stage, Time allowed) {
  stage_ = stage;
  stage_deadline_ = world_.now + allowed;
}

void NodeSimulation::check_liveness() {
  constexpr const char* wanted[] = {"", "a leader", "that all nodes converge",
                                    "ten writes and ten reads", "that all nodes converge again"};
  if (stage_ == Stage::electing && cluster_.leader() != nullptr) {
    if (world_.random.chance(50)) faults_.end_amid_snapshot();
    enter(Stage::converging, 60 * second);
  }
  if (stage_ == Stage::converging && cluster_.converged()) {
    workload_.begin_final();
    enter(Stage::serving, 40 * second);
  }
  if (stage_ == Stage::serving && workload_.final_writes() >= 10 && workload_.final_reads() >= 10) {
    workload_.end_final();
    enter(Stage::settling, 30 * second);
  }
  if (stage_ > Stage::converging) world_.oracle.check_no_lease_is_late(world_.now);
  if (stage_ == Stage::settling && cluster_.converged() && cluster_.removed_have_stopped()) {
    stage_ = Stage::done;
    return;
  }
  // A voter that lost entries may be what the election waits for: that takes an operator.
  if (world_.now > stage_deadline_ && stage_ == Stage::electing && cluster_.recovering()) {
    stage_ = Stage::done;
  } else if (world_.now > stage_deadline_ && stage_ == Stage::settling && cluster_.converged()) {
    throw Violation("removed_nodes_stop",
                    fmt::format("a node that was removed goes on{}", cluster_.describe()));
  } else if (world_.now > stage_deadline_) {
    throw Violation("liveness", fmt::format("waited in vain for {}{}",
                                            wanted[static_cast<std::size_t>(stage_)],
                                            cluster_.describe()));
  }
  world_.events.push(world_.now + 50 * millisecond, EventKind::check_liveness);
}

// ---- entry points ----

Outcome simulate_nodes(const SimulationOptions& options) { return NodeSimulation(options).run(); }

std::vector<std::size_t> minimise_node_faults(const SimulationOptions& options,
                                              const std::string& invariant,
                                              std::size_t runs_max) {
  SimulationOptions attempt = options;
  attempt.trace_out = nullptr;
  const std::size_t count = plan_node_faults(options.seed, faults_until(options.duration)).size();
  return minimise(count, runs_max, [&](const std::vector<bool>& skipped) {
    attempt.skipped_faults = skipped;
    const Outcome outcome = simulate_nodes(attempt);
    return outcome.failure && outcome.failure->invariant == invariant;
  });
}

std::string describe_node_faults(std::uint64_t seed, Time duration,
                                 const std::vector<std::size_t>& numbers) {
  const auto plan = plan_node_faults(seed, faults_until(duration));
  std::string text;
  for (const std::size_t number : numbers) {
    const NodeFault& fault = plan[number];
    text += fmt::format("  #{} at {}.{:03} s {} for {} ms\n", number, fault.at / second,
                        fault.at % second / millisecond, name_of(fault.kind),
                        fault.duration / millisecond);
  }
  return text;
}

}  // namespace simulation
