#include "cluster.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace simulation {

using raft::NodeId;

Cluster::Cluster(World& world, OperationListener& listener, const HostOptions& options,
                 std::size_t size)
    : world_(world), listener_(listener), options_(options) {
  State initial;
  for (std::size_t number = 0; number < size; ++number) {
    raft::Member member;
    member.address = fmt::format("node-{}:5000", id_at(number).value());
    member.voter = true;
    if (options.members_known) {
      member.incarnation = Host::first_incarnation(id_at(number));
      member.command_version = Host::command_version;
    }
    initial.configuration.members[id_at(number)] = member;
  }
  for (std::size_t number = 0; number < size; ++number)
    hosts_.push_back(std::make_unique<Host>(world, listener, id_at(number), options, initial));
}

Host* Cluster::leader() {
  Host* best = nullptr;
  for (const auto& host : hosts_)
    if (host->running() && host->core().is_leader() &&
        (best == nullptr || host->core().term() > best->core().term()))
      best = host.get();
  return best;
}

std::vector<NodeId> Cluster::running() const {
  std::vector<NodeId> ids;
  for (const auto& host : hosts_)
    if (host->running()) ids.push_back(host->id());
  return ids;
}

Host* Cluster::add_host() {
  if (hosts_.size() >= nodes_max) return nullptr;
  hosts_.push_back(
      std::make_unique<Host>(world_, listener_, id_at(hosts_.size()), options_, State()));
  return hosts_.back().get();
}

bool Cluster::converged() {
  Host* const lead = leader();
  if (lead == nullptr) return false;
  const raft::RaftCore& core = lead->core();
  if (core.configuration().joint || core.commit() < core.log().last_index()) return false;
  for (const auto& [id, member] : core.configuration().members) {
    Host& other = host(id);
    if (member.promote || !other.running()) return false;
    if (other.core().term() != core.term() || other.core().leader() != core.id()) return false;
    if (other.state().last != core.log().last()) return false;
  }
  return true;
}

bool Cluster::removed_have_stopped() {
  Host* const lead = leader();
  if (lead == nullptr) return false;
  const auto& members = lead->core().configuration();
  return std::none_of(hosts_.begin(), hosts_.end(), [&](const auto& host) {
    if (!host->running() || members.contains(host->id())) return false;
    // One whose own membership is not committed may yet be added, or was and will be cut back.
    if (host->core().configuration_index() > host->core().commit()) return false;
    // Where it knows none of today's members, nobody can tell it.
    const auto& known = host->core().configuration();
    return known.contains(host->id()) &&
           std::ranges::any_of(known.members, [&](const auto& member) {
             return !member.second.learner() && members.contains(member.first);
           });
  });
}

bool Cluster::recovering() const {
  return std::any_of(hosts_.begin(), hosts_.end(),
                     [](const auto& host) { return host->recovering(); });
}

std::string Cluster::describe() const {
  constexpr const char* roles[] = {"follows", "pre-candidate", "candidate", "leads"};
  std::string text;
  for (const auto& host : hosts_) {
    text += fmt::format("\n  node {}: ", host->id().value());
    if (!host->running()) {
      text += host->was_removed() ? "stopped, removed" : "down";
      continue;
    }
    const raft::RaftCore& core = host->core();
    text += fmt::format("{} term={} leader={} commit={} log={}..{}/{} applied={} "
                        "configuration at {}{}:",
                        roles[static_cast<std::size_t>(core.role())], core.term().value(),
                        core.leader().value(), core.commit().value(),
                        core.log().first_index().value(), core.log().last().index.value(),
                        core.log().last().term.value(), host->state().last.index.value(),
                        core.configuration_index().value(),
                        core.configuration().joint ? " joint" : "");
    for (const auto& [id, member] : core.configuration().members)
      text += fmt::format(" {}{}{}{}", id.value(), member.voter ? "v" : "",
                          member.outgoing ? "o" : "", member.promote ? "p" : "");
    for (const auto& progress : core.status().progress)
      text += fmt::format("\n    {} {} match={}", progress.id.value(),
                          progress.state == raft::Progress::State::probe       ? "probe"
                          : progress.state == raft::Progress::State::replicate ? "replicate"
                                                                               : "snapshot",
                          progress.match.value());
  }
  return text;
}

}  // namespace simulation
