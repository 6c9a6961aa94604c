#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "base/random.hpp"
#include "raft/node/replicated_clock.hpp"

using namespace raft;

namespace {

constexpr std::int64_t start_ms = 1'700'000'000'000;

// One machine: true time, a wall clock that is off, a monotonic clock that began some day.
struct Machine {
  std::int64_t wall_offset_ms = 0;
  std::int64_t monotonic_offset_ms = 0;

  ClockReading at(std::int64_t true_ms) const {
    return {start_ms + true_ms + wall_offset_ms, true_ms + monotonic_offset_ms};
  }
};

}  // namespace

TEST_CASE("the first leader of a cluster begins with its wall clock") {
  ReplicatedClock clock(std::nullopt);
  clock.begin_leading(Machine().at(5));
  CHECK(clock.lead(Machine().at(5)) == start_ms + 5);
  CHECK(clock.lead(Machine().at(1005)) == start_ms + 1005);
}

TEST_CASE("a clock that was set while nobody ran has the time from what was saved") {
  Machine machine{-200'000, 77};
  ReplicatedClock before(std::nullopt);
  before.on_leader_time(1, start_ms, machine.at(0));
  const auto saved = before.take_offset_to_save(machine.at(0));
  REQUIRE(saved);
  CHECK_FALSE(before.take_offset_to_save(machine.at(0)));
  machine.monotonic_offset_ms = -5'000'000;  // a reboot
  ReplicatedClock after(saved);
  after.rise_to(start_ms);
  after.begin_leading(machine.at(600'000));
  const std::int64_t time_ms = after.lead(machine.at(600'000));
  CHECK(time_ms <= start_ms + 600'000);
  CHECK(time_ms >= start_ms + 600'000 - ReplicatedClock::saved_offset_slack_ms);
}

TEST_CASE("a clock that is set after the start, before anybody is heard, moves no time") {
  Machine machine{-200'000, 77};
  ReplicatedClock before(std::nullopt);
  before.on_leader_time(1, start_ms, machine.at(0));
  const auto saved = before.take_offset_to_save(machine.at(0));
  ReplicatedClock after(saved);
  after.start(machine.at(1000));
  machine.wall_offset_ms = 300'000;
  after.start(machine.at(2000));
  after.rise_to(start_ms + 500);
  after.begin_leading(machine.at(3000));
  const std::int64_t time_ms = after.lead(machine.at(3000));
  CHECK(time_ms <= start_ms + 3000);
  CHECK(time_ms >= start_ms + 3000 - ReplicatedClock::saved_offset_slack_ms);
}

TEST_CASE("without anything saved, what the wall clock says and what the state holds must do") {
  ReplicatedClock clock(std::nullopt);
  clock.rise_to(start_ms + 500);
  clock.begin_leading(Machine().at(2000));
  CHECK(clock.lead(Machine().at(2000)) == start_ms + 2000);
  ReplicatedClock behind(std::nullopt);
  behind.rise_to(start_ms + 90'000);
  behind.begin_leading(Machine().at(0));
  CHECK(behind.lead(Machine().at(0)) == start_ms + 90'000);
  CHECK(behind.lead(Machine().at(1000)) == start_ms + 91'000);  // and does not stand still
}

TEST_CASE("a leader's stamp counts more than a wall clock that nothing was known about") {
  const Machine ahead{180'000, 0};
  ReplicatedClock clock(std::nullopt);
  clock.on_stamp(start_ms, ahead.at(10));
  clock.begin_leading(ahead.at(1010));
  CHECK(clock.lead(ahead.at(1010)) == start_ms + 1000);
}

TEST_CASE("what a leader began with counts only once something of it is committed") {
  const Machine ahead{180'000, 0};
  ReplicatedClock clock(std::nullopt);
  clock.begin_leading(ahead.at(0));  // and nobody hears of it
  CHECK(clock.lead(ahead.at(10)) == start_ms + 180'010);
  clock.on_stamp(start_ms + 1000, ahead.at(1000));
  CHECK(clock.now_ms(ahead.at(1500)) == start_ms + 1500);
  clock.rise_to(start_ms + 1000);
  clock.on_stamp(start_ms + 1000, ahead.at(2000));  // it took a second to come
  clock.begin_leading(ahead.at(2000));
  CHECK(clock.lead(ahead.at(2500)) == start_ms + 2500);
}

TEST_CASE("a leader's clock is drawn to its wall clock, no faster than it may be") {
  for (const std::int64_t off_ms : {-60'000, 60'000}) {
    CAPTURE(off_ms);
    Machine machine;
    ReplicatedClock clock(std::nullopt);
    clock.begin_leading(machine.at(0));
    machine.wall_offset_ms = off_ms;
    constexpr std::int64_t hour_ms = 3'600'000;
    for (std::int64_t now = 0; now <= hour_ms; now += 500) clock.lead(machine.at(now));
    const std::int64_t moved = clock.lead(machine.at(hour_ms)) - (start_ms + hour_ms);
    CHECK(moved == (off_ms > 0 ? 1800 : -1800));
    for (std::int64_t now = hour_ms; now <= 40 * hour_ms; now += 5000) clock.lead(machine.at(now));
    CHECK(clock.lead(machine.at(40 * hour_ms)) == start_ms + 40 * hour_ms + off_ms);
  }
}

TEST_CASE("a wall clock that is set from 1970 to today is believed") {
  Machine machine{-start_ms, 0};
  ReplicatedClock clock(std::nullopt);
  clock.begin_leading(machine.at(0));
  CHECK(clock.lead(machine.at(1000)) == 1000);
  machine.wall_offset_ms = 0;
  CHECK(clock.lead(machine.at(2000)) == start_ms + 2000);
}

TEST_CASE("a follower follows a leader whose clock is slower") {
  ReplicatedClock clock(std::nullopt);
  const Machine machine;
  for (std::int64_t now = 0; now <= 3'600'000; now += 500)  // 1 % slow
    clock.on_leader_time(1, start_ms + now - now / 100, machine.at(now));
  const std::int64_t behind = start_ms + 3'600'000 - clock.now_ms(machine.at(3'600'000));
  CHECK(behind <= 36'000);
  CHECK(behind >= 36'000 - 2 * ReplicatedClock::window_ms / 100);
}

TEST_CASE("through any order of leaders, delays, restarts and set clocks, time runs as it does") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    std::vector<Machine> machines(3);
    std::vector<ReplicatedClock> clocks;
    std::vector<std::optional<std::int64_t>> saved(3);
    for (Machine& machine : machines) {
      machine.wall_offset_ms = static_cast<std::int64_t>(random.below(600'000)) - 300'000;
      machine.monotonic_offset_ms = static_cast<std::int64_t>(random.below(1'000'000));
      clocks.emplace_back(std::nullopt);
    }
    std::size_t leader = 0;
    std::uint64_t term = 1;
    std::int64_t last_stamp = 0, lateness = 0;  // that there may be
    std::optional<std::int64_t> line;  // stamps less true time, of the first one
    clocks[0].begin_leading(machines[0].at(0));
    for (std::int64_t now = 0; now < 600'000; now += 100) {
      const std::int64_t stamp = clocks[leader].lead(machines[leader].at(now));
      if (!line) line = stamp - now;
      REQUIRE(stamp >= last_stamp);
      last_stamp = stamp;
      const std::int64_t ahead = stamp - now - *line;
      const std::int64_t slewed = now * ReplicatedClock::slew_parts_per_million / 1'000'000;
      REQUIRE(ahead <= slewed + 1);
      REQUIRE(ahead >= -slewed - 1 - lateness);
      // The others hear of it, 200 ms late at most; an entry does not go faster than the time.
      for (std::size_t i = 0; i < machines.size(); ++i) {
        if (i == leader) continue;
        const auto then = machines[i].at(now + static_cast<std::int64_t>(random.below(200)));
        if (random.chance(30)) clocks[i].on_stamp(stamp, then);
        clocks[i].on_leader_time(term, stamp, then);
      }
      for (std::size_t i = 0; i < machines.size(); ++i)
        if (const auto offset = clocks[i].take_offset_to_save(machines[i].at(now)))
          saved[i] = offset;
      if (random.below(500) == 0) {  // its clock is set, and what that means is saved soon
        const std::size_t i = random.below(3);
        machines[i].wall_offset_ms = static_cast<std::int64_t>(random.below(600'000)) - 300'000;
        if (const auto offset = clocks[i].take_offset_to_save(machines[i].at(now)))
          saved[i] = offset;
      }
      if (random.below(500) == 0) {
        const std::size_t i = random.below(3);
        clocks[i] = ReplicatedClock(saved[i]);
        clocks[i].rise_to(random.chance(50) ? stamp : 0);
        if (i == leader) clocks[i].begin_leading(machines[i].at(now));
        lateness += ReplicatedClock::saved_offset_slack_ms;
      }
      if (random.below(500) == 0) {
        leader = random.below(3);
        ++term;
        clocks[leader].begin_leading(machines[leader].at(now));
        clocks[leader].rise_to(stamp);  // it has all that was committed
        lateness += 200;
      }
    }
  }
}
