// The time that a leader stamps commands with, and by which leases end: one line through the whole
// log, whoever leads. Each node keeps it by its own monotonic clock: a leader goes on from where it
// stands, a follower follows what it hears of its leader. So a change of leaders neither ends a
// lease early nor holds it up, however far apart the nodes' wall clocks are; those only set where
// the line begins, and pull it towards them so slowly that no lease notices. (Rejected: stamps of
// the leader's wall clock. From a clock minutes ahead to one behind, time would stand still, and
// jump the other way round.)
//
// What counts must be known after a restart, too: how far the line is ahead of this node's wall
// clock. The driver writes that with the entries that it learned it from.
//
// Pure; part of Driver. All times in milliseconds.
#pragma once

#include <cstdint>
#include <optional>

namespace raft {

// Of one node, read at the same moment.
struct ClockReading {
  std::int64_t wall_ms = 0;       // since 1970; may be wrong, may be set
  std::int64_t monotonic_ms = 0;  // since whenever; never set, and does not stand while suspended
};

class ReplicatedClock {
 public:
  // As much as NTP allows itself when it slews a clock: a lease of an hour is 1.8 s off at most.
  static constexpr std::int64_t slew_parts_per_million = 500;
  // A leader's wall clock that is further ahead than this was set (a machine that starts in 1970,
  // say): its time is taken at once.
  static constexpr std::int64_t step_ms = 3'600'000;
  // A leader's time counts for one to two such spans: long enough that one of its messages was
  // fast, short enough to follow it where its clock is slower.
  static constexpr std::int64_t window_ms = 10'000;
  // What is saved is less than the truth by up to so much, and never more: a lease may then end
  // late by it after a restart, not early. A move within it is not worth a write.
  static constexpr std::int64_t saved_offset_slack_ms = 50;

  // `saved_offset_ms` is what take_offset_to_save() gave to the process before.
  explicit ReplicatedClock(std::optional<std::int64_t> saved_offset_ms)
      : saved_offset_ms_(saved_offset_ms) {}

  // The first reading of the process. What was saved is beside the wall clock as it is then: set
  // later, before anybody was heard or led, it would take the time with it.
  void start(const ClockReading& now) {
    if (saved_offset_ms_) begin(now);
  }
  // Something that is committed is stamped so: the time has come so far.
  void rise_to(std::int64_t stamp_ms);
  // A leader stamped something so and sent it; it arrived by now, and need not be committed.
  void on_stamp(std::int64_t stamp_ms, const ClockReading& now);
  // The leader of this term said that it was so late; that arrived by now.
  void on_leader_time(std::uint64_t term, std::int64_t leader_ms, const ClockReading& now);

  // This node leads from now on.
  void begin_leading(const ClockReading& now);
  // The stamp of a leader: never less than one before.
  std::int64_t lead(const ClockReading& now);

  // The best guess of a node that may or may not lead.
  std::int64_t now_ms(const ClockReading& now);
  // What the next process is to begin with, where it is worth a write.
  std::optional<std::int64_t> take_offset_to_save(const ClockReading& now);

 private:
  void begin(const ClockReading& now);
  void slew(const ClockReading& now);

  // Replicated time is monotonic time plus this, and never less than floor_ms_.
  std::int64_t base_ms_ = 0;
  std::int64_t floor_ms_ = 0;  // committed
  bool begun_ = false;
  bool heard_of_ = false;  // base_ms_ is more than a guess of this process
  // A stamp of this line is committed. Until then, the first leaders of a cluster may each have a
  // line of their own, and the next one to be heard of counts.
  bool settled_ = false;
  std::optional<std::int64_t> saved_offset_ms_;

  // What the leader's messages would make of base_ms_, at most: of this span and of the last.
  std::uint64_t term_ = 0;
  std::optional<std::int64_t> heard_, heard_before_;
  std::int64_t window_end_ms_ = 0;   // monotonic
  std::int64_t slewed_until_ms_ = 0;  // monotonic
};

}  // namespace raft
