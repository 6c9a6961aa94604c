#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "raft/core/membership.hpp"

using raft::Configuration;
using raft::LogPosition;
using raft::Term;
using raft::Index;
using raft::Membership;
using raft::NodeId;

namespace {

Configuration voters(std::initializer_list<std::uint64_t> ids) {
  Configuration configuration;
  for (const auto id : ids)
    configuration.members[NodeId(id)] = {"n" + std::to_string(id), true, false, false};
  return configuration;
}

}  // namespace

TEST_CASE("a configuration counts once it is appended and goes with its entry (Raft §6)") {
  Membership membership(LogPosition{}, voters({1, 2, 3}));
  membership.append({Index(5), Term(1)}, voters({1, 2, 3, 4}));
  membership.append({Index(8), Term(1)}, voters({1, 2}));
  CHECK(membership.current() == voters({1, 2}));
  CHECK(membership.at(Index(7)) == voters({1, 2, 3, 4}));
  CHECK(membership.at(Index(4)) == voters({1, 2, 3}));
  membership.truncate_from(Index(8));
  CHECK(membership.current_index() == Index(5));
  membership.truncate_from(Index(5));
  CHECK(membership.current() == voters({1, 2, 3}));
}

TEST_CASE("compaction keeps the configuration in force and what may still be rolled back to") {
  Membership membership(LogPosition{}, voters({1}));
  membership.append({Index(5), Term(1)}, voters({1, 2}));
  membership.append({Index(9), Term(1)}, voters({1, 2, 3}));
  membership.compact(Index(7));
  CHECK(membership.at(Index(7)) == voters({1, 2}));
  membership.truncate_from(Index(9));
  CHECK(membership.current() == voters({1, 2}));
  membership.truncate_from(Index(1));  // the committed one stays whatever is cut
  CHECK(membership.current() == voters({1, 2}));
}

TEST_CASE("a new member learns before it votes and changes no quorum (thesis §4.2.1)") {
  const Configuration before = voters({1, 2, 3});
  const Configuration after = with_learner(before, NodeId(4), "n4");
  CHECK_FALSE(after.joint);
  CHECK(after.members.at(NodeId(4)).learner());
  CHECK(after.members.at(NodeId(4)).promote);
  CHECK(after.voter_count() == 3);
  CHECK(without_learner(after, NodeId(4)) == before);
}

TEST_CASE("promotion and removal pass through a joint configuration (Raft §6)") {
  Configuration four = with_learner(voters({1, 2, 3}), NodeId(4), "n4");
  const Configuration joint = with_promotion(four, NodeId(4), {});
  CHECK(joint.joint);
  CHECK(joint.members.at(NodeId(4)).voter);
  CHECK_FALSE(joint.members.at(NodeId(4)).outgoing);
  // Both halves: {1,2,3,4} and {1,2,3}.
  const auto granted = [](std::initializer_list<std::uint64_t> ids) {
    return [ids = std::vector<std::uint64_t>(ids)](NodeId id) {
      return std::find(ids.begin(), ids.end(), id.value()) != ids.end();
    };
  };
  CHECK_FALSE(has_quorum(joint, granted({1, 4})));
  CHECK_FALSE(has_quorum(joint, granted({1, 2})));
  CHECK(has_quorum(joint, granted({1, 2, 4})));
  CHECK(has_quorum(joint, granted({1, 2, 3})));
  CHECK(leave_joint(joint) == voters({1, 2, 3, 4}));

  const Configuration leaving = without_voter(voters({1, 2, 3}), NodeId(3));
  CHECK(leaving.joint);
  CHECK(leaving.is_voter(NodeId(3)));
  CHECK_FALSE(has_quorum(leaving, granted({1, 3})));
  CHECK(has_quorum(leaving, granted({1, 2})));
  CHECK(leave_joint(leaving) == voters({1, 2}));
}

TEST_CASE("a demoted voter stays as a learner that will be promoted again") {
  const Configuration joint = with_demotion(voters({1, 2, 3}), NodeId(3));
  CHECK(joint.joint);
  CHECK(joint.is_voter(NodeId(3)));  // in the old half
  const Configuration after = leave_joint(joint);
  CHECK(after.members.at(NodeId(3)).learner());
  CHECK(after.members.at(NodeId(3)).promote);
  const Configuration again = leave_joint(with_promotion(after, NodeId(3), {77, 1}));
  CHECK(again.members.at(NodeId(3)).voter);
  CHECK(again.members.at(NodeId(3)).incarnation == 77);
}

TEST_CASE("the cluster's command version is what all members know") {
  Configuration configuration = voters({1, 2, 3});
  CHECK(configuration.command_version() == 0);
  for (auto& [id, member] : configuration.members) member.command_version = 4;
  CHECK(configuration.command_version() == 4);
  configuration.members[NodeId(2)].command_version = 3;
  CHECK(configuration.command_version() == 3);
}
