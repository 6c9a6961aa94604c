#include "state/ordered_worker.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>
#include <string>

TEST_CASE("values are taken in their order, all of them before finish() returns") {
  for (const int count : {0, 1, 255, 256, 257, 20'000}) {
    CAPTURE(count);
    std::vector<int> taken;
    state::OrderedWorker<int> worker([&](int value) { taken.push_back(value); });
    for (int i = 0; i < count; ++i) worker.give(i);
    worker.finish();
    REQUIRE(taken.size() == static_cast<std::size_t>(count));
    CHECK(std::is_sorted(taken.begin(), taken.end()));
  }
}

TEST_CASE("what the thread throws ends the giving, at the latest in finish()") {
  for (const int fails_at : {0, 300, 19'999}) {
    CAPTURE(fails_at);
    std::string failure;
    int last = -1;
    state::OrderedWorker<int> worker([&](int value) {
      if (value == fails_at) throw std::runtime_error("no");
      last = value;
    });
    try {
      for (int i = 0; i < 20'000; ++i) worker.give(i);
      worker.finish();
    } catch (const std::runtime_error& error) {
      failure = error.what();
    }
    CHECK(failure == "no");
    CHECK(last == fails_at - 1);
  }
}

TEST_CASE("who gives may leave early") {
  std::vector<int> taken;
  {
    state::OrderedWorker<int> worker([&](int value) { taken.push_back(value); });
    for (int i = 0; i < 1000; ++i) worker.give(i);
  }
  CHECK(std::is_sorted(taken.begin(), taken.end()));
}
