#include "raft/transport/name_lookup.hpp"

#include <netdb.h>

#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace raft {
namespace {

// Of the process. Each peer dials again every few seconds, and a silent name server keeps each
// lookup for most of a minute: enough for some peers, and not so many that threads run out.
constexpr int lookups_max = 64;
std::atomic<int> lookups_running{0};

asio::error_code error_of(int status) {
  switch (status) {
    case 0: return {};
    case EAI_NONAME: return asio::error::host_not_found;
    case EAI_AGAIN: return asio::error::host_not_found_try_again;
    case EAI_MEMORY: return asio::error::no_memory;
    default: return asio::error::no_recovery;
  }
}

}  // namespace

// Of run() and its thread. The thread may use `executor` while `wanted`, under the mutex: whoever
// gives the lookup up does so before the executor's context ends.
struct NameLookup::Shared {
  std::mutex mutex;
  bool wanted = true;
  FoundEndpoints found;
  asio::any_io_executor executor;
  asio::steady_timer* waiting = nullptr;  // io thread only; null once it is given up
};

FoundEndpoints look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  FoundEndpoints found;
  found.error = error_of(
      ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list));
  if (found.error) return found;
  for (const addrinfo* item = list; item != nullptr; item = item->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (item->ai_addrlen > endpoint.capacity()) continue;
    endpoint.resize(item->ai_addrlen);
    std::memcpy(endpoint.data(), item->ai_addr, item->ai_addrlen);
    found.endpoints.push_back(endpoint);
  }
  ::freeaddrinfo(list);
  if (found.endpoints.empty()) found.error = asio::error::host_not_found;
  return found;
}

NameLookup::NameLookup(asio::any_io_executor executor, LookupFunction function)
    : waiting_(std::move(executor), asio::steady_timer::time_point::max()),
      function_(std::move(function)) {}

NameLookup::~NameLookup() { cancel(); }

void NameLookup::cancel() {
  if (!shared_) return;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->wanted = false;
  }
  shared_->waiting = nullptr;
  shared_.reset();
  waiting_.cancel();
}

asio::awaitable<FoundEndpoints> NameLookup::run(std::string host, std::uint16_t port) {
  const auto shared = std::make_shared<Shared>();
  shared->executor = waiting_.get_executor();
  shared->waiting = &waiting_;
  shared->found.error = asio::error::operation_aborted;
  if (lookups_running.fetch_add(1) >= lookups_max) {
    lookups_running.fetch_sub(1);
    co_return FoundEndpoints{asio::error::host_not_found_try_again, {}};
  }
  auto work = [shared, function = function_, host, port] {
    FoundEndpoints found = function(host, port);
    lookups_running.fetch_sub(1);
    const std::lock_guard lock(shared->mutex);
    if (!shared->wanted) return;
    shared->found = std::move(found);
    asio::post(shared->executor, [shared] {
      if (shared->waiting != nullptr) shared->waiting->cancel();
    });
  };
  try {
    std::thread(std::move(work)).detach();
  } catch (const std::system_error&) {  // no thread to be had
    lookups_running.fetch_sub(1);
    co_return FoundEndpoints{asio::error::host_not_found_try_again, {}};
  }
  shared_ = shared;
  asio::error_code ignored;  // it ends by cancel() alone
  co_await waiting_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  const std::lock_guard lock(shared->mutex);
  const bool given_up = !shared->wanted;
  if (!given_up) shared_.reset();
  co_return given_up ? FoundEndpoints{asio::error::operation_aborted, {}}
                     : std::move(shared->found);
}

}  // namespace raft
