// Messages of every type with random contents, for the properties of the codec.
#pragma once

#include "base/crc32c.hpp"
#include "base/random.hpp"
#include "raft/core/message.hpp"

namespace raft::test {

inline std::uint64_t random_number(base::Random& random) {
  return random.next() >> random.below(64);  // every length of a varint
}

inline base::SharedBytes random_data(base::Random& random) {
  base::Bytes bytes(random.chance(10) ? random.below(3000) : random.below(30), '\0');
  for (char& c : bytes) c = static_cast<char>(random.next());
  return base::share(std::move(bytes));
}

inline LogPosition random_position(base::Random& random) {
  return {Index{random_number(random)}, Term{random_number(random)}};
}

inline SnapshotMeta random_meta(base::Random& random) {
  SnapshotMeta meta{random_position(random), {}};
  meta.configuration.joint = random.chance(30);
  for (std::uint64_t i = random.below(6); i-- > 0;)
    meta.configuration.members[NodeId{1 + random.below(100)}] =
        Member{"host" + std::to_string(random.below(100)) + ":5000", random.chance(70),
               random.chance(20), random.chance(20)};
  return meta;
}

template <std::size_t I = 0>
MessageBody default_body(std::size_t which) {
  if constexpr (I + 1 < std::variant_size_v<MessageBody>)
    if (which != I) return default_body<I + 1>(which);
  return MessageBody(std::in_place_index<I>);
}

struct Fill {
  base::Random& random;

  void operator()(RequestVote& b) {
    b = {random_position(random), random.chance(50), random.chance(50)};
  }
  void operator()(RequestVoteResponse& b) { b = {random.chance(50), random.chance(50)}; }
  void operator()(AppendEntries& b) {
    b = {random_position(random), Index{random_number(random)}, random.next(), {}};
    b.previous.index = Index{b.previous.index.value() >> 1};
    Index index = b.previous.index;
    for (std::uint64_t i = random.chance(20) ? 0 : random.below(20); i-- > 0;)
      b.entries.push_back(Entry{++index, Term{random_number(random)},
                                static_cast<EntryKind>(random.below(3)), random_data(random)});
  }
  void operator()(AppendEntriesResponse& b) {
    b = {random.next(), random.chance(50), Index{random_number(random)}, random_position(random)};
  }
  void operator()(Heartbeat& b) {
    b = {Index{random_number(random)}, random.next(), random.next()};
  }
  void operator()(HeartbeatResponse& b) { b = {random.next(), random.next()}; }
  void operator()(InstallSnapshot& b) { b = {random_meta(random), random.next()}; }
  void operator()(TimeoutNow&) {}
  void operator()(ReadIndexRequest& b) { b = {random.next()}; }
  void operator()(ReadIndexResponse& b) {
    b = {random.next(), random.chance(50), Index{random_number(random)}};
  }
  void operator()(NotMember& b) {
    b.as_of = {Index{random_number(random)}, Term{random_number(random)}};
  }
  void operator()(ForwardProposals& b) {
    for (std::uint64_t i = random.below(20); i-- > 0;)
      b.proposals.push_back(Proposal{{random.next(), random.next()}, random_data(random)});
  }
  void operator()(ForwardRefused& b) {
    for (std::uint64_t i = random.below(20); i-- > 0;)
      b.ids.push_back({random.next(), random.next()});
  }
  void operator()(SnapshotChunk& b) {
    b.meta = random_meta(random);
    b.progress_id = random.next();
    b.data = random_data(random);
    b.crc = base::crc32c(*b.data);
    b.offset = random_number(random) >> 1;
    b.total_bytes = b.offset + b.data->size() + random.below(1000);
  }
  void operator()(SnapshotChunkResponse& b) {
    b = {random_position(random), random_number(random), random.chance(50)};
  }
  void operator()(ChangeMembersRequest& b) {
    b = {random.next(), static_cast<MemberAction>(random.below(4)),
         NodeId{random_number(random) | 1},
         std::string(random.chance(10) ? address_bytes_max : random.below(30), 'h')};
  }
  void operator()(StateDigest& b) { b = {Index{random_number(random)}, random.next()}; }
  void operator()(StateDiverged& b) { b = {Index{random_number(random)}, random.next()}; }
  void operator()(LeaderTime& b) { b = {static_cast<std::int64_t>(random.next())}; }
  void operator()(ChangeMembersResponse& b) {
    b = {random.next(), random.chance(50), static_cast<std::uint8_t>(random.next())};
  }
};

// `which` is the index of the body's type in MessageBody.
inline Message random_message(base::Random& random, std::size_t which) {
  Message message{NodeId{1 + random.below(10)}, NodeId{random.next() | 1},
                  Term{random_number(random)}, default_body(which)};
  std::visit(Fill{random}, message.body);
  return message;
}

inline Message random_message(base::Random& random) {
  return random_message(random, random.below(std::variant_size_v<MessageBody>));
}

}  // namespace raft::test
