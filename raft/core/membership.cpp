#include "raft/core/membership.hpp"

#include "base/assert.hpp"
#include "raft/core/mutant.hpp"

namespace raft {

const Configuration& Membership::at(Index index) const {
  for (auto it = history_.rbegin(); it != history_.rend(); ++it)
    if (it->position.index <= index) return it->configuration;
  return history_.front().configuration;
}

void Membership::append(const LogPosition& position, Configuration configuration) {
  ASSERT(mutants_built || position.index > current_index());
  history_.push_back({position, std::move(configuration)});
}

void Membership::truncate_from(Index index) {
  while (history_.size() > 1 && history_.back().position.index >= index) history_.pop_back();
}

void Membership::compact(Index index) {
  while (history_.size() > 1 &&
         (history_[1].position.index <= index || MUTANT(rollback_configuration_compacted)))
    history_.pop_front();
}

void Membership::reset(const LogPosition& position, Configuration configuration) {
  history_.clear();
  history_.push_back({position, std::move(configuration)});
}

Configuration with_learner(const Configuration& from, NodeId id, const std::string& address) {
  Configuration to = from;
  Member member;
  member.address = address;
  member.promote = true;
  to.members[id] = member;
  return to;
}

Configuration with_address(const Configuration& from, NodeId id, const std::string& address) {
  Configuration to = from;
  to.members.at(id).address = address;
  return to;
}

namespace {

Configuration begin_joint(const Configuration& from) {
  ASSERT(!from.joint);
  Configuration to = from;
  to.joint = true;
  for (auto& [id, member] : to.members) member.outgoing = member.voter;
  return to;
}

}  // namespace

Configuration with_promotion(const Configuration& from, NodeId id, const ProcessInfo& process) {
  Configuration to = begin_joint(from);
  Member& member = to.members.at(id);
  member.voter = true;
  member.promote = false;
  member.incarnation = process.incarnation;
  member.command_version = process.command_version;
  return to;
}

Configuration with_demotion(const Configuration& from, NodeId id) {
  Configuration to = without_voter(from, id);
  to.members.at(id).promote = true;
  return to;
}

Configuration without_voter(const Configuration& from, NodeId id) {
  Configuration to = begin_joint(from);
  to.members.at(id).voter = false;
  return to;
}

Configuration without_learner(const Configuration& from, NodeId id) {
  ASSERT(from.members.at(id).learner());
  Configuration to = from;
  to.members.erase(id);
  return to;
}

Configuration leave_joint(const Configuration& from) {
  ASSERT(from.joint);
  Configuration to = from;
  to.joint = false;
  std::erase_if(to.members, [](const auto& item) {
    const Member& member = item.second;
    return member.outgoing && !member.voter && !member.promote;
  });
  for (auto& [id, member] : to.members) member.outgoing = false;
  return to;
}

}  // namespace raft
