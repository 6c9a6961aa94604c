#include "server/directory_lock.hpp"

#include <doctest/doctest.h>

#include "temporary_directory.hpp"

TEST_CASE("a directory is held once, and says where its holder is found as long as it is held") {
  const TemporaryDirectory directory;
  const std::string data = directory / "data";
  auto held = server::DirectoryLock::try_acquire(data);
  REQUIRE(held);
  REQUIRE(*held);
  CHECK(*server::DirectoryLock::try_acquire(data) == nullptr);
  CHECK_FALSE(server::server_url_of(data));  // it does not serve yet
  (*held)->publish("http://127.0.0.1:1");
  CHECK(server::server_url_of(data) == "http://127.0.0.1:1");
  CHECK_FALSE(server::fingerprint_of(data));
  (*held)->publish("https://127.0.0.1:1", std::string(64, 'a'));
  CHECK(server::server_url_of(data) == "https://127.0.0.1:1");
  CHECK(server::fingerprint_of(data) == std::string(64, 'a'));
  (*held)->publish("https://127.0.0.1:1", std::string(64, 'b'));  // a reload
  CHECK(server::fingerprint_of(data) == std::string(64, 'b'));
  held->reset();
  CHECK_FALSE(server::server_url_of(data));
  CHECK_FALSE(server::fingerprint_of(data));
}
