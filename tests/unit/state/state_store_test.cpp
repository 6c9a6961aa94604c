#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <set>

#include "helpers.hpp"
#include "tests/unit/history_model.hpp"
#include "state/tags.hpp"

using namespace state_test;

TEST_CASE("a new store is empty and at position 0") {
  TemporaryDirectory directory;
  Loop loop;
  auto store = open(directory.path(), loop);
  const state::Loaded loaded = store->take_loaded();
  CHECK(loaded.position.index == 0);
  CHECK(loaded.state_machine.digest() == ipam::StateMachine().digest());
  CHECK(flush(loop, *store) == 0);
  CHECK(ask<ipam::AuditEntry>(loop, *store, ipam::AuditQuery{}).empty());
}

TEST_CASE("what the change stream wrote gives an equal state machine, closed or killed") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    TemporaryDirectory directory;
    Loop loop;
    auto store = open(directory.path(), loop);
    std::optional<Node> node(std::in_place, seed, store->take_loaded());
    for (int round = 0; round < 5; ++round) {
      for (int i = 0; i < 150; ++i) node->apply_random(*store);
      CHECK(flush(loop, *store) == node->position().index);
      TemporaryDirectory killed;
      copy_files(directory.path(), killed.path());  // the store is open: as if it died here
      Loop other;
      check_equal(open(killed.path(), other)->take_loaded(), *node);
      for (int i = 0; i < 20; ++i) node->apply_random(*store);  // without a flush
      store.reset();
      store = open(directory.path(), loop);
      state::Loaded loaded = store->take_loaded();
      check_equal(loaded, *node);
      node.emplace(seed * 1000 + static_cast<std::uint64_t>(round), std::move(loaded));
    }
  }
}

TEST_CASE("a kill loses at most the end of the stream, never a part of an entry") {
  TemporaryDirectory directory;
  Loop loop;
  auto store = open(directory.path(), loop);
  Node node(3, store->take_loaded());
  std::vector<std::uint64_t> digests{node.machine().digest()};
  for (int i = 0; i < 400; ++i) {
    node.apply_random(*store);
    digests.push_back(node.machine().digest());
    if (i % 50 == 49) (void)flush(loop, *store);
    if (i % 20 != 0) continue;
    TemporaryDirectory killed;
    copy_files(directory.path(), killed.path());
    Loop other;
    const state::Loaded loaded = open(killed.path(), other)->take_loaded();
    REQUIRE(loaded.position.index < digests.size());
    CHECK(loaded.state_machine.digest() == digests[loaded.position.index]);
  }
}

