// The words of the Raft paper as types. Leaf header of raft/core; pure.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/strong.hpp"

namespace raft {

using NodeId = base::Strong<struct NodeIdTag>;  // 0 is "nobody"
using Term = base::Strong<struct TermTag>;
using Index = base::Strong<struct IndexTag>;  // the first entry has index 1

// Values are written to disk and wire: never reuse one.
enum class EntryKind : std::uint8_t {
  noop = 0,           // the first entry of a leader's term
  command = 1,        // for the state machine; the core never looks inside
  configuration = 2,  // an encoded Configuration (configuration.hpp)
};

struct Entry {
  Index index;
  Term term;
  EntryKind kind = EntryKind::noop;
  base::SharedBytes data;  // never null; shared by log, wire, disk and apply

  friend bool operator==(const Entry& a, const Entry& b) {
    return a.index == b.index && a.term == b.term && a.kind == b.kind && *a.data == *b.data;
  }
};

// What must survive a crash besides the log (Raft figure 2). `commit` is a hint that speeds up a
// restart; it is always covered by the log that is durable with it.
struct HardState {
  Term term;
  NodeId vote;  // 0: none in this term
  Index commit;

  friend bool operator==(const HardState&, const HardState&) = default;
};

struct LogPosition {
  Index index;
  Term term;

  friend bool operator==(const LogPosition&, const LogPosition&) = default;
};

// Raft §5.4.1: a log that ends at `last` is at least as up to date as one that ends at `other`.
inline bool up_to_date(const LogPosition& last, const LogPosition& other) {
  return last.term > other.term || (last.term == other.term && last.index >= other.index);
}

// What a process is, beside its node id. The connection's handshake says it, so messages do not
// carry it on the wire.
struct ProcessInfo {
  std::uint64_t incarnation = 0;      // random, one per data directory; 0: not known
  std::uint32_t command_version = 0;  // the latest version of commands that its program knows

  friend bool operator==(const ProcessInfo&, const ProcessInfo&) = default;
};

}  // namespace raft
