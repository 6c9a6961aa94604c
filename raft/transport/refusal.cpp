#include "raft/transport/refusal.hpp"

#include <utility>

namespace raft {

std::optional<std::uint64_t> RefusalLog::note(const PeerRefusal& refusal, Time now) {
  const auto index = static_cast<std::size_t>(refusal.reason);
  ++counts_[index];
  Lines& lines = lines_[index];
  if (now - lines.window_began >= window_) {
    lines.window_began = now;
    lines.logged = 0;
  }
  const bool repeated = lines.logged > 0 && refusal.text == lines.last_text;
  if (repeated || lines.logged >= lines_max_) {
    ++lines.not_logged;
    return std::nullopt;
  }
  ++lines.logged;
  lines.last_text = refusal.text;
  return std::exchange(lines.not_logged, 0);
}

}  // namespace raft
