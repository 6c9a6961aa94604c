// The one way to start a coroutine in raft/: nothing that escapes from one is lost silently.
// Runs it on the executor's thread; the coroutine keeps alive what it uses by its parameters.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <exception>
#include <string>

#include "base/log.hpp"

namespace raft {

// Logs, with `name`, an exception that ends `body`. For coroutines whose end the process survives;
// a vital one catches by itself and stops the node. `logger` outlives the coroutine.
inline void spawn(const asio::any_io_executor& executor, base::Logger& logger, std::string name,
                  asio::awaitable<void> body) {
  auto log_failure = [&logger, name = std::move(name)](std::exception_ptr failure) {
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& e) {
      logger.error("raft", "{} failed: {}", name, e.what());
    } catch (...) {
      logger.error("raft", "{} failed: unknown exception", name);
    }
  };
  asio::co_spawn(executor, std::move(body), std::move(log_failure));
}

}  // namespace raft
