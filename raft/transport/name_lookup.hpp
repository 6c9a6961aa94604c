// Names to addresses. getaddrinfo() cannot be cut short, and where a name server is silent it takes
// most of a minute. asio's resolver has one thread for all of them, for which its io_context
// waits at the end: one name would hold up all peers, and the end of the process. Here each lookup
// has a thread of its own, which is left to itself once nobody wants its answer. io thread only.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace raft {

struct FoundEndpoints {
  asio::error_code error;
  std::vector<asio::ip::tcp::endpoint> endpoints;
};

// Blocks. May run while its caller is gone, on a thread of its own.
using LookupFunction = std::function<FoundEndpoints(const std::string& host, std::uint16_t port)>;

// As the system finds it: getaddrinfo().
FoundEndpoints look_up(const std::string& host, std::uint16_t port);

class NameLookup {
 public:
  explicit NameLookup(asio::any_io_executor executor, LookupFunction function = look_up);
  ~NameLookup();
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  // One at a time. The object outlives it. After cancel() the error is operation_aborted.
  asio::awaitable<FoundEndpoints> run(std::string host, std::uint16_t port);
  // run() ends at once, whatever its thread does.
  void cancel();

 private:
  struct Shared;

  asio::steady_timer waiting_;  // until the answer is there; never by time
  LookupFunction function_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace raft
