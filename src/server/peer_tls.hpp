// The TLS between the nodes of a cluster, out of the files that the options name.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "raft/transport/connection.hpp"
#include "server/options.hpp"

namespace server {

struct PeerTls {
  raft::TransportTls tls;
  std::vector<std::string> warnings;
  std::string fingerprint;  // of the certificate that this node shows
};

// REQUIRES: the options name them. The error is one line that names the file.
base::Result<PeerTls, std::string> load_peer_tls(const ServerOptions& options);

}  // namespace server
