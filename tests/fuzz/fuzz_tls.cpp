// What comes to a TLS port before anything is agreed, what comes to a client, and what somebody
// without the keys puts into a connection. However it is cut, it ends the same, and not one plain
// byte comes out of it.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "net/tls_engine.hpp"
#include "tests/unit/net/certificates.hpp"

namespace {

using net::TlsEngine;
using Step = TlsEngine::Step;

enum class Target : unsigned char { server, client, established, count };

struct Contexts {
  const test::Pki pki;
  const net::TlsContext::Pointer server = pki.server_context();
  const net::TlsContext::Pointer client = pki.client_context();
};

void carry(TlsEngine& from, TlsEngine& to) {
  std::string bytes;
  from.take_output(bytes);
  to.feed(bytes);
}

// How it ends where `bytes` come in two pieces.
Step outcome(const Contexts& contexts, Target target, std::string_view bytes, std::size_t cut) {
  TlsEngine engine(target == Target::client ? contexts.client : contexts.server);
  if (target == Target::established) {
    TlsEngine peer(contexts.client);
    for (int turn = 0; turn < 3; ++turn) {
      peer.handshake();
      carry(peer, engine);
      engine.handshake();
      carry(engine, peer);
    }
    ASSERT(engine.handshake() == Step::done);
  }
  Step last = Step::need_input;
  for (const std::string_view piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
    engine.feed(piece);
    if (target != Target::established) {
      last = engine.handshake();
      ASSERT(last != Step::done);
      continue;
    }
    std::array<char, 300> room{};
    std::size_t read = 0;
    last = engine.read(room, read);
    ASSERT(last != Step::done && read == 0);
  }
  ASSERT((last == Step::failed) == !engine.failure().empty());
  std::string output;
  engine.take_output(output);  // an alert, or the server's part of a handshake
  ASSERT(output.size() < 65536);
  return last;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Contexts contexts;
  if (size == 0) return 0;
  const auto target =
      static_cast<Target>(data[0] % static_cast<unsigned>(Target::count));
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Step whole = outcome(contexts, target, bytes, 0);
  ASSERT(outcome(contexts, target, bytes, bytes.size() / 2) == whole);
  return 0;
}
