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
    if (random.chance(30)) query.network_id = ipam::NetworkId(1 + random.below(8));
  CAPTURE(query.at);
  CAPTURE(query.only_superseded);
  CHECK(read_all(loop, store, query) == model.at(query));
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
  for (int round = 1; round <= 7000; ++round) {
    ipam::Applied applied;
    if (random.chance(10)) {  // an object that its own revision changes again
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
}
