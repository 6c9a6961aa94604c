#include "node_cluster.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace simulation {

using raft::NodeId;

namespace {

std::string address_of(NodeId id) { return fmt::format("node-{}:5000", id.value()); }

}  // namespace

raft::Configuration founding_configuration(std::size_t size) {
  raft::Configuration configuration;
  for (std::size_t number = 1; number <= size; ++number) {
    raft::Member member;
    member.address = address_of(NodeId(number));
    member.voter = true;
    configuration.members[NodeId(number)] = member;
  }
  return configuration;
}

NodeCluster::NodeCluster(NodeWorld& world, const NodeSettings& settings, std::size_t size)
    : world_(world), settings_(settings) {
  std::map<std::uint64_t, std::string> founders;
  for (std::size_t number = 1; number <= size; ++number)
    founders[number] = address_of(NodeId(number));
  for (std::size_t number = 1; number <= size; ++number)
    nodes_.push_back(
        std::make_unique<SimulatedNode>(world_, NodeId(number), settings_, founders));
}

SimulatedNode* NodeCluster::leader() {
  SimulatedNode* best = nullptr;
  for (const auto& node : nodes_)
    if (node->running() && node->core().is_leader() &&
        (best == nullptr || node->core().term() > best->core().term()))
      best = node.get();
  return best;
}

std::vector<NodeId> NodeCluster::running() const {
  std::vector<NodeId> ids;
  for (const auto& node : nodes_)
    if (node->running()) ids.push_back(node->id());
  return ids;
}

SimulatedNode* NodeCluster::add_node() {
  if (nodes_.size() >= nodes_max) return nullptr;
  nodes_.push_back(std::make_unique<SimulatedNode>(world_, NodeId(nodes_.size() + 1), settings_,
                                                   std::map<std::uint64_t, std::string>()));
  return nodes_.back().get();
}

void NodeCluster::change_members(bool add, NodeId id) {
  const auto ids = running();
  std::vector<NodeId> askable;
  for (const NodeId one : ids)
    if (node(one).paused_until <= world_.now) askable.push_back(one);
  if (askable.empty()) return;
  SimulatedNode& asked = node(askable[world_.random.below(askable.size())]);
  const auto action = add ? raft::MemberAction::add : raft::MemberAction::remove;
  asked.change_members({action, id, add ? address_of(id) : ""}, [](raft::MemberChangeReply) {});
}

void NodeCluster::operate() {
  SimulatedNode* const lead = leader();
  if (lead == nullptr) return;
  const raft::Configuration& members = lead->core().configuration();
  if (members.joint) return;
  for (const auto& broken : nodes_) {
    if (!broken->damaged() || std::ranges::count(replaced_, broken->id()) > 0) continue;
    if (members.contains(broken->id())) return change_members(false, broken->id());
    replaced_.push_back(broken->id());
    if (SimulatedNode* const fresh = add_node()) {
      replacements_.push_back(fresh->id());
      fresh->start();
    }
    return;
  }
  std::erase_if(replacements_, [&](NodeId id) { return members.contains(id); });
  if (!replacements_.empty()) change_members(true, replacements_.front());
}

bool NodeCluster::converged() {
  SimulatedNode* const lead = leader();
  if (lead == nullptr) return false;
  const raft::RaftCore& core = lead->core();
  if (core.configuration().joint || core.commit() < core.log().last_index()) return false;
  for (const auto& [id, member] : core.configuration().members) {
    SimulatedNode& other = node(id);
    if (member.promote || !other.running()) return false;
    if (other.core().term() != core.term() || other.core().leader() != core.id()) return false;
    if (other.replica().applied() != core.log().last_index()) return false;
  }
  return true;
}

bool NodeCluster::removed_have_stopped() {
  SimulatedNode* const lead = leader();
  if (lead == nullptr) return false;
  const auto& members = lead->core().configuration();
  return std::none_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
    if (!node->running() || members.contains(node->id())) return false;
    // One whose own membership is not committed may yet be added, or was and will be cut back.
    if (node->core().configuration_index() > node->core().commit()) return false;
    // Where it knows none of today's members, nobody can tell it.
    const auto& known = node->core().configuration();
    return known.contains(node->id()) &&
           std::ranges::any_of(known.members, [&](const auto& member) {
             return !member.second.learner() && members.contains(member.first);
           });
  });
}

bool NodeCluster::recovering() const {
  return std::any_of(nodes_.begin(), nodes_.end(),
                     [](const auto& node) { return node->recovering(); });
}

bool NodeCluster::damaged() const {
  return std::any_of(nodes_.begin(), nodes_.end(),
                     [](const auto& node) { return node->damaged(); });
}

std::string NodeCluster::describe() const {
  constexpr const char* roles[] = {"follows", "pre-candidate", "candidate", "leads"};
  std::string text;
  for (const auto& node : nodes_) {
    text += fmt::format("\n  node {}: ", node->id().value());
    if (!node->running()) {
      text += node->was_removed() ? "stopped, removed" : node->damaged() ? "damaged" : "down";
      continue;
    }
    const raft::RaftCore& core = node->core();
    text += fmt::format("{} term={} leader={} commit={} log={}..{}/{} applied={} "
                        "configuration at {}{}:",
                        roles[static_cast<std::size_t>(core.role())], core.term().value(),
                        core.leader().value(), core.commit().value(),
                        core.log().first_index().value(), core.log().last().index.value(),
                        core.log().last().term.value(), node->replica().applied().value(),
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
