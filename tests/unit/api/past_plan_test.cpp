// The networks of a past: all who want the same one read and have it together.
#include "api/past_plan.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/random.hpp"

using namespace api;

namespace {

constexpr std::uint64_t networks = 2500;  // some pieces

// What state.db would answer.
ipam::HistoryAnswer answer(const ListReader::Step& step) {
  const auto* ask = std::get_if<ListReader::Ask>(&step);
  REQUIRE(ask != nullptr);
  if (const auto* vrfs = std::get_if<ipam::AtQuery<ipam::Vrf>>(&ask->query)) {
    ipam::Vrf vrf;
    vrf.id = ipam::VrfId(2);
    vrf.name = "blue";
    return ipam::PieceAt<ipam::Vrf>{{vrf}, vrfs->to};
  }
  const auto* query = std::get_if<ipam::AtQuery<ipam::Network>>(&ask->query);
  REQUIRE(query != nullptr);
  ipam::PieceAt<ipam::Network> piece{{}, query->to};
  for (std::uint64_t id = std::max<std::uint64_t>(query->from.value(), 1); id <= networks; ++id) {
    if (piece.objects.size() == query->visits_max) {
      piece.next = ipam::NetworkId(id);
      break;
    }
    ipam::Network network;
    network.id = ipam::NetworkId(id);
    network.prefix = {{ipam::Family::ipv4, ipam::U128{id} << 8}, 24};
    piece.objects.push_back(network);
  }
  return piece;
}

struct World {
  ipam::StateMachine state;
  PastPlans plans;
  ListReader::View view() { return {state, ipam::Revision(99), ipam::Revision(99), plans}; }
};

}  // namespace

TEST_CASE("readers of one revision read it together, in whatever order the answers come") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    base::Random random(seed);
    World world;
    std::vector<PlanAt> readers(20);
    std::vector<std::optional<ipam::HistoryAnswer>> waiting(readers.size());
    std::vector<const ipam::StateMachine*> read(readers.size());
    while (std::ranges::count(read, nullptr) > 0) {
      const std::size_t i = random.below(readers.size());
      if (waiting[i])
        CHECK(readers[i].take(*std::exchange(waiting[i], std::nullopt)));
      else if (read[i] = readers[i].state(world.view(), ipam::Revision(7)); read[i] == nullptr)
        waiting[i] = answer(readers[i].step());
    }
    CHECK(std::ranges::count(read, read[0]) == std::ssize(read));
    CHECK(read[0]->network_count() == networks);
  }
}

TEST_CASE("there are so many pasts at a time, and what nobody reads makes room") {
  World world;
  const auto read = [&](PlanAt& reader, std::uint64_t at) {
    while (reader.state(world.view(), ipam::Revision(at)) == nullptr) {
      const ListReader::Step step = reader.step();
      if (std::holds_alternative<http::Response>(step)) return false;
      CHECK(reader.take(answer(step)));
    }
    return true;
  };
  std::vector<PlanAt> readers(past_plans_max);
  for (std::size_t i = 0; i < readers.size(); ++i) CHECK(read(readers[i], 10 + i));
  PlanAt late;
  CHECK_FALSE(read(late, 50));
  readers.clear();
  PlanAt later;
  CHECK(read(later, 50));
  CHECK(world.plans.take_used());
  CHECK_FALSE(world.plans.take_used());  // until a list uses one again
  // Two lists in turns: neither is read anew for its next page.
  std::set<std::uint64_t> seen;
  for (const std::uint64_t at : {60, 61, 60, 61, 60}) {
    PlanAt reader;
    const bool is_there = reader.state(world.view(), ipam::Revision(at)) != nullptr;
    CHECK(is_there == !seen.insert(at).second);
    CHECK(read(reader, at));
  }
}
