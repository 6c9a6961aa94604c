#include "raft/transport/handshake.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hpp"
#include "raft/core/configuration.hpp"

namespace raft {
namespace {

constexpr std::uint64_t magic = 0x6572'6977'7466'6172;  // "raftwire"

// It goes into log lines: no line breaks, no escape sequences.
bool printable(base::BytesView text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

base::Bytes encode(const Handshake& handshake) {
  ASSERT(handshake.node_id && handshake.address.size() <= address_bytes_max);
  base::Bytes out;
  base::ByteWriter writer(out);
  writer.u64(magic);
  writer.u16(handshake.protocol_min);
  writer.u16(handshake.protocol_max);
  writer.u64(handshake.cluster_id);
  writer.u64(handshake.cluster_epoch);
  writer.u64(handshake.node_id.value());
  writer.u64(handshake.process.incarnation);
  writer.u32(handshake.process.command_version);
  writer.string(handshake.address);
  if (handshake.protocol_max < protocol_with_proof) return out;
  writer.u8(static_cast<std::uint8_t>(handshake.proof));
  writer.raw({handshake.nonce.data(), handshake.nonce.size()});
  return out;
}

std::optional<Handshake> decode_handshake(base::BytesView bytes) {
  base::ByteReader reader(bytes);
  if (reader.u64() != magic) return std::nullopt;
  Handshake handshake;
  handshake.protocol_min = reader.u16();
  handshake.protocol_max = reader.u16();
  handshake.cluster_id = reader.u64();
  handshake.cluster_epoch = reader.u64();
  handshake.node_id = NodeId{reader.u64()};
  handshake.process.incarnation = reader.u64();
  handshake.process.command_version = reader.u32();
  handshake.address = reader.string();
  if (handshake.protocol_max >= protocol_with_proof) {
    const std::uint8_t proof = reader.u8();
    if (proof > static_cast<std::uint8_t>(Proof::required)) return std::nullopt;
    handshake.proof = static_cast<Proof>(proof);
    const base::BytesView nonce = reader.raw(handshake.nonce.size());
    std::copy(nonce.begin(), nonce.end(), handshake.nonce.begin());
  }
  if (!reader.ok() || !handshake.node_id || handshake.address.size() > address_bytes_max ||
      !printable(handshake.address) || handshake.protocol_min > handshake.protocol_max)
    return std::nullopt;
  return handshake;
}

std::optional<PeerRefusal> check(const Handshake& self, const Handshake& other) {
  using enum RefusalReason;
  const auto refusal = [](RefusalReason reason, std::string text) {
    return PeerRefusal{reason, std::move(text)};
  };
  if (other.protocol_min > self.protocol_max || other.protocol_max < self.protocol_min)
    return refusal(other_protocol, fmt::format("it speaks protocol {} to {}, this node {} to {}",
                                               other.protocol_min, other.protocol_max,
                                               self.protocol_min, self.protocol_max));
  if (other.cluster_id != self.cluster_id)
    return refusal(other_cluster, fmt::format("it belongs to cluster {}, this node to cluster {}",
                                              other.cluster_id, self.cluster_id));
  if (other.cluster_epoch != self.cluster_epoch && other.cluster_epoch != 0 &&
      self.cluster_epoch != 0)
    return refusal(
        other_cluster,
        fmt::format("it is of cluster epoch {}, this node of epoch {}: the cluster was recovered "
                    "without the one of the lower epoch, which has to be wiped and added anew",
                    other.cluster_epoch, self.cluster_epoch));
  if (other.node_id == self.node_id)
    return refusal(wrong_node, fmt::format("it has this node's own id {}", self.node_id.value()));
  if (self.proof == Proof::required && other.proof == Proof::none)
    return refusal(no_proof, "it has no cluster secret, or is of a version that cannot prove it, "
                             "and this node requires proof");
  if (other.proof == Proof::required && self.proof == Proof::none)
    return refusal(no_proof, "it requires proof of the cluster secret, and this node has none: "
                             "give this node a copy of cluster.secret");
  return std::nullopt;
}

bool is_proved(const Handshake& self, const Handshake& other) {
  if (self.proof == Proof::none || other.proof == Proof::none) return false;
  return self.proof == Proof::required || other.proof == Proof::required;
}

}  // namespace raft