TEST_CASE("queries see what was appended before them, committed or not") {
  TemporaryDirectory directory;
  Loop loop;
  auto store = open(directory.path(), loop);
  Node node(1, store->take_loaded());
  node.apply(*store, ipam::CreateNetwork{*ipam::parse_prefix("10.0.0.0/24"), "", {}});
  node.apply(*store, ipam::CreateNetwork{*ipam::parse_prefix("2001:db8::/64"), "", {}});
  const auto allocate = [&](std::uint64_t network, std::uint64_t count) {
    ipam::Allocate command;
    command.network = ipam::NetworkId(network);
    command.count = count;
    command.hostname = "web";
    command.tags = {"a", "b"};
    command.ttl_seconds = 60;
    return std::get<ipam::Allocation>(node.apply(*store, command).outcome);
  };
  const ipam::Allocation one = allocate(1, 1), block = allocate(2, 8), third = allocate(1, 2);
  node.apply(*store, ipam::Release{one.id});

  CHECK(ask<ipam::Allocation>(loop, *store, ipam::AllocationQuery{block.id}) ==
        std::vector{block});
  CHECK(ask<ipam::Allocation>(loop, *store, ipam::AllocationQuery{ipam::AllocationId(9)}).empty());
  const auto released = ask<ipam::Allocation>(loop, *store, ipam::AllocationQuery{one.id});
  REQUIRE(released.size() == 1);
  CHECK(released[0].status == ipam::AllocationStatus::released);
  CHECK(released[0].first == one.first);
  CHECK(released[0].released_at.has_value());

  // As the replica asks: memory says who holds it now.
  const auto holders = [&](const char* ip, std::uint64_t limit) {
    ipam::AddressQuery query{*ipam::parse_address(ip), limit};
    for (const ipam::Allocation& holder : node.machine().allocations_holding(query.address))
      query.held_by.push_back(holder.id);
    return ask<ipam::Allocation>(loop, *store, query);
  };
  CHECK(holders("10.0.0.1", 9) == std::vector{released[0]});
  ipam::AddressQuery filtered{released[0].first, 9};
  filtered.networks.not_of = {released[0].network_id};
  CHECK(ask<ipam::Allocation>(loop, *store, filtered).empty());
  filtered.networks = {.not_of = {}, .only_of = std::set{released[0].network_id}};
  CHECK(ask<ipam::Allocation>(loop, *store, filtered) == std::vector{released[0]});
  CHECK(holders("2001:db8::5", 9) == std::vector{block});
  CHECK(holders("2001:db8::9", 9).empty());
  CHECK(holders("10.0.0.3", 9) == std::vector{third});
  const auto audit = ask<ipam::AuditEntry>(loop, *store, ipam::AuditQuery{3});
  REQUIRE(audit.size() == 3);
  CHECK(audit[0].action == "ip_released");
  CHECK(audit[0].id.value() == audit[1].id.value() + 1);
  CHECK(audit[0].user == "tester");
  CHECK(audit[0].revision == ipam::Revision(6));
  CHECK(ask<ipam::AuditEntry>(loop, *store, ipam::AuditQuery{~0ull}).size() == 6);
  // Who holds it now and who held it before, the newest first, as many as are asked for.
  const ipam::Allocation again = allocate(1, 1);
  REQUIRE(again.first == one.first);
  CHECK(holders("10.0.0.1", 9) == std::vector{again, released[0]});
  CHECK(holders("10.0.0.1", 1) == std::vector{again});
}

TEST_CASE("the audit log filtered is what its entries say") {
  TemporaryDirectory directory;
  Loop loop;
  auto store = open(directory.path(), loop);
  Node node(8, store->take_loaded());
  for (int i = 0; i < 1500; ++i) {
    node.apply_random(*store);
    if (i == 700) {  // the same after a restart
      store.reset();
      store = open(directory.path(), loop);
    }
  }
  const auto all = ask<ipam::AuditEntry>(loop, *store, ipam::AuditQuery{.limit = 1'000'000});
  const auto check = [&](const ipam::AuditQuery& query) {
    std::vector<ipam::AuditEntry> expected;
    for (const ipam::AuditEntry& entry : all)
      if (expected.size() < query.limit && (!query.before || entry.id < *query.before) &&
          query.resource.value_or(entry.resource) == entry.resource &&
          query.actor.value_or(entry.user) == entry.user &&
          query.action.value_or(entry.action) == entry.action &&
          query.since.value_or(entry.timestamp) <= entry.timestamp &&
          (!query.until || entry.timestamp < *query.until))
        expected.push_back(entry);
    CHECK(ask<ipam::AuditEntry>(loop, *store, query) == expected);
    return expected.size();
  };
  std::set<std::string> resources{"alloc-0", "alloc-999999999", "alloc-x", ""};
  for (const ipam::AuditEntry& entry : all) resources.insert(entry.resource);
  std::size_t found = 0;
  for (const std::string& resource : resources) {
    CAPTURE(resource);
    const std::size_t entries = check({.limit = 1'000'000, .resource = resource});
    found += entries;
    check({.limit = 1, .resource = resource});
    check({.limit = entries, .resource = resource});
    const ipam::AuditEntry& entry = all[found % all.size()];
    check({.before = entry.id, .resource = resource});
    check({.resource = resource, .since = entry.timestamp});
    check({.resource = resource, .until = entry.timestamp});
    check({.resource = resource, .action = "ip_allocated"});
    check({.resource = resource, .actor = "system", .action = "ip_released"});
  }
  CHECK(found == all.size());
  check({.action = "ip_allocated"});
  check({.actor = "system"});
}

