#include "raft/core/configuration.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "raft/core/mutant.hpp"

namespace raft {
namespace {

constexpr std::uint8_t format_version = 2;
constexpr std::uint8_t flag_voter = 1;
constexpr std::uint8_t flag_outgoing = 2;
constexpr std::uint8_t flag_promote = 4;
constexpr std::size_t member_bytes_min = 22;  // with an empty address

}  // namespace

bool is_of(const Member& member, const ProcessInfo& process) {
  return member.incarnation == 0 || process.incarnation == 0 ||
         member.incarnation == process.incarnation || MUTANT(incarnation_is_ignored);
}

bool Configuration::is_voter(NodeId id) const {
  const auto found = members.find(id);
  return found != members.end() && !found->second.learner();
}

std::size_t Configuration::voter_count() const {
  std::size_t voters = 0;
  for (const auto& [id, member] : members) voters += member.voter;
  return voters;
}

std::uint32_t Configuration::command_version() const {
  std::uint32_t least = 0;
  bool first = true;
  for (const auto& [id, member] : members) {
    least = first ? member.command_version : std::min(least, member.command_version);
    first = false;
  }
  return least;
}

base::Bytes encode(const Configuration& configuration) {
  ASSERT(configuration.members.size() <= members_max);
  base::Bytes out;
  base::ByteWriter writer(out);
  writer.u8(format_version);
  writer.u64(configuration.epoch);
  writer.boolean(configuration.joint);
  writer.varint(configuration.members.size());
  for (const auto& [id, member] : configuration.members) {
    ASSERT(id && member.address.size() <= address_bytes_max);
    writer.u64(id.value());
    writer.u8(static_cast<std::uint8_t>((member.voter ? flag_voter : 0) |
                                        (member.outgoing ? flag_outgoing : 0) |
                                        (member.promote ? flag_promote : 0)));
    writer.u64(member.incarnation);
    writer.u32(member.command_version);
    writer.string(member.address);
  }
  return out;
}

std::optional<Configuration> decode_configuration(base::BytesView bytes) {
  base::ByteReader reader(bytes);
  if (reader.u8() != format_version) return std::nullopt;
  Configuration configuration;
  configuration.epoch = reader.u64();
  configuration.joint = reader.boolean();
  const std::size_t count = reader.count(member_bytes_min);
  if (count > members_max) return std::nullopt;
  NodeId previous;  // ids rise strictly, from 1: one configuration has one encoding
  for (std::size_t i = 0; i < count; ++i) {
    const NodeId id{reader.u64()};
    const std::uint8_t flags = reader.u8();
    const std::uint64_t incarnation = reader.u64();
    const std::uint32_t command_version = reader.u32();
    const base::BytesView address = reader.string();
    if (!reader.ok() || id <= previous || address.size() > address_bytes_max ||
        flags > (flag_voter | flag_outgoing | flag_promote))
      return std::nullopt;
    previous = id;
    configuration.members.emplace(
        id, Member{.address = std::string(address),
                   .voter = (flags & flag_voter) != 0,
                   .outgoing = (flags & flag_outgoing) != 0,
                   .promote = (flags & flag_promote) != 0,
                   .incarnation = incarnation,
                   .command_version = command_version});
  }
  if (!reader.at_end()) return std::nullopt;
  return configuration;
}

}  // namespace raft
