// What was there at a revision, against a model that keeps every state of every object.
#include "helpers.hpp"
#include "tests/unit/history_model.hpp"

using namespace state_test;

namespace {

// All pieces of it, one after the other.
template <class Object>
std::vector<Object> read_all(Loop& loop, state::StateStore& store,
                             ipam::AtQuery<Object> query) {
  std::vector<Object> objects;
  while (query.from < query.to) {
    auto answer = loop.get<base::Result<ipam::HistoryAnswer, std::string>>(
        [&](auto done) { store.query(query, done); });
    REQUIRE_MESSAGE(answer.ok(), (answer.ok() ? "" : answer.error()));
    const auto& piece = std::get<ipam::PieceAt<Object>>(*answer);
    REQUIRE(query.from < piece.next);
    for (const Object& object : piece.objects) REQUIRE(object.id < piece.next);
    objects.insert(objects.end(), piece.objects.begin(), piece.objects.end());
    query.from = piece.next;
  }
  return objects;
}

template <class Object>
void check_at(Loop& loop, state::StateStore& store, const unit::ObjectHistory<Object>& model,
              base::Random& random, std::uint64_t revision, std::uint64_t next_id) {
  using Id = decltype(Object::id);
  ipam::AtQuery<Object> query;
  query.at = ipam::Revision(random.below(revision + 2));
  query.visits_max = 1 + random.below(random.chance(50) ? 8 : 500);
  if (random.chance(50)) query.from = Id(1 + random.below(next_id));
  if (random.chance(50)) query.to = Id(1 + random.below(next_id));
  query.only_superseded = random.chance(40);
  if constexpr (requires(Object o) { o.network_id; })
    if (random.chance(30))
      query.network_id = ipam::NetworkId(1 + random.below(random.chance(50) ? 8 : 400));
  CAPTURE(query.at);
  CAPTURE(query.only_superseded);
  CHECK(read_all(loop, store, query) == model.at(query));
}

std::optional<ipam::AllocationId> random_allocation_of(const Node& node, ipam::NetworkId id,
                                                       base::Random& random) {
  std::vector<ipam::AllocationId> ids;
  node.machine().for_each_allocation([&](const ipam::Allocation& allocation) {
    if (allocation.network_id == id) ids.push_back(allocation.id);
  });
  if (ids.empty()) return std::nullopt;
  return ids[random.below(ids.size())];
}

// An allocation that its own revision ends, in a network that it makes and deletes.
ipam::Applied take_and_give_back(Node& node, state::StateStore& store) {
  const ipam::NetworkId network(node.machine().counters().next_network);
  const ipam::AllocationId allocation(node.machine().counters().next_allocation);
  ipam::CreateNetwork create;
  create.prefix = {*ipam::parse_address("203.0.113.0"), 32};
  ipam::Allocate allocate;
  allocate.network = network;
  ipam::Transaction transaction;
  transaction.operations = {
      {create, {}},
      {allocate, {}},
      {ipam::Release{allocation}, {}},
      {ipam::DeleteNetwork{network}, {}}};
  return node.apply(store, std::move(transaction));
}

}  // namespace

TEST_CASE("what was there at a revision is what a model says that keeps every state") {
  TemporaryDirectory directory;
  Loop loop;
  auto store = open(directory.path(), loop);
  Node node(20261126, store->take_loaded());
  unit::History models;
  base::Random random(5);
  // Few at first, so that all that changed since is looked at; then more, so that ids are walked.
  for (int round = 1; round <= 9000; ++round) {
    ipam::Applied applied;
    if (random.chance(3)) {  // one that moves twice in its revision, or is changed and moves
      const ipam::NetworkId id(1 + random.below(node.machine().counters().next_network));
      const ipam::NetworkId next(node.machine().counters().next_network);
      const ipam::Network* const whole = node.machine().network(id);
      const auto length = static_cast<std::uint8_t>(whole ? whole->prefix.length + 1 : 25);
      ipam::Transaction transaction;
      if (const auto changed = random_allocation_of(node, id, random); changed && random.chance(50))
        transaction.operations.push_back({ipam::RenewLease{*changed, 100, {}}, {}});
      transaction.operations.push_back({ipam::SplitNetwork{id, length}, {}});
      if (random.chance(70))
        transaction.operations.push_back({ipam::MergeNetworks{{next, next + 1}}, {}});
      applied = node.apply(*store, std::move(transaction));
    } else if (random.chance(10)) {  // an object that its own revision changes again
      const auto id = ipam::NetworkId(1 + random.below(node.machine().counters().next_network));
      ipam::Transaction transaction;
      for (const char* text : {"one", "two"})
        transaction.operations.push_back({ipam::UpdateNetwork{id, text, std::nullopt}, {}});
      applied = node.apply(*store, std::move(transaction));
    } else {
      applied = node.apply_random(*store);
    }
    models.take(ipam::Revision(node.position().index), applied.changes);
    if (round % 100 != 0) continue;
    const std::uint64_t revision = node.position().index;
    const ipam::Counters& counters = node.machine().counters();
    for (int i = 0; i < 6; ++i) {
      check_at(loop, *store, models.vrfs, random, revision, counters.next_vrf);
      check_at(loop, *store, models.networks, random, revision, counters.next_network);
      check_at(loop, *store, models.allocations, random, revision, counters.next_allocation);
    }
  }
  store.reset();
  sqlite::Connection connection(directory.path() / "state.db", sqlite::OpenMode::existing);
  CHECK(connection.integer("SELECT count(*) FROM old_allocations") > 1000);
  CHECK(connection.integer("SELECT count(*) FROM old_networks") > 100);
  CHECK(connection.integer("SELECT count(*) FROM moved_allocations") > 100);
}

