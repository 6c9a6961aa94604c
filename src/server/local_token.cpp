#include "server/local_token.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace server {

base::Result<base::Ok, std::string> write_local_token(const std::filesystem::path& directory,
                                                      const std::string& secret) {
  const std::string path = directory / local_token_name;
  const std::string text = secret + "\n";
  ::unlink(path.c_str());  // of a process that crashed, and whatever its mode was
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool is_written =
      descriptor >= 0 &&
      ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int reason = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (is_written) return base::Ok();
  return base::fail(fmt::format("cannot write {}: {}", path, std::strerror(reason)));
}

void remove_local_token(const std::filesystem::path& directory) {
  std::error_code ignored;
  std::filesystem::remove(directory / local_token_name, ignored);
}

std::optional<std::string> read_local_token(const std::filesystem::path& directory) {
  std::ifstream in(directory / local_token_name);
  std::string secret;
  if (!std::getline(in, secret) || secret.empty()) return std::nullopt;
  return secret;
}

}  // namespace server
