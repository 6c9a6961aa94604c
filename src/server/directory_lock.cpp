#include "server/directory_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>

namespace server {
namespace {

constexpr const char* lock_name = "lock";
constexpr const char* server_name = "server.json";
constexpr std::chrono::milliseconds lock_poll_interval{20};

// A text that the server which holds the directory has published.
std::optional<std::string> published(const std::filesystem::path& directory, const char* key) {
  const std::string path = directory / lock_name;
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  const bool held = ::flock(descriptor, LOCK_SH | LOCK_NB) != 0;
  ::close(descriptor);
  if (!held) return std::nullopt;
  std::ifstream in(directory / server_name);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  std::error_code ec;
  const auto value = boost::json::parse(text, ec);
  if (ec || !value.is_object()) return std::nullopt;
  const auto* found = value.as_object().if_contains(key);
  if (found == nullptr || !found->is_string()) return std::nullopt;
  return std::string(found->as_string());
}

}  // namespace

base::Result<std::unique_ptr<DirectoryLock>, std::string> DirectoryLock::try_acquire(
    const std::filesystem::path& directory) {
  std::error_code ec;
  std::filesystem::create_directories(directory, ec);
  if (ec)
    return base::fail(
        fmt::format("cannot make the data directory {}: {}", directory.string(), ec.message()));
  const std::string path = directory / lock_name;
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0)
    return base::fail(fmt::format("cannot open {}: {}; check who owns the data directory", path,
                                  std::strerror(errno)));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor);
    return std::unique_ptr<DirectoryLock>();
  }
  // A server that crashed has left its address behind.
  std::filesystem::remove(directory / server_name, ec);
  return std::unique_ptr<DirectoryLock>(new DirectoryLock(directory, descriptor));
}

base::Result<std::unique_ptr<DirectoryLock>, std::string> DirectoryLock::acquire(
    const std::filesystem::path& directory, const std::function<bool()>& waits) {
  const auto deadline = std::chrono::steady_clock::now() + lock_timeout;
  while (true) {
    auto lock = try_acquire(directory);
    if (!lock.ok() || *lock) return lock;
    if (!waits() || std::chrono::steady_clock::now() > deadline) return lock;
    std::this_thread::sleep_for(lock_poll_interval);
  }
}

void DirectoryLock::withdraw() {
  std::error_code ec;
  std::filesystem::remove(directory_ / server_name, ec);
}

DirectoryLock::~DirectoryLock() {
  withdraw();
  ::close(descriptor_);
}

void DirectoryLock::publish(const std::string& url, const std::string& fingerprint) {
  boost::json::object about{{"url", url}, {"pid", ::getpid()}};
  if (!fingerprint.empty()) about["certificate_sha256"] = fingerprint;
  const std::filesystem::path unfinished = directory_ / "server.json.new";
  {
    std::ofstream out(unfinished);
    out << boost::json::serialize(about) << '\n';
  }
  std::error_code ec;
  std::filesystem::rename(unfinished, directory_ / server_name, ec);
}

std::optional<std::string> server_url_of(const std::filesystem::path& directory) {
  return published(directory, "url");
}

std::optional<std::string> fingerprint_of(const std::filesystem::path& directory) {
  return published(directory, "certificate_sha256");
}

}  // namespace server