TEST_CASE("an allocation that one entry makes and changes is one row, as it was at last") {
  TemporaryDirectory directory;
  Loop loop;
  auto store = open(directory.path(), loop);
  Node node(3, store->take_loaded());
  for (int i = 0; i < 100; ++i) node.apply_random(*store);
  ipam::Counters counters = node.machine().counters();
  ipam::Allocation one;
  one.id = ipam::AllocationId(counters.next_allocation);
  one.network_id = ipam::NetworkId(1);
  one.first = one.last = *ipam::parse_address("192.0.2.1");
  ipam::Allocation two = one;
  two.id = ipam::AllocationId(counters.next_allocation + 1);
  two.first = two.last = *ipam::parse_address("2001:db8::1");
  const ipam::Allocation two_before = two;
  two.hostname = "changed";
  two.network_id = ipam::NetworkId(2);
  counters.next_allocation += 2;
  const std::uint64_t index = node.position().index + 1;
  store->append(counters, {index, 1, {}},  // out of order, too
                ipam::share({ipam::AllocationPut{two_before}, ipam::AllocationPut{one},
                             ipam::AllocationPut{two}}));
  CHECK(ask<ipam::Allocation>(loop, *store, ipam::AllocationQuery{one.id}) == std::vector{one});
  CHECK(ask<ipam::Allocation>(loop, *store, ipam::AllocationQuery{two.id}) == std::vector{two});
  ipam::AddressQuery of_two{two.first, 10};
  CHECK(ask<ipam::Allocation>(loop, *store, of_two).empty());  // it has not ended
  of_two.held_by = {two.id};
  CHECK(ask<ipam::Allocation>(loop, *store, of_two) == std::vector{two});
}

TEST_CASE("of many who held an address the newest are found, those of blocks too") {
  TemporaryDirectory directory;
  Loop loop;
  auto store = open(directory.path(), loop);
  Node node(1, store->take_loaded());
  node.apply(*store, ipam::CreateNetwork{*ipam::parse_prefix("10.0.0.0/24"), "", {}});
  unit::History models;
  const auto apply = [&](const ipam::CommandBody& body) {
    const ipam::Applied applied = node.apply(*store, body);
    models.take(ipam::Revision(node.position().index), applied.changes);
  };
  for (int i = 0; i < 100; ++i) {
    ipam::Allocate command;
    command.network = ipam::NetworkId(1);
    command.count = i % 3 == 0 ? 4 : 1;
    ipam::AllocateOptions options;
    options.ip = ipam::parse_address("10.0.0.1");
    command.options = options;
    apply(command);
    if (const auto held = node.machine().allocation_of(*options.ip, ipam::vrf_default))
      apply(ipam::Release{held->id});
  }
  ipam::AddressQuery query{*ipam::parse_address("10.0.0.1"), 7};
  std::vector<ipam::Allocation> expected = models.allocations.at({});
  std::erase_if(expected, [](const ipam::Allocation& allocation) {
    return allocation.status == ipam::AllocationStatus::allocated;
  });
  REQUIRE(expected.size() > 50);
  std::reverse(expected.begin(), expected.end());
  std::vector<ipam::Allocation> found;
  while (true) {
    const auto page = ask<ipam::Allocation>(loop, *store, query);
    found.insert(found.end(), page.begin(), page.end());
    if (page.size() < query.limit) break;
    query.before = page.back().id;
  }
  CHECK(found == expected);
}

