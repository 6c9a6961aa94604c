// A transaction does what its operations do one by one, or nothing at all.
#include <doctest/doctest.h>

#include "base/random.hpp"
#include "ipam/state_machine.hpp"

namespace {

using namespace ipam;

constexpr TimeMs start = 1'705'314'600'000;

Prefix prefix_of(const char* text) { return *parse_prefix(text); }

CommandBody random_body(base::Random& random, const StateMachine& machine) {
  const auto some_network = [&] {
    return NetworkId(random.between(1, machine.counters().next_network));
  };
  const auto some_allocation = [&] {
    return AllocationId(random.between(1, machine.counters().next_allocation));
  };
  switch (random.below(8)) {
    case 0:
    case 1: {
      Prefix prefix = prefix_of("10.0.0.0/24");
      prefix.base.value += random.below(512);
      prefix.length = static_cast<int>(random.between(23, 30));
      prefix.base.value &= prefix.mask();
      return CreateNetwork{prefix, "d", {"t"}};
    }
    case 2: return DeleteNetwork{some_network()};
    case 3: return Release{some_allocation()};
    case 4: return RenewLease{some_allocation(), 60};
    case 5: {
      UpdateAllocation update{.id = some_allocation()};
      update.hostname = "h" + std::to_string(random.below(4));
      return update;
    }
    default: {
      Allocate allocate;
      allocate.network = some_network();
      allocate.count = random.between(1, 4);
      allocate.hostname = "h" + std::to_string(random.below(4));
      if (random.chance(40)) allocate.ttl_seconds = random.between(1, 60);
      AllocateOptions options;
      options.scattered = random.chance(30);
      options.unique_hostname = !options.scattered && random.chance(30);
      if (random.chance(30)) options.strategy = Strategy::random;
      allocate.options = options;
      return allocate;
    }
  }
}

bool failed(const Outcome& outcome) { return std::holds_alternative<Error>(outcome); }

// The state of both, and what one of them goes on to do: also what no digest shows must be equal.
struct Pair {
  StateMachine by_one;
  StateMachine at_once;
  Revision revision;
  TimeMs now = start;

  void both(const CommandBody& body) {
    ++revision;
    const Command command{.body = body};
    REQUIRE(by_one.apply(revision, now, command) == at_once.apply(revision, now, command));
    REQUIRE(by_one.digest() == at_once.digest());
  }
};

struct Tried {
  std::vector<Operation> operations;
  std::vector<Outcome> outcomes;
  std::vector<Change> changes;
  bool has_failed = false;
};

// Random commands on `machine` one by one, up to the first that is refused.
Tried one_by_one(base::Random& random, StateMachine& machine, Revision revision, TimeMs now) {
  Tried tried;
  const std::uint64_t count = random.between(1, 8);
  while (tried.operations.size() < count && !tried.has_failed) {
    tried.operations.push_back({random_body(random, machine), {}});
    Applied applied = machine.apply(revision, now, {.body = tried.operations.back().body});
    tried.has_failed = failed(applied.outcome);
    tried.outcomes.push_back(std::move(applied.outcome));
    for (Change& change : applied.changes) tried.changes.push_back(std::move(change));
  }
  return tried;
}

}  // namespace

