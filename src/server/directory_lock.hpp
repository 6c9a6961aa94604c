// Who holds a data directory: an exclusive flock on its file `lock`, kept for as long as the object
// lives (the system drops it when the process dies), and beside it `server.json`, in which a server
// says where it can be reached.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"

namespace server {

inline constexpr std::chrono::seconds lock_timeout{15};

class DirectoryLock {
 public:
  // Makes the directory where there is none. nullptr in the result: somebody else holds it. The
  // error is a text for the user.
  static base::Result<std::unique_ptr<DirectoryLock>, std::string> try_acquire(
      const std::filesystem::path& directory);
  // The same, but waits for who holds it to let go, as long as `waits()` says so and for
  // lock_timeout at most, which is more than a server that stops needs for its last answers.
  static base::Result<std::unique_ptr<DirectoryLock>, std::string> acquire(
      const std::filesystem::path& directory, const std::function<bool()>& waits);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

  // Lets others find the server that holds the lock.
  // `fingerprint` is that of its certificate, where the URL is https.
  void publish(const std::string& url, const std::string& fingerprint = {});
  // There is none any more: the server is stopping.
  void withdraw();

 private:
  DirectoryLock(std::filesystem::path directory, int descriptor)
      : directory_(std::move(directory)), descriptor_(descriptor) {}
  const std::filesystem::path directory_;
  const int descriptor_;
};

// The URL of the server that holds the directory; nullopt where none does, or it does not serve
// yet.
std::optional<std::string> server_url_of(const std::filesystem::path& directory);
// The fingerprint of the certificate that it shows there, where it speaks https.
std::optional<std::string> fingerprint_of(const std::filesystem::path& directory);

}  // namespace server
