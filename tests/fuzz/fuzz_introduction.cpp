// Who speaks before anybody is let in: whatever it says, cut as it likes, and even with what an
// honest pair said on another connection, nobody without the secret gets past a side that requires
// proof of it.
#include <cstdint>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "raft/transport/frame.hpp"
#include "raft/transport/introduction.hpp"

namespace {

using raft::Introduction;
using Role = Introduction::Role;

const raft::Credentials credentials{base::Bytes(32, 's'), true};

Introduction side(Role role, char nonce) {
  raft::Handshake self;
  self.cluster_id = 7;
  self.node_id = raft::NodeId{role == Role::dialer ? 1u : 2u};
  self.address = "node:5001";
  self.proof = raft::Proof::required;
  self.nonce.fill(nonce);
  return {role, self, credentials, raft::NodeId{role == Role::dialer ? 2u : 0u}};
}

std::string payload_of(base::BytesView frame) {
  return std::string(frame.substr(raft::frame_header_bytes));
}

// What an honest pair says, in its order.
std::vector<std::string> honest() {
  Introduction dialer = side(Role::dialer, 'd'), acceptor = side(Role::acceptor, 'a');
  std::vector<std::string> said{payload_of(dialer.start())};
  for (Introduction* to = &acceptor; said.size() < 4; to = to == &dialer ? &acceptor : &dialer)
    said.push_back(payload_of(to->receive(said.back())));
  ASSERT(acceptor.done());
  dialer.receive(said.back());
  ASSERT(dialer.done());
  return said;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::string> heard = honest();
  if (size == 0) return 0;
  const Role role = data[0] % 2 == 0 ? Role::dialer : Role::acceptor;
  Introduction victim = side(role, 'v');
  std::string own = payload_of(role == Role::dialer ? victim.start() : std::string(8, ' '));
  base::BytesView rest(reinterpret_cast<const char*>(data + 1), size - 1);
  while (!rest.empty() && !victim.refusal()) {
    // A length and so many bytes; 250 on: what was heard, or what the victim itself said last.
    const auto length = static_cast<unsigned char>(rest[0]);
    rest.remove_prefix(1);
    std::string payload(rest.substr(0, length));
    if (length >= 250) {
      payload = length < 254 ? heard[length - 250] : own;
    } else {
      rest.remove_prefix(payload.size());
    }
    const base::Bytes said = victim.receive(payload);
    if (!said.empty()) own = payload_of(said);
    ASSERT(!victim.done());
  }
  return 0;
}