TEST_CASE("a transaction does what its operations do one by one, or nothing") {
  int committed = 0;
  int refused = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    Pair pair;
    std::vector<Command> history;
    for (int round = 0; round < 30; ++round) {
      CAPTURE(round);
      ++pair.revision;
      pair.now += 1000;
      const Tried tried = one_by_one(random, pair.by_one, pair.revision, pair.now);
      const std::uint64_t before = pair.at_once.digest();
      const Command command{.body = Transaction{tried.operations}};
      const Outcome previewed = pair.at_once.preview(pair.revision, pair.now, command);
      REQUIRE(pair.at_once.digest() == before);
      const Applied applied = pair.at_once.apply(pair.revision, pair.now, command);
      REQUIRE(applied.outcome == previewed);
      if (tried.has_failed) {
        ++refused;
        Error expected = std::get<Error>(tried.outcomes.back());
        expected.operation = static_cast<std::uint32_t>(tried.outcomes.size() - 1);
        REQUIRE(applied.outcome == Outcome(expected));
        REQUIRE(applied.changes.empty());
        // All but the clock is as if it had never been asked for.
        pair.by_one = StateMachine();
        for (std::size_t i = 0; i < history.size(); ++i)
          pair.by_one.apply(Revision(i + 1), start + 1000 * static_cast<TimeMs>(i + 1), history[i]);
        history.push_back({.body = ExpireLeases{}});
        REQUIRE(pair.by_one.apply(pair.revision, pair.now, history.back()) ==
                pair.at_once.apply(pair.revision, pair.now, history.back()));
        REQUIRE(pair.by_one.digest() == pair.at_once.digest());
        continue;
      }
      ++committed;
      history.push_back(command);
      REQUIRE(applied.outcome == Outcome(Outcomes{tried.outcomes}));
      REQUIRE(applied.changes == tried.changes);
      REQUIRE(pair.by_one.digest() == pair.at_once.digest());
    }
  }
  CHECK(committed > 200);
  CHECK(refused > 200);
}

TEST_CASE("an operation refers to the results of earlier ones") {
  StateMachine machine;
  Allocate in_it;
  in_it.hostname = "web";
  Allocate by_cidr;
  by_cidr.network = prefix_of("0.0.0.0/0");
  Allocate same_ip = in_it;
  AllocateOptions options;
  options.ip = *parse_address("0.0.0.0");
  same_ip.options = options;
  using From = ResultField;
  using Into = OperationField;
  const Transaction transaction{{
      {CreateNetwork{prefix_of("10.0.0.0/24"), "", {}}, {}},
      {in_it, {{Into::network_id, 0, From::id}}},
      {by_cidr, {{Into::cidr, 0, From::cidr}}},
      {Release{}, {{Into::id, 1, From::id}}},
      {same_ip, {{Into::network_id, 2, From::network_id}, {Into::ip, 1, From::ip}}},
  }};
  const Applied applied = machine.apply(Revision(1), start, {.body = transaction});
  const auto& outcomes = std::get<Outcomes>(applied.outcome).of_operations;
  REQUIRE(outcomes.size() == 5);
  CHECK(to_string(std::get<Allocation>(outcomes[2]).first) == "10.0.0.2");
  CHECK(to_string(std::get<Allocation>(outcomes[4]).first) == "10.0.0.1");
  CHECK(machine.allocation_count() == 2);
}

TEST_CASE("references that do not fit, and what no transaction may be, are refused") {
  StateMachine machine;
  const auto refusal = [&machine](Transaction transaction) {
    const std::uint64_t before = machine.digest();
    const Applied applied = machine.apply(Revision(1), 0, {.body = std::move(transaction)});
    CHECK(machine.digest() == before);
    const auto& error = std::get<Error>(applied.outcome);
    CHECK(error.code == ErrorCode::invalid_argument);
    return (error.operation ? std::to_string(*error.operation) + ": " : "") + error.detail;
  };
  const Operation create{CreateNetwork{prefix_of("10.0.0.0/24"), "", {}}, {}};
  const auto release = [](std::uint32_t operation, ResultField field) {
    return Operation{Release{}, {{OperationField::id, operation, field}}};
  };
  CHECK(refusal({{create, release(0, ResultField::id)}}) ==
        "1: a reference to operation 0 does not fit: its result is of another kind");
  CHECK(refusal({{create, release(0, ResultField::ip)}}) ==
        "1: a reference to operation 0 does not fit: its result has no such field");
  CHECK(refusal({{create, release(1, ResultField::id)}}) ==
        "an operation can refer to earlier ones alone");
  CHECK(refusal({}) == "a transaction needs at least one operation");
  CHECK(refusal({std::vector<Operation>(operations_max + 1, create)}) ==
        "a transaction has at most 10000 operations");
  CHECK(refusal({{create, {ExpireLeases{}, {}}}}) == "no such operation");
  CHECK(refusal({{create, {Transaction{{create}}, {}}}}) == "no such operation");
  CHECK(refusal({{create, {CreateNetwork{prefix_of("10.1.0.0/24"), std::string(1025, 'd'), {}},
                           {}}}}) == "1: description is longer than 1024 bytes");
  Allocate scattered;
  scattered.count = scattered_max;
  AllocateOptions options;
  options.scattered = true;
  scattered.options = options;
  CHECK(refusal({std::vector<Operation>(21, {scattered, {}})}) ==
        "a transaction makes at most 20000 records, not 21000");
}

