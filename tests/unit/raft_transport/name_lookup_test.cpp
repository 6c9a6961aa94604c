#include "raft/transport/name_lookup.hpp"

#include <doctest/doctest.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <future>
#include <optional>

using raft::FoundEndpoints;
using raft::NameLookup;

namespace {

constexpr std::uint16_t port = 7;

// `lookup` and `found` outlive the context's run().
void start(asio::io_context& io, NameLookup& lookup, std::optional<FoundEndpoints>& found) {
  auto run = [](NameLookup& of, std::optional<FoundEndpoints>& into) -> asio::awaitable<void> {
    FoundEndpoints result = co_await of.run("localhost", port);
    into = std::move(result);
  };
  asio::co_spawn(io, run(lookup, found), asio::detached);
}

// A name server that says nothing until it is let go.
struct Silence {
  std::promise<void> let_go;
  std::shared_future<void> gone = let_go.get_future().share();
  std::promise<void> ended;

  raft::LookupFunction function() {
    return [this, wait = gone](const std::string&, std::uint16_t) {
      wait.wait();
      ended.set_value();
      return FoundEndpoints{};
    };
  }
};

}  // namespace

TEST_CASE("a name is looked up as the system does it") {
  asio::io_context io;
  NameLookup lookup(io.get_executor());
  std::optional<FoundEndpoints> found;
  for (int again = 0; again < 2; ++again) {
    found.reset();
    start(io, lookup, found);
    io.run();
    io.restart();
    REQUIRE(found);
    CHECK_FALSE(found->error);
    REQUIRE_FALSE(found->endpoints.empty());
    CHECK(found->endpoints.front().address().is_loopback());
    CHECK(found->endpoints.front().port() == port);
  }
  CHECK(raft::look_up("no such name", port).error);
}

TEST_CASE("a silent name server holds up neither another lookup nor the end") {
  Silence silence;
  {
    asio::io_context io;
    NameLookup silent(io.get_executor(), silence.function());
    NameLookup other(io.get_executor());
    std::optional<FoundEndpoints> never;
    std::optional<FoundEndpoints> found;
    start(io, silent, never);
    start(io, other, found);
    while (!found) io.run_one();
    CHECK_FALSE(found->error);
    CHECK_FALSE(never);
    silent.cancel();
    io.run();  // returns, though its thread goes on
    REQUIRE(never);
    CHECK(never->error == asio::error::operation_aborted);
  }
  silence.let_go.set_value();
  silence.ended.get_future().wait();  // its answer goes nowhere
}

TEST_CASE("a lookup that is under way may be destroyed with its context") {
  Silence silence;
  {
    asio::io_context io;
    std::optional<FoundEndpoints> never;
    auto lookup = std::make_unique<NameLookup>(io.get_executor(), silence.function());
    start(io, *lookup, never);
    io.poll();
    lookup->cancel();
    io.run();
    lookup.reset();
  }
  silence.let_go.set_value();
  silence.ended.get_future().wait();
}
