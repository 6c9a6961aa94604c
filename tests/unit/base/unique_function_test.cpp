// A function that is moved and never copied: each one it holds is called and destroyed just once.
#include "base/unique_function.hpp"

#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.hpp"

namespace {

using base::UniqueFunction;

// Counts those of its kind that live.
struct Counted {
  explicit Counted(int& living) : living_(&living) { ++*living_; }
  Counted(Counted&& other) noexcept : living_(other.living_) { ++*living_; }
  Counted(const Counted&) = delete;
  ~Counted() { --*living_; }
  int* living_;
};

}  // namespace

TEST_CASE("it calls what it holds, with what it is given, and gives what comes back") {
  UniqueFunction<std::string(std::unique_ptr<int>, const std::string&)> function =
      [prefix = std::make_unique<std::string>("n=")](std::unique_ptr<int> number,
                                                     const std::string& end) {
        return *prefix + std::to_string(*number) + end;
      };
  CHECK(function(std::make_unique<int>(7), "!") == "n=7!");
  int calls = 0;
  UniqueFunction<void()> counts = [calls = &calls, own = 0]() mutable { *calls = ++own; };
  counts();
  auto moved = std::move(counts);
  moved();
  CHECK(calls == 2);
  CHECK_FALSE(counts);
  CHECK_FALSE(UniqueFunction<void()>());
  CHECK_FALSE(UniqueFunction<void()>(nullptr));
  UniqueFunction<int(int)> standard = std::function<int(int)>([](int n) { return n + 1; });
  CHECK(standard(1) == 2);
}

TEST_CASE("moved at random, small and large ones live once and are called in their place") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    int living = 0;
    {
      struct Slot {
        UniqueFunction<int()> function;
        int expected = -1;  // nothing
      };
      std::vector<Slot> slots(8);
      for (int step = 0; step < 500; ++step) {
        Slot& slot = slots[random.below(slots.size())];
        Slot& other = slots[random.below(slots.size())];
        const std::uint64_t choice = random.below(10);
        if (choice < 2) {
          slot = {[counted = Counted(living), step] { return step; }, step};
        } else if (choice < 4) {
          const std::array<int, 40> large{step};
          slot = {[counted = Counted(living), large] { return large[0]; }, step};
        } else if (choice == 4) {
          slot = {};
        } else if (choice < 8 && &slot != &other) {
          slot = {std::move(other.function), std::exchange(other.expected, -1)};
        }
        int held = 0;
        for (Slot& each : slots) {
          REQUIRE(static_cast<bool>(each.function) == (each.expected >= 0));
          if (each.function) REQUIRE(each.function() == each.expected);
          held += each.function ? 1 : 0;
        }
        REQUIRE(living == held);
      }
    }
    CHECK(living == 0);
  }
}
