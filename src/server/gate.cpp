#include "server/gate.hpp"

#include <chrono>
#include <utility>

namespace server {
namespace {

// Whoever has the secret of the data directory.
constexpr const char* local_actor = "cli";

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

void Gate::perform(const http::Request& request, Executor::Done done) {
  if (!options_.is_required) {
    if (auto refused = api::refuse_foreign_page(request))
      return executor_.perform({0, api::Answer{*std::move(refused)}}, std::move(done));
    return perform_as(request, api::Caller(), std::move(done));
  }
  if (api::is_open(request))
    return perform_as(request, api::Denial::no_token, std::move(done));
  const auto hash = api::presented_hash(request);
  if (!hash) {
    ++counts_.without_token;
    return perform_as(request, api::Denial::no_token, std::move(done));
  }
  if (options_.local_hash && base::equal_in_constant_time(*options_.local_hash, *hash))
    return perform_as(request, api::Caller{.actor = local_actor}, std::move(done));
  const api::Identity identity = identify(*hash);
  if (identity != api::Identity(api::Denial::unknown_token)) {
    if (std::holds_alternative<api::Denial>(identity)) ++counts_.expired_token;
    return perform_as(request, identity, std::move(done));
  }
  if (attempts_.are_too_many(request.client_address, steady_ms())) {
    ++counts_.too_many_attempts;
    return perform_as(request, api::Denial::too_many_attempts, std::move(done));
  }
  perform_behind_barrier(request, *hash, std::move(done));
}

// Only a secret that turns out to be nobody's counts: many requests with a new token may be on
// their way to a node that does not know it yet. Trying many at once gains nothing against 256
// bits, and they share the barrier.
void Gate::perform_behind_barrier(const http::Request& request, const base::Sha256& hash,
                                  Executor::Done done) {
  auto looked_up = [this, &request, hash, done = std::move(done)](bool is_up_to_date) mutable {
    if (!is_up_to_date) {
      auto response = node_.stopping() ? api::problem_shutting_down() : api::problem_read_timeout();
      return executor_.perform({0, api::Answer{std::move(response)}}, std::move(done));
    }
    const api::Identity identity = identify(hash);
    if (identity == api::Identity(api::Denial::unknown_token)) {
      ++counts_.unknown_token;
      attempts_.note(request.client_address, steady_ms());
    }
    perform_as(request, identity, std::move(done));
  };
  node_.read(std::move(looked_up));
}

void Gate::perform_as(const http::Request& request, const api::Identity& identity,
                      Executor::Done done) {
  if (is_too_fast(request, identity)) {
    ++counts_.too_many_requests;
    return executor_.perform(api::route(request, api::Denial::too_many_requests), std::move(done));
  }
  if (const auto* caller = std::get_if<api::Caller>(&identity)) note_use(*caller);
  executor_.perform(api::route(request, identity), std::move(done));
}

// Where the rate is off this costs a comparison.
bool Gate::is_too_fast(const http::Request& request, const api::Identity& identity) {
  if (rate_.is_off() || api::is_open(request)) return false;
  const auto* caller = std::get_if<api::Caller>(&identity);
  if (caller == nullptr || (options_.is_required && !caller->token)) return false;
  const std::string client = caller->token ? ipam::to_string(caller->token)
                                           : api::source_of(request.client_address);
  return !rate_.admit(client, steady_ms());
}

api::Identity Gate::identify(const base::Sha256& hash) const {
  return api::identify(replica_.state_machine(), hash, node_.time_ms());
}

void Gate::note_use(const api::Caller& caller) {
  const ipam::Token* const token =
      caller.token ? replica_.state_machine().token(caller.token) : nullptr;
  if (token == nullptr) return;
  const bool is_noted = token->last_used_at && node_.time_ms() - *token->last_used_at <
                                                   ipam::token_use_interval_ms;
  if (!is_noted) used_.insert(token->id);
}

void Gate::note_uses() {
  if (used_.empty() || noting_ || node_.stopping()) return;
  ipam::TouchTokens touch;
  for (const ipam::TokenId id : std::exchange(used_, {}))
    if (replica_.state_machine().token(id) != nullptr) touch.tokens.push_back(id);
  noting_ = true;
  // Where it fails the next use is noted: a time to the minute needs no retry.
  replica_.write({"system", std::move(touch)}, [this](WriteResult) { noting_ = false; });
}

}  // namespace server
