// The one way to start a coroutine: with a name, and with its failure logged. (asio::detached
// swallows exceptions, so nothing else uses it.) Runs on the thread of the io_context.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <exception>
#include <functional>
#include <string>
#include <utility>

#include "base/log.hpp"

namespace http {

// `on_failure`, where given, is called after an exception escaped and was logged: a coroutine
// without which the process is of no use stops it there. REQUIRES: `logger` outlives the coroutine.
inline void spawn(asio::io_context& io, base::Logger& logger, std::string name,
                  asio::awaitable<void> work, std::function<void()> on_failure = {}) {
  auto finished = [&logger, name = std::move(name),
                   on_failure = std::move(on_failure)](std::exception_ptr failure) {
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      logger.error("http", "coroutine {} failed: {}", name, error.what());
    } catch (...) {
      logger.error("http", "coroutine {} failed", name);
    }
    if (on_failure) on_failure();
  };
  asio::co_spawn(io, std::move(work), std::move(finished));
}

}  // namespace http
