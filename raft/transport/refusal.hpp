// Why a connection is refused, how many were, and which of them are worth a line of the log. Pure.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace raft {

// What metrics count by. In the order of to_string().
enum class RefusalReason : std::uint8_t {
  not_a_node,      // it does not speak this protocol
  timed_out,       // it was too slow, or silent
  broke_off,       // it went away before it was let in
  other_protocol,  // of a version without overlap
  other_cluster,   // another cluster's, or of an epoch that is over
  wrong_node,      // this node itself, or not the one that was dialled
  no_proof,        // one side requires proof of the cluster's secret, and the other has none
  wrong_secret,    // its proof is wrong
  no_certificate,  // the TLS handshake failed
  crowded,         // too many others at the same time
};
inline constexpr std::size_t refusal_reasons = 10;

// The label of a metric.
constexpr std::string_view to_string(RefusalReason reason) {
  constexpr std::array<std::string_view, refusal_reasons> names{
      "not_a_node", "timed_out",    "broke_off",      "other_protocol", "other_cluster",
      "wrong_node", "no_proof",     "wrong_secret", "no_certificate", "crowded"};
  return names[static_cast<std::size_t>(reason)];
}

struct PeerRefusal {
  RefusalReason reason{};
  std::string text;  // for the log, with "it" for the other side
};

using RefusalCounts = std::array<std::uint64_t, refusal_reasons>;

// Counts refusals, and keeps a port scan from filling the log: an equal text is logged once in a
// window, and each reason has a few lines in a window of its own, so that garbage cannot hide that
// a node has another secret.
class RefusalLog {
 public:
  using Time = std::chrono::milliseconds;  // since whatever

  RefusalLog(Time window, unsigned lines_max) : window_(window), lines_max_(lines_max) {}

  // How many were not logged since the line before this one; nullopt: not to be logged.
  // REQUIRES: `now` never goes back.
  std::optional<std::uint64_t> note(const PeerRefusal& refusal, Time now);
  const RefusalCounts& counts() const { return counts_; }

 private:
  struct Lines {
    Time window_began{};
    std::string last_text;
    unsigned logged = 0;  // in this window
    std::uint64_t not_logged = 0;
  };

  const Time window_;
  const unsigned lines_max_;
  RefusalCounts counts_{};
  std::array<Lines, refusal_reasons> lines_;
};

}  // namespace raft
