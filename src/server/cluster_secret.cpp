#include "server/cluster_secret.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "server/new_file.hpp"

namespace server {

base::Result<std::string, std::string> check_cluster_secret(std::string_view source,
                                                            std::string_view text) {
  constexpr std::string_view white = " \t\r\n";
  const std::size_t first = text.find_first_not_of(white);
  if (first == std::string_view::npos) return base::fail(fmt::format("{} is empty", source));
  text = text.substr(first, text.find_last_not_of(white) - first + 1);
  if (text.size() < cluster_secret_bytes_min || text.size() > cluster_secret_bytes_max)
    return base::fail(fmt::format("{} must have from {} to {} characters, not {}", source,
                                  cluster_secret_bytes_min, cluster_secret_bytes_max,
                                  text.size()));
  const auto is_printable = [](char c) { return c > ' ' && c < 0x7f; };
  if (!std::all_of(text.begin(), text.end(), is_printable))
    return base::fail(fmt::format("{} must be one line of printable ASCII without blanks", source));
  return std::string(text);
}

base::Result<std::string, std::string> read_cluster_secret(const std::string& file) {
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored))
    return base::fail(fmt::format("cannot read {}: it is a directory", file));
  std::ifstream in(file, std::ios::binary);
  std::string text(2 * cluster_secret_bytes_max, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in.is_open() || in.bad())
    return base::fail(fmt::format("cannot read {}: {}", file, std::strerror(errno)));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return check_cluster_secret(file, text);
}

base::Result<std::optional<std::string>, std::string> given_cluster_secret(
    const std::string& file, const cli::Environment& environment) {
  base::Result<std::string, std::string> secret = std::string();
  if (!file.empty()) {
    secret = read_cluster_secret(file);
  } else if (const auto text = environment.get("IPAM_CLUSTER_SECRET")) {
    secret = check_cluster_secret("IPAM_CLUSTER_SECRET", *text);
  } else if (const auto name = environment.get("IPAM_CLUSTER_SECRET_FILE")) {
    secret = read_cluster_secret(*name);
  } else {
    return std::optional<std::string>();
  }
  if (!secret) return base::fail(secret.error());
  return std::optional(std::move(*secret));
}

base::Result<std::optional<std::string>, std::string> kept_cluster_secret(
    const std::string& directory) {
  const std::filesystem::path file = std::filesystem::path(directory) / cluster_secret_name;
  std::error_code error;
  // symlink_status: a dangling link is a mistake, not "none".
  if (!std::filesystem::exists(std::filesystem::symlink_status(file, error)))
    return std::optional<std::string>();
  auto secret = read_cluster_secret(file.string());
  if (!secret) return base::fail(secret.error());
  return std::optional(std::move(*secret));
}

base::Result<base::Ok, std::string> keep_cluster_secret(const std::string& directory,
                                                        const std::string& secret) {
  const auto kept = kept_cluster_secret(directory);
  if (!kept) return base::fail(kept.error());
  const std::string file = (std::filesystem::path(directory) / cluster_secret_name).string();
  if (!*kept) return write_new_file(file, secret + "\n", 0600);
  if (**kept == secret) return base::Ok{};
  return base::fail(fmt::format("{} is there and is another secret: remove it first", file));
}

}  // namespace server
