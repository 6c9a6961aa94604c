#include "raft/node/digests.hpp"

#include <algorithm>

namespace raft {
namespace {

constexpr std::size_t entries_kept_max = 8;

}  // namespace

void Digests::report(NodeId node, Index index, std::uint64_t digest) {
  reports_[index][node] = digest;
  if (reports_.size() > entries_kept_max) reports_.erase(reports_.begin());
}

std::vector<Digests::Verdict> Digests::judge(const Configuration& configuration) {
  std::vector<Verdict> verdicts;
  for (auto& [index, reports] : reports_) {
    for (const auto& [node, digest] : reports) {
      const auto agrees = [&](NodeId voter) {
        const auto other = reports.find(voter);
        return other != reports.end() && other->second == digest;
      };
      if (!has_quorum(configuration, agrees)) continue;
      for (const auto& [other, found] : reports)
        if (found != digest) verdicts.push_back({other, index, digest});
      break;
    }
    for (const Verdict& verdict : verdicts) reports.erase(verdict.node);
  }
  return verdicts;
}

std::optional<std::uint64_t> Digests::of(NodeId node, Index index) const {
  const auto reports = reports_.find(index);
  if (reports == reports_.end()) return std::nullopt;
  const auto report = reports->second.find(node);
  return report == reports->second.end() ? std::nullopt : std::optional(report->second);
}

}  // namespace raft
