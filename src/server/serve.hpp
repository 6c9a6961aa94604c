// `ipam server`: opens the node, serves HTTP until a signal or a failure ends it, and stops in the
// order of style.md: stop accepting, refuse proposals, hand leadership over, drain, close.
#pragma once

#include "server/options.hpp"

namespace server {

// The exit code: 0 after a signal or a removal from the cluster, 1 after a failure.
int serve(const ServerOptions& options);

}  // namespace server