TEST_CASE("history that is too old goes, and what was there since stays known") {
  TemporaryDirectory directory;
  Loop loop;
  auto store = open(directory.path(), loop);
  Node node(77, store->take_loaded());
  unit::History models;
  std::size_t brief = 0;  // allocations that their own revision ended
  for (int i = 0; i < 3000; ++i) {
    const bool is_brief = i % 50 == 0;
    const ipam::Applied applied =
        is_brief ? take_and_give_back(node, *store) : node.apply_random(*store);
    if (is_brief && !std::holds_alternative<ipam::Error>(applied.outcome)) ++brief;
    models.take(ipam::Revision(node.position().index), applied.changes);
  }
  const auto known = [&](ipam::RevisionQuery query) {
    auto answer = loop.get<base::Result<ipam::HistoryAnswer, std::string>>(
        [&](auto done) { store->query(query, done); });
    REQUIRE_MESSAGE(answer.ok(), (answer.ok() ? "" : answer.error()));
    return std::get<ipam::KnownRevision>(*answer);
  };
  CHECK(brief > 20);
  CHECK(known({ipam::Revision(5)}).oldest == ipam::Revision(0));
  // The clock of the test's node goes on by a second an entry, more or less: a third of it.
  constexpr ipam::TimeMs kept = 1000 * 1000;
  const ipam::TimeMs now = node.machine().counters().now;
  const ipam::Revision oldest = known({now - kept - 1}).revision;
  REQUIRE(oldest > ipam::Revision(1000));
  const auto count = [&](const std::string& table, const std::string& condition) {
    sqlite::Connection connection(directory.path() / "state.db", sqlite::OpenMode::existing);
    return connection.integer(fmt::format("SELECT count(*) FROM {} WHERE {}", table, condition));
  };
  const std::string old = fmt::format("until <= {}", oldest.value());
  const std::string ended = fmt::format("status <> 1 AND revision <= {}", oldest.value());
  store.reset();
  CHECK(count("old_allocations", old) > 0);
  CHECK(count("moved_allocations", old) > 0);
  CHECK(count("allocations", ended) > 0);
  store = open(directory.path(), loop);
  (void)store->take_loaded();
  store->keep_history(kept);
  while (known({ipam::Revision(5)}).oldest != oldest) (void)flush(loop, *store);
  base::Random random(9);
  const auto check_since = [&](auto& model) {
    for (int i = 0; i < 30; ++i) {
      typename std::decay_t<decltype(model)>::Query query;
      query.at = oldest + random.below(node.position().index - oldest.value() + 1);
      auto expected = model.at(query);
      if constexpr (requires { expected.front().status; })  // of those that had ended by then
        std::erase_if(expected, [&](const ipam::Allocation& allocation) {
          return allocation.status != ipam::AllocationStatus::allocated &&
                 allocation.revision <= oldest;
        });
      CHECK(read_all(loop, *store, query) == expected);
    }
  };
  check_since(models.vrfs);
  check_since(models.networks);
  check_since(models.allocations);
  store.reset();
  for (const char* table : {"old_vrfs", "old_networks", "old_allocations", "moved_allocations"})
    CHECK(count(table, old) == 0);
  CHECK(count("allocations", ended) == 0);
  store = open(directory.path(), loop);
  check_equal(store->take_loaded(), node);
  CHECK(known({ipam::Revision(5)}).oldest == oldest);
}