TEST_CASE("a transaction with an idempotency key is done once, whatever became of it") {
  StateMachine machine;
  const Operation create{CreateNetwork{prefix_of("10.0.0.0/24"), "", {}}, {}};
  Command command{.body = Transaction{{create}}, .idempotency = {"k", 1, 60}};
  const Applied first = machine.apply(Revision(1), 0, command);
  const Applied again = machine.apply(Revision(2), 0, command);
  CHECK(again.replayed);
  CHECK(again.outcome == first.outcome);
  command.body = Transaction{{create, create}};
  command.idempotency.key = "refused";
  const Applied refused = machine.apply(Revision(3), 0, command);
  CHECK(std::get<Error>(refused.outcome).operation == 0u);
  CHECK(machine.apply(Revision(4), 0, command).outcome == refused.outcome);
  CHECK(machine.network_count() == 1);
}

TEST_CASE("a transaction whose operations write too much is refused, and leaves nothing") {
  StateMachine machine;
  machine.apply(Revision(1), start, {.body = CreateNetwork{prefix_of("10.0.0.0/8"), "", {}}});
  Allocate fat;
  fat.network = NetworkId(1);
  fat.count = 1000;
  AllocateOptions options;
  options.scattered = true;
  for (std::size_t i = 0; i < tags_max; ++i)
    fat.tags.push_back(std::to_string(i) + std::string(tag_bytes_max - 2, 't'));
  for (std::size_t i = 0; i < metadata_entries_max; ++i)
    options.metadata[std::to_string(i)] = std::string(metadata_value_bytes_max, 'v');
  fat.options = options;  // some 20 MB of texts
  const std::uint64_t before = machine.digest();
  const Transaction many{{{fat, {}}, {fat, {}}, {fat, {}}, {fat, {}}}};
  const Applied refused = machine.apply(Revision(2), start, {.body = many});
  const auto* const error = std::get_if<Error>(&refused.outcome);
  REQUIRE(error);
  CHECK(error->code == ErrorCode::too_much_to_move);
  CHECK(error->operation == 2u);
  CHECK(refused.changes.empty());
  CHECK(machine.digest() == before);
  const Transaction some{{{fat, {}}, {fat, {}}}};
  CHECK_FALSE(failed(machine.apply(Revision(3), start, {.body = some}).outcome));
}

TEST_CASE("a transaction that goes over too much is refused at the same operation everywhere") {
  StateMachine machine;
  Transaction children;
  constexpr std::uint64_t count = 5000;
  for (std::uint64_t i = 0; i < count; ++i) {
    Prefix prefix = prefix_of("10.0.0.0/24");
    prefix.base.value += i << 8;
    children.operations.push_back({CreateNetwork{prefix, "", {}}, {}});
  }
  REQUIRE_FALSE(failed(machine.apply(Revision(1), start, {.body = children}).outcome));
  StateMachine rebuilt;
  rebuilt.load_counters(machine.counters());
  machine.for_each_network([&](const Network& network) { rebuilt.load_network(network); });
  Transaction pairs;  // each goes over all of them
  for (std::uint64_t i = 1; i <= 300; ++i) {
    pairs.operations.push_back({CreateNetwork{prefix_of("10.0.0.0/8"), "", {}}, {}});
    pairs.operations.push_back({DeleteNetwork{NetworkId(count + i)}, {}});
  }
  const std::uint64_t before = machine.digest();
  const Applied refused = machine.apply(Revision(2), start, {.body = pairs});
  const auto* const error = std::get_if<Error>(&refused.outcome);
  REQUIRE(error);
  CHECK(error->code == ErrorCode::too_much_to_move);
  CHECK(error->operation == 2 * (change_steps_max / count) + 1);
  CHECK(machine.digest() == before);
  CHECK(rebuilt.apply(Revision(2), start, {.body = pairs}).outcome == refused.outcome);
}
