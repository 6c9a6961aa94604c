// Performs api::ReadList on this node: step by step, so that nothing else waits long for it, and
// what is too long for one answer as a body in pieces. Runs on the io thread.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <variant>

#include "api/past_plan.hpp"
#include "server/replica.hpp"

namespace server {

class ListPerformer {
 public:
  ListPerformer(asio::io_context& io, Replica& replica)
      : io_(io), replica_(replica), timer_(io) {}

  using Reader = std::shared_ptr<api::ListReader>;
  // `done` gets the first response, whose body may be a stream that outlives this call but not the
  // performer's io_context.
  void perform(Reader reader, std::function<void(http::Response)> done);
  // Ends what is under way, and lets io_context::run() end.
  void stop();

 private:
  class Stream;
  // What leaves: a piece, or a response.
  using Output = std::variant<api::ListReader::Piece, http::Response>;
  // Whether anybody still wants it: until then a list may take any number of steps.
  using Wanted = std::function<bool()>;
  void advance(Reader reader, Wanted wanted, std::function<void(Output)> done);

  void drop_past_plans_later();

  asio::io_context& io_;
  Replica& replica_;
  api::PastPlans past_plans_;
  asio::steady_timer timer_;
  bool stopping_ = false;
};

}  // namespace server
