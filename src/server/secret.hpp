// Secrets of tokens and of clusters: the one place of the server that asks the system for
// randomness that nobody may foresee.
#pragma once

#include <string>

namespace server {

// "ipam_" and 256 random bits in hex. A prefix of its own lets scanners find one that got into a
// repository. Throws std::system_error where the system has no randomness.
std::string new_secret();
// The same after "ipam_cluster_".
std::string new_cluster_secret();

}  // namespace server
