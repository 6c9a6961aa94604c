// The first frame on a connection, in both directions. Pure.
// Format, the same in every protocol version: u64 magic, u16 protocol_min, u16 protocol_max,
// u64 cluster_id, u64 cluster_epoch, u64 node_id, u64 incarnation, u32 command_version, string
// address. From protocol_max 2 on: u8 proof, 32 bytes nonce. A later version may append fields:
// what follows is ignored.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "raft/core/types.hpp"
#include "raft/transport/refusal.hpp"

namespace raft {

// Whether the sender proves that it knows the cluster's secret. The values are on the wire.
enum class Proof : std::uint8_t {
  none = 0,      // it has no secret, or is of version 1
  offered = 1,   // where the other side has one too
  required = 2,  // it lets nobody in without
};

// Random bytes of one connection: what was proved on another is worth nothing on this one.
using Nonce = std::array<char, 32>;

// Version 2 knows proofs; messages are the same.
inline constexpr std::uint16_t protocol_with_proof = 2;

// What a connection says first; the other side checks it and answers with its own.
struct Handshake {
  std::uint16_t protocol_min = 1;
  std::uint16_t protocol_max = protocol_with_proof;
  std::uint64_t cluster_id = 0;
  // Of the configuration that the sender knows; 0: none yet.
  std::uint64_t cluster_epoch = 0;
  NodeId node_id;
  ProcessInfo process;
  // Where the sender's own raft listener can be dialled. A peer that is in no configuration of ours
  // yet (or no more) is answered there.
  std::string address;
  Proof proof = Proof::none;
  Nonce nonce{};
};

// Room for the fields, the longest address and what later versions append.
inline constexpr std::size_t handshake_bytes_max = 1024;

// REQUIRES: the address has at most address_bytes_max (configuration.hpp).
base::Bytes encode(const Handshake& handshake);
// nullopt where the other side is not one of us: another magic, or no handshake at all.
std::optional<Handshake> decode_handshake(base::BytesView bytes);

// Why `self` must not talk to `other`; nullopt where it may, once what proof() says is proved.
std::optional<PeerRefusal> check(const Handshake& self, const Handshake& other);
// Whether they prove the secret to each other: where one of them requires it, and both have one.
// Otherwise nodes with different secrets get along: founders of which each made its own.
bool is_proved(const Handshake& self, const Handshake& other);

}  // namespace raft
