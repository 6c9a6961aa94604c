#include "server/secret.hpp"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

#include "base/sha256.hpp"

namespace server {

namespace {

std::string random_hex() {
  base::Sha256 bytes{};  // as many as a hash has
  // So few are never cut short (getrandom(2)).
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw std::system_error(errno, std::generic_category(), "getrandom");
  return base::to_hex(bytes);
}

}  // namespace

std::string new_secret() { return "ipam_" + random_hex(); }

std::string new_cluster_secret() { return "ipam_cluster_" + random_hex(); }

}  // namespace server
