#include "raft/node/replicated_clock.hpp"

#include <algorithm>

#include "base/mutant.hpp"

namespace raft {
namespace {

// The slew is one millisecond for each of these.
constexpr std::int64_t slew_interval_ms = 1'000'000 / ReplicatedClock::slew_parts_per_million;

}  // namespace

void ReplicatedClock::begin(const ClockReading& now) {
  if (begun_) return;
  begun_ = true;
  heard_of_ = saved_offset_ms_.has_value();
  settled_ = heard_of_ && floor_ms_ > 0;
  base_ms_ = now.wall_ms + saved_offset_ms_.value_or(0) - now.monotonic_ms;
}

void ReplicatedClock::rise_to(std::int64_t stamp_ms) {
  floor_ms_ = std::max(floor_ms_, stamp_ms);
  settled_ = begun_ && floor_ms_ > 0;
}

void ReplicatedClock::on_stamp(std::int64_t stamp_ms, const ClockReading& now) {
  begin(now);
  heard_of_ = true;
  const std::int64_t base = stamp_ms - now.monotonic_ms;
  base_ms_ = settled_ ? std::max(base_ms_, base) : base;
}

void ReplicatedClock::on_leader_time(std::uint64_t term, std::int64_t leader_ms,
                                     const ClockReading& now) {
  begin(now);
  heard_of_ = true;
  const std::int64_t base = leader_ms - now.monotonic_ms;
  if (term != term_) {
    term_ = term;
    heard_.reset();
    window_end_ms_ = now.monotonic_ms;
  }
  if (now.monotonic_ms >= window_end_ms_) {
    heard_before_ = heard_;
    heard_.reset();
    window_end_ms_ = now.monotonic_ms + window_ms;
  }
  // A message is late by what it took, never early: the greatest is the best.
  heard_ = std::max(heard_.value_or(base), base);
  base_ms_ = std::max(*heard_, heard_before_.value_or(*heard_));
}

void ReplicatedClock::begin_leading(const ClockReading& now) {
  begin(now);
  heard_of_ = true;
  slewed_until_ms_ = now.monotonic_ms;
}

std::int64_t ReplicatedClock::lead(const ClockReading& now) {
  begin(now);
  if (NODE_MUTANT(wall_clock_leads)) return std::max(floor_ms_, now.wall_ms);
  // Behind what was stamped before, it goes on from there rather than stand still.
  base_ms_ = std::max(base_ms_, floor_ms_ - now.monotonic_ms);
  slew(now);
  return now_ms(now);
}

void ReplicatedClock::slew(const ClockReading& now) {
  const std::int64_t ahead = now.wall_ms - (now.monotonic_ms + base_ms_);  // the wall clock
  const std::int64_t most = (now.monotonic_ms - slewed_until_ms_) / slew_interval_ms;
  slewed_until_ms_ += most * slew_interval_ms;
  base_ms_ += ahead > step_ms ? ahead : std::clamp(ahead, -most, most);
}

std::int64_t ReplicatedClock::now_ms(const ClockReading& now) {
  begin(now);
  if (NODE_MUTANT(wall_clock_leads)) return std::max(floor_ms_, now.wall_ms);
  return std::max(floor_ms_, now.monotonic_ms + base_ms_);
}

std::optional<std::int64_t> ReplicatedClock::take_offset_to_save(const ClockReading& now) {
  if (!heard_of_) return std::nullopt;
  const std::int64_t offset = now_ms(now) - now.wall_ms;
  if (saved_offset_ms_ && *saved_offset_ms_ <= offset &&
      offset - *saved_offset_ms_ <= saved_offset_slack_ms)
    return std::nullopt;
  return saved_offset_ms_ = offset - saved_offset_slack_ms / 2;
}

}  // namespace raft
