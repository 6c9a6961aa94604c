// What both sides of a new connection say before the first message: handshakes, and, where both
// have the cluster's secret, the proof that they know it. Pure: payloads in, frames out; a
// connection shell carries them. One Introduction per connection and side.
//
//   dialer                                   acceptor
//   handshake (nonce d)          ─────────►  checks it
//   checks it                    ◄─────────  handshake (nonce a)
//   proof of the dialer          ─────────►  checks it: whoever cannot prove learns nothing
//   checks it                    ◄─────────  proof of the acceptor
//
// A proof is HMAC-SHA256 with the secret over the role of who proves ("raftwire dialer", "raftwire
// acceptor") and both handshakes as they went over the wire, each with its length before it: with
// nonces, cluster ids, node ids, incarnations, and whether proof is required. So it holds for this
// connection, in this direction and for these two nodes alone, and nobody in between can change a
// handshake. What follows it is not protected: frames have a checksum, not a signature.
#pragma once

#include <optional>

#include "base/bytes.hpp"
#include "base/sha256.hpp"
#include "raft/transport/handshake.hpp"

namespace raft {

// What this node can prove, and what it asks of others.
struct Credentials {
  base::Bytes secret;     // empty: none
  bool required = false;  // REQUIRES: not without a secret
};
inline Proof proof_of(const Credentials& credentials) {
  if (credentials.secret.empty()) return Proof::none;
  return credentials.required ? Proof::required : Proof::offered;
}

class Introduction {
 public:
  enum class Role : std::uint8_t { dialer, acceptor };

  // `self` with the nonce of this connection; its field proof is proof_of(credentials). A dialer
  // says whom it expects; the other side is anybody for an acceptor.
  Introduction(Role role, const Handshake& self, const Credentials& credentials, NodeId expected);

  // What is to be sent first. Empty for an acceptor, who waits.
  base::Bytes start() const;
  // Takes the next payload that came. What it returns has to be sent, also where that is the end.
  // REQUIRES: neither done() nor refused().
  base::Bytes receive(base::BytesView payload);

  // Messages may follow.
  bool done() const { return state_ == State::done; }
  const std::optional<PeerRefusal>& refusal() const { return refusal_; }
  // REQUIRES: done().
  const Handshake& other() const { return other_; }
  // What is missing where nothing comes any more: "no handshake came".
  std::string_view missing() const;

 private:
  enum class State : std::uint8_t { handshake, proof, done };

  base::Bytes receive_handshake(base::BytesView payload);
  base::Bytes receive_proof(base::BytesView payload);
  base::Sha256 proof(Role prover) const;

  const Role role_;
  const Handshake self_;
  const base::Bytes secret_;
  const NodeId expected_;
  const base::Bytes own_bytes_;
  base::Bytes other_bytes_;
  Handshake other_;
  State state_ = State::handshake;
  std::optional<PeerRefusal> refusal_;
};

}  // namespace raft
