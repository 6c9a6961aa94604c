#include "raft/transport/introduction.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hpp"
#include "base/hmac.hpp"
#include "raft/transport/frame.hpp"

namespace raft {
namespace {

base::Bytes framed(base::BytesView payload) {
  base::Bytes out;
  append_frame(out, payload);
  return out;
}

base::BytesView view_of(const base::Sha256& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

}  // namespace

Introduction::Introduction(Role role, const Handshake& self, const Credentials& credentials,
                           NodeId expected)
    : role_(role), self_(self), secret_(credentials.secret), expected_(expected),
      own_bytes_(encode(self)) {
  ASSERT(self.proof == proof_of(credentials));
}

base::Bytes Introduction::start() const {
  return role_ == Role::dialer ? framed(own_bytes_) : base::Bytes();
}

base::Bytes Introduction::receive(base::BytesView payload) {
  ASSERT(!done() && !refusal_);
  return state_ == State::handshake ? receive_handshake(payload) : receive_proof(payload);
}

base::Bytes Introduction::receive_handshake(base::BytesView payload) {
  std::optional<Handshake> other = decode_handshake(payload);
  if (!other) {
    refusal_ = PeerRefusal{RefusalReason::not_a_node, "it does not speak this protocol"};
    return {};
  }
  other_ = std::move(*other);
  other_bytes_ = payload;
  refusal_ = check(self_, other_);
  if (role_ == Role::dialer && !refusal_ && other_.node_id != expected_)
    refusal_ = PeerRefusal{RefusalReason::wrong_node,
                       fmt::format("it is node {}", other_.node_id.value())};
  const bool proves = !refusal_ && is_proved(self_, other_);
  if (!refusal_) state_ = proves ? State::proof : State::done;
  // An acceptor answers also where it refuses, so that the other side can say why as well.
  if (role_ == Role::acceptor) return framed(own_bytes_);
  return proves ? framed(view_of(proof(Role::dialer))) : base::Bytes();
}

base::Bytes Introduction::receive_proof(base::BytesView payload) {
  const bool is_dialer = role_ == Role::dialer;
  const base::Sha256 right = proof(is_dialer ? Role::acceptor : Role::dialer);
  base::Sha256 given{};
  const bool has_length = payload.size() == given.size();
  if (has_length) std::copy(payload.begin(), payload.end(), given.begin());
  if (!has_length || !base::equal_in_constant_time(given, right)) {
    refusal_ = PeerRefusal{RefusalReason::wrong_secret, "it has another cluster secret"};
    return {};
  }
  state_ = State::done;
  return is_dialer ? base::Bytes() : framed(view_of(proof(Role::acceptor)));
}

base::Sha256 Introduction::proof(Role prover) const {
  const bool is_dialer = role_ == Role::dialer;
  base::Bytes text;
  base::ByteWriter writer(text);
  writer.string(prover == Role::dialer ? "raftwire dialer" : "raftwire acceptor");
  writer.string(is_dialer ? own_bytes_ : other_bytes_);
  writer.string(is_dialer ? other_bytes_ : own_bytes_);
  return base::hmac_sha256(secret_, text);
}

std::string_view Introduction::missing() const {
  if (state_ == State::handshake) return "no handshake came";
  if (role_ == Role::acceptor) return "no proof of the cluster secret came";
  return "it did not accept this node's proof of the cluster secret; has it another one?";
}

}  // namespace raft
