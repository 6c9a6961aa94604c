#include "server/peer_tls.hpp"

namespace server {

base::Result<PeerTls, std::string> load_peer_tls(const ServerOptions& options) {
  auto accepting = net::TlsContext::server(
      {options.peer_tls_cert, options.peer_tls_key, options.peer_tls_ca, ""});
  if (!accepting.ok()) return base::fail(accepting.error());
  auto dialling = net::TlsContext::client(
      {options.peer_tls_ca, "", options.peer_tls_cert, options.peer_tls_key, ""});
  if (!dialling.ok()) return base::fail(dialling.error());
  PeerTls out;
  out.warnings = (*accepting)->warnings();
  out.fingerprint = (*accepting)->fingerprint();
  out.tls = {std::move(*accepting), std::move(*dialling)};
  return out;
}

}  // namespace server
