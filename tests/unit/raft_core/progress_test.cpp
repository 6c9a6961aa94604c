#include <doctest/doctest.h>

#include "raft/core/progress.hpp"

using raft::Index;
using raft::Progress;
using raft::ProgressLimits;

TEST_CASE("a probe waits for its answer before the next one") {
  Progress progress(1, Index(10), {});
  CHECK_FALSE(progress.paused());
  progress.on_sent(Index(12), 30);
  CHECK(progress.paused());
  CHECK(progress.next() == Index(10));
  progress.on_heartbeat_answered();
  CHECK_FALSE(progress.paused());
  CHECK(progress.on_accepted(Index(12)));
  CHECK(progress.state() == Progress::State::replicate);
  CHECK(progress.match() == Index(12));
  CHECK(progress.next() == Index(13));
}

TEST_CASE("a pipeline stops at its window, in messages and in bytes (thesis §10.2)") {
  ProgressLimits limits;
  limits.inflight_messages_max = 2;
  limits.inflight_bytes_max = 100;
  Progress progress(1, Index(1), limits);
  progress.on_accepted(Index(0));
  progress.on_sent(Index(1), 10);
  CHECK_FALSE(progress.paused());
  progress.on_sent(Index(2), 10);
  CHECK(progress.paused());
  progress.on_accepted(Index(1));
  CHECK_FALSE(progress.paused());
  progress.on_sent(Index(3), 95);
  progress.on_accepted(Index(2));
  CHECK_FALSE(progress.paused());
  progress.on_sent(Index(4), 95);
  CHECK(progress.paused());
}

TEST_CASE("a heartbeat that comes back makes no room in a full window") {
  ProgressLimits limits;
  limits.inflight_messages_max = 1;
  Progress progress(1, Index(1), limits);
  progress.on_accepted(Index(0));
  progress.on_sent(Index(1), 1);
  CHECK(progress.paused());
  progress.on_heartbeat_answered();
  CHECK(progress.paused());
  progress.on_sent(Index(1), 0);  // the question what has arrived
  CHECK(progress.on_accepted(Index(1)));
  CHECK_FALSE(progress.paused());
}

TEST_CASE("a rejection moves next back and never below what is proven") {
  Progress progress(1, Index(20), {});
  CHECK(progress.on_rejected(Index(19), Index(7)));
  CHECK(progress.next() == Index(8));
  CHECK_FALSE(progress.on_rejected(Index(19), Index(3)));  // answers an earlier probe
  CHECK(progress.next() == Index(8));
  progress.on_accepted(Index(9));
  progress.on_sent(Index(15), 1);
  CHECK_FALSE(progress.on_rejected(Index(9), Index(5)));
  CHECK(progress.on_rejected(Index(15), Index(12)));
  CHECK(progress.state() == Progress::State::probe);
  CHECK(progress.next() == Index(10));
  CHECK(progress.match() == Index(9));
}

TEST_CASE("nothing is sent while a snapshot is on its way, and then from its end on") {
  Progress progress(1, Index(5), {});
  progress.begin_snapshot();
  CHECK(progress.paused());
  CHECK_FALSE(progress.on_rejected(Index(4), Index(1)));
  progress.end_snapshot(Index(30), true);
  CHECK(progress.state() == Progress::State::probe);
  CHECK(progress.next() == Index(31));
  progress.begin_snapshot();
  progress.end_snapshot(Index(40), false);
  CHECK(progress.next() == Index(31));
  CHECK(progress.paused());  // until it is known to be there
  progress.on_heartbeat_answered();
  CHECK_FALSE(progress.paused());
}

TEST_CASE("late acknowledgements change nothing") {
  Progress progress(1, Index(1), {});
  CHECK(progress.on_accepted(Index(8)));
  CHECK_FALSE(progress.on_accepted(Index(3)));
  CHECK(progress.match() == Index(8));
  CHECK(progress.next() == Index(9));
}
