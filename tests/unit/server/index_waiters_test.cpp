#include "server/index_waiters.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>

using raft::Index;
using server::IndexWaiters;

TEST_CASE("whoever waits for an index is called once, when it is applied, in order") {
  IndexWaiters waiters;
  std::string called;
  waiters.add(Index(7), [&](bool ok) { called += ok ? "7" : "-"; });
  waiters.add(Index(5), [&](bool ok) { called += ok ? "5" : "-"; });
  waiters.add(Index(5), [&](bool ok) { called += ok ? "five" : "-"; });
  waiters.on_applied(Index(4));
  CHECK(called.empty());
  waiters.on_applied(Index(6));
  CHECK(called == "5five");
  waiters.on_applied(Index(9));
  CHECK(called == "5five7");
  CHECK(waiters.size() == 0);
}

TEST_CASE("nothing is left of whoever is tired of waiting") {
  IndexWaiters waiters;
  const auto held = std::make_shared<int>();
  const auto ticket = waiters.add(Index(1u << 31), [held](bool) { FAIL("called"); });
  waiters.add(Index(3), [](bool) {});
  CHECK(held.use_count() == 2);
  waiters.remove(ticket);
  CHECK(held.use_count() == 1);
  CHECK(waiters.size() == 1);
  waiters.remove(ticket);
  waiters.on_applied(Index(3));
  CHECK(waiters.size() == 0);
}

TEST_CASE("whoever is called may remove and add others") {
  IndexWaiters waiters;
  bool is_added_called = false;
  std::optional<IndexWaiters::Ticket> other;
  waiters.add(Index(1), [&](bool) {
    waiters.remove(*other);
    waiters.add(Index(2), [&](bool ok) { is_added_called = ok; });
  });
  other = waiters.add(Index(2), [](bool) { FAIL("called"); });
  waiters.on_applied(Index(2));
  CHECK(is_added_called);
  CHECK(waiters.size() == 0);
}

TEST_CASE("at the end everybody is told that the index does not come") {
  IndexWaiters waiters;
  int failed = 0;
  for (int i = 0; i < 3; ++i) waiters.add(Index(10), [&](bool ok) { failed += ok ? 0 : 1; });
  waiters.fail_all();
  CHECK(failed == 3);
  CHECK(waiters.size() == 0);
}
