// POST /cluster/backup and /cluster/snapshot, without what performs them.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace api_test;

TEST_CASE("a backup says what it is of, how long it is, and comes as it is") {
  World world;
  const auto response = world.perform(post("cluster/backup"));
  CHECK(response.status == 200);
  CHECK(response.content_type == "application/vnd.sqlite3");
  CHECK(header_of(response, "Content-Disposition") == "attachment; filename=\"ipam-7.db\"");
  CHECK(header_of(response, "X-Ipam-Revision") == "7");
  CHECK(header_of(response, "X-Ipam-Digest") == "0000000000000abc");
  REQUIRE(response.stream_bytes.has_value());
  CHECK(*response.stream_bytes == 6);
  CHECK(streamed(response) == "SQLite");
  CHECK(world.backups.back().consistency == api::Consistency::linearizable);
  CHECK(world.perform(post("cluster/backup?consistency=stale", "{}")).status == 200);
  CHECK(world.backups.back().consistency == api::Consistency::stale);
  CHECK(world.perform(post("cluster/backup?at=7")).status == 400);
  CHECK(world.perform(post("cluster/backup", R"({"at":7})")).status == 400);
}

TEST_CASE("a backup that cannot be made says why") {
  World world;
  using Reason = api::BackupFailure::Reason;
  world.backup = base::fail(api::BackupFailure{Reason::too_many, "2 backups are under way"});
  auto response = world.perform(post("cluster/backup"));
  CHECK(response.status == 503);
  CHECK(text_at(response, "reason") == "OVERLOADED");
  CHECK(header_of(response, "Retry-After") == "1");
  world.backup = base::fail(api::BackupFailure{Reason::no_room, "too little free disk space"});
  response = world.perform(post("cluster/backup"));
  CHECK(response.status == 507);
  CHECK(text_at(response, "reason") == "INSUFFICIENT_STORAGE");
  CHECK(text_at(response, "detail").starts_with("too little free disk space"));
  world.backup = base::fail(api::BackupFailure{Reason::failed, "the disk cannot be read"});
  response = world.perform(post("cluster/backup"));
  CHECK(response.status == 500);
  CHECK(text_at(response, "detail") == "the disk cannot be read");
}

TEST_CASE("the log is cut on demand") {
  World world;
  const auto response = world.perform(post("cluster/snapshot"));
  CHECK(response.status == 200);
  CHECK(response.body == R"({"durable_index":0,"snapshot_index":3})");
  CHECK(world.perform(post("cluster/snapshot", R"({"now":true})")).status == 400);
}
