// What happened in a simulation, as fixed-size records: cheap enough to be always on. The hash of
// all records is what "the same seed gives the same trace" is checked with; the last records are
// kept and printed after a violation.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "raft/core/message.hpp"

namespace simulation {

using Time = std::uint64_t;  // microseconds of virtual time
inline constexpr Time second = 1'000'000;
inline constexpr Time millisecond = 1'000;

enum class TraceKind : std::uint8_t {
  sent,
  delivered,
  lost,
  persisted,     // a: last durable index, b: durable term, c: vote, d: compacted index
  committed,     // a: index
  applied,       // a: index, b: term, c: state hash
  installed,     // a: index, b: term of a snapshot
  leader,        // a: term
  started,       // a: last durable index, b: durable term
  crashed,       // a: batches that were in flight, b: how many of them the disk kept
  stopped,       // was told that it is no member
  fault,         // a: number in the plan, b: kind
  fault_ended,   // the same
  proposed,      // a: index, b: term, c: count
  acknowledged,  // a: index, b: term
  read_started,  // a: context, b: greatest index that it has to see
  read_served,   // a: context, b: index, c: applied index
  quiet,         // the faults are over
  // ---- whole nodes (node/) ----
  refused,       // does not open its directory; a: 1 where it is damaged
  failed,        // stops, for its disk failed
  power_lost,    // a: 1 where the process only was killed
  work,          // the worker of state.db; a: calls of the disk so far
};

struct TraceRecord {
  Time time = 0;
  TraceKind kind{};
  std::uint8_t message_type = 0;  // index in raft::MessageBody, for sent, delivered and lost
  std::uint16_t node = 0;
  std::uint16_t to = 0;
  std::uint64_t a = 0, b = 0, c = 0, d = 0;
};

class Trace {
 public:
  explicit Trace(std::size_t kept_max = 400) : ring_(kept_max) {}

  // Prints every record as it comes.
  void echo_to(std::FILE* out) { out_ = out; }

  void record(Time time, TraceKind kind, raft::NodeId node, std::uint64_t a = 0,
              std::uint64_t b = 0, std::uint64_t c = 0, std::uint64_t d = 0);
  void message(Time time, TraceKind kind, const raft::Message& message);

  std::uint64_t hash() const { return hash_; }
  std::uint64_t count() const { return count_; }
  // The last `count` lines, oldest first.
  std::string tail(std::size_t count) const;

 private:
  void add(const TraceRecord& record);

  std::vector<TraceRecord> ring_;
  std::uint64_t count_ = 0;
  std::uint64_t hash_ = 0xcbf29ce484222325;
  std::FILE* out_ = nullptr;
};

std::string format(const TraceRecord& record);
const char* message_name(std::size_t message_type);

inline std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 29);
}

}  // namespace simulation