TEST_CASE("commits are reported with rising indexes, by themselves and after a flush") {
  TemporaryDirectory directory;
  Loop loop;
  auto store = open(directory.path(), loop);
  Node node(5, store->take_loaded());
  std::vector<std::uint64_t> durable;
  store->on_durable([&](std::uint64_t index) { durable.push_back(index); });
  for (int i = 0; i < 10; ++i) node.apply_random(*store);
  loop.run_until([&] { return !durable.empty() && durable.back() == 10; });  // no flush
  for (int i = 0; i < 10; ++i) node.apply_random(*store);
  CHECK(flush(loop, *store) == 20);
  CHECK(durable.back() == 20);  // before the flush's own callback
  CHECK(std::is_sorted(durable.begin(), durable.end()));
  CHECK(store->queued_changes() == 0);
}

TEST_CASE("a store that cannot write says so once and delivers failures from then on") {
  TemporaryDirectory directory;
  {
    Loop loop;
    auto store = open(directory.path(), loop);
    Node node(5, store->take_loaded());
    for (int i = 0; i < 50; ++i) node.apply_random(*store);
  }
  const std::string before = read_file(directory.path() / "state.db");
  const pid_t child = ::fork();
  if (child == 0) {  // a limit on the size of files stands for a full disk
    Loop loop;
    std::vector<std::string> failures;
    auto store = state::StateStore::open(
        files, directory.path(), loop.post(),
        [&](const std::string& text) { failures.push_back(text); });
    if (!store) ::_exit(1);
    Node node(6, store.value()->take_loaded());
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{150'000, 150'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 5000; ++i) node.apply_random(*store.value());
    using Flushed = state::StateStore::Flushed;
    const Flushed flushed = loop.get<Flushed>([&](auto done) { store.value()->flush(done); });
    auto query = loop.get<base::Result<ipam::HistoryAnswer, std::string>>(
        [&](auto done) { store.value()->query(ipam::AuditQuery{}, done); });
    const auto snapshot = loop.get<base::Result<state::StateStore::SnapshotFile, std::string>>(
        [&](auto done) { store.value()->make_snapshot(done); });
    const bool chunk = loop.get<bool>([&](auto done) { store.value()->begin_receive(10, done); });
    using Backup = base::Result<state::StateStore::Backup, state::StateStore::BackupFailure>;
    if (loop.get<Backup>([&](auto done) { store.value()->make_backup(done); }).ok()) ::_exit(5);
    std::fprintf(stderr, "poisoned: %s\n", failures.empty() ? "?" : failures[0].c_str());
    if (failures.size() != 1 || !contains(failures[0], "state.db: cannot be")) ::_exit(2);
    if (flushed.ok() || query.ok() || snapshot.ok() || chunk) ::_exit(3);
    if (query.error() != failures[0] || store.value()->queued_changes() != 0) ::_exit(4);
    store.value().reset();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(refusal(directory.path()).empty());
}

TEST_CASE("tags survive as a JSON array whatever bytes they hold") {
  base::Random random(11);
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::string> tags(random.below(4));
    for (std::string& tag : tags)
      for (std::uint64_t i = random.below(8); i > 0; --i)
        tag += random.chance(50) ? static_cast<char>(random.below(256))
                                 : "\"\\,[]"[random.below(5)];
    const auto read = state::tags_from_json(state::to_json(tags));
    REQUIRE(read.has_value());
    CHECK(*read == tags);
  }
  CHECK(state::to_json({"a", "b \"c\""}) == R"(["a","b \"c\""])");
  for (const char* text : {"", "[", "]", "[\"a\"", "[\"a\",]", "[\"a\"]x", "[a]", "[\"\\x\"]",
                           "[\"\\u0041\"]", "[\"\\u00\"]", "[\"a\" ,\"b\"]", "[\"\n\"]", "null"})
    CHECK_FALSE(state::tags_from_json(text).has_value());
}
