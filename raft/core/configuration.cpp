#include "raft/core/configuration.hpp"

#include "base/assert.hpp"

namespace raft {
namespace {

constexpr std::uint8_t format_version = 1;
constexpr std::uint8_t flag_voter = 1;
constexpr std::uint8_t flag_outgoing = 2;
constexpr std::uint8_t flag_promote = 4;
constexpr std::size_t member_bytes_min = 10;  // id, flags, empty address

}  // namespace

bool Configuration::is_voter(NodeId id) const {
  const auto found = members.find(id);
  return found != members.end() && !found->second.learner();
}

std::size_t Configuration::voter_count() const {
  std::size_t voters = 0;
  for (const auto& [id, member] : members) voters += member.voter;
  return voters;
}

base::Bytes encode(const Configuration& configuration) {
  ASSERT(configuration.members.size() <= members_max);
  base::Bytes out;
  base::ByteWriter writer(out);
  writer.u8(format_version);
  writer.boolean(configuration.joint);
  writer.varint(configuration.members.size());
  for (const auto& [id, member] : configuration.members) {
    ASSERT(id && member.address.size() <= address_bytes_max);
    writer.u64(id.value());
    writer.u8(static_cast<std::uint8_t>((member.voter ? flag_voter : 0) |
                                        (member.outgoing ? flag_outgoing : 0) |
                                        (member.promote ? flag_promote : 0)));
    writer.string(member.address);
  }
  return out;
}

std::optional<Configuration> decode_configuration(base::BytesView bytes) {
  base::ByteReader reader(bytes);
  if (reader.u8() != format_version) return std::nullopt;
  Configuration configuration;
  configuration.joint = reader.boolean();
  const std::size_t count = reader.count(member_bytes_min);
  if (count > members_max) return std::nullopt;
  NodeId previous;  // ids rise strictly, from 1: one configuration has one encoding
  for (std::size_t i = 0; i < count; ++i) {
    const NodeId id{reader.u64()};
    const std::uint8_t flags = reader.u8();
    const base::BytesView address = reader.string();
    if (!reader.ok() || id <= previous || address.size() > address_bytes_max ||
        flags > (flag_voter | flag_outgoing | flag_promote))
      return std::nullopt;
    previous = id;
    configuration.members.emplace(
        id, Member{.address = std::string(address),
                   .voter = (flags & flag_voter) != 0,
                   .outgoing = (flags & flag_outgoing) != 0,
                   .promote = (flags & flag_promote) != 0});
  }
  if (!reader.at_end()) return std::nullopt;
  return configuration;
}

}  // namespace raft
