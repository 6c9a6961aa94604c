// What becomes of a backup's file and of those who wait for it.
#include "server/backup_performer.hpp"

#include <doctest/doctest.h>

#include <optional>

#include "sqlite/posix_file_system.hpp"
#include "temporary_directory.hpp"

namespace {

namespace fs = std::filesystem;
using After = http::BodySource::After;

sqlite::PosixFileSystem file_system;

// A node's store, whose work is done when the test says so.
struct World {
  TemporaryDirectory directory;
  std::vector<std::function<void()>> posted;
  std::unique_ptr<state::StateStore> store = open();
  std::optional<server::BackupPerformer> performer{*store};

  std::unique_ptr<state::StateStore> open() {
    auto opened = state::StateStore::open(
        file_system, directory.path(),
        [this](std::function<void()> work) { posted.push_back(std::move(work)); },
        [](const std::string& text) { FAIL(text); }, state::Execution::caller);
    REQUIRE(opened.ok());
    return std::move(opened).value();
  }

  void settle() {
    for (int i = 0; i < 50; ++i) {
      (void)store->perform_due(state::Moment());
      for (auto& work : std::exchange(posted, {})) work();
    }
  }

  void ask(std::optional<http::Response>& answer) {
    performer->perform(
        {api::Consistency::stale,
         [](const base::Result<api::Backup, api::BackupFailure>& made) {
           http::Response response;
           response.status = made ? 200 : 503;
           if (!made) return response;
           response.stream = made->body;
           response.stream_bytes = made->bytes;
           return response;
         }},
        [&answer](http::Response response) { answer = std::move(response); });
  }
  http::Response backup() {
    std::optional<http::Response> answer;
    ask(answer);
    settle();
    REQUIRE(answer.has_value());
    return *std::move(answer);
  }
  http::BodySource::Piece next(http::BodySource& body) {
    std::optional<http::BodySource::Piece> piece;
    body.next([&piece](http::BodySource::Piece given) { piece = std::move(given); });
    settle();
    REQUIRE(piece.has_value());
    return *std::move(piece);
  }
  bool has_file() const {
    return fs::exists(directory.path() + "/backup-1.db") ||
           fs::exists(directory.path() + "/backup-2.db");
  }
};

}  // namespace

TEST_CASE("a backup is given whole, and its file goes with its last piece") {
  World world;
  const http::Response response = world.backup();
  REQUIRE(response.status == 200);
  CHECK(world.has_file());
  std::string bytes;
  After after = After::more;
  while (after == After::more) {
    auto piece = world.next(*response.stream);
    bytes += piece.bytes;
    after = piece.after;
  }
  CHECK(after == After::end);
  CHECK(bytes.size() == *response.stream_bytes);
  CHECK(bytes.starts_with("SQLite format 3"));
  CHECK_FALSE(world.has_file());
}

TEST_CASE("the file of a reader that is gone is deleted, also of one that never began to read") {
  World world;
  {
    const http::Response cancelled = world.backup();
    cancelled.stream->cancel();
    world.settle();
    CHECK_FALSE(world.has_file());
    CHECK(world.next(*cancelled.stream).after == After::broken);
  }
  { const http::Response dropped = world.backup(); }
  world.settle();
  CHECK_FALSE(world.has_file());
  const http::Response first = world.backup(), second = world.backup(), third = world.backup();
  CHECK(first.status == 200);
  CHECK(second.status == 200);
  CHECK(third.status == 503);
}

TEST_CASE("a node that stops answers those who wait, and cuts the bodies under way") {
  World world;
  http::Response begun = world.backup();
  std::optional<http::Response> waiting, late;
  world.ask(waiting);
  world.performer->stop();
  REQUIRE(waiting.has_value());
  CHECK(waiting->status == 503);
  world.ask(late);
  CHECK(late->status == 503);
  CHECK(world.next(*begun.stream).after == After::broken);
  world.settle();
  world.performer.reset();
  world.store.reset();
  CHECK_FALSE(world.has_file());
  begun.stream.reset();  // which finds nobody any more
}
