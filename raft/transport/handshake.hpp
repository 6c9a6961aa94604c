// The first frame on a connection, in both directions. Pure.
// Format, the same in every protocol version: u64 magic, u16 protocol_min, u16 protocol_max,
// u64 cluster_id, u64 cluster_epoch, u64 node_id, u64 incarnation, u32 command_version, string
// address. A later version may append fields: what follows is ignored.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "raft/core/types.hpp"

namespace raft {

// What a connection says first; the other side checks it and answers with its own.
struct Handshake {
  std::uint16_t protocol_min = 1;
  std::uint16_t protocol_max = 1;
  std::uint64_t cluster_id = 0;
  // Of the configuration that the sender knows; 0: none yet.
  std::uint64_t cluster_epoch = 0;
  NodeId node_id;
  ProcessInfo process;
  // Where the sender's own raft listener can be dialled. A peer that is in no configuration of ours
  // yet (or no more) is answered there.
  std::string address;
};

// Room for the fields, the longest address and what later versions append.
inline constexpr std::size_t handshake_bytes_max = 1024;

// REQUIRES: the address has at most address_bytes_max (configuration.hpp).
base::Bytes encode(const Handshake& handshake);
// nullopt where the other side is not one of us: another magic, or no handshake at all.
std::optional<Handshake> decode_handshake(base::BytesView bytes);

// Why `self` must not talk to `other`, as a text for the log; nullopt where it may.
std::optional<std::string> check(const Handshake& self, const Handshake& other);

}  // namespace raft
