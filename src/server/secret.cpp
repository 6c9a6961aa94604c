#include "server/secret.hpp"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

#include "base/sha256.hpp"

namespace server {

std::string new_secret() {
  base::Sha256 bytes{};  // as many as a hash has
  // So few are never cut short (getrandom(2)).
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw std::system_error(errno, std::generic_category(), "getrandom");
  return "ipam_" + base::to_hex(bytes);
}

}  // namespace server
