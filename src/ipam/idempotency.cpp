#include "ipam/idempotency.hpp"

#include <fmt/format.h>

#include "base/assert.hpp"
#include "ipam/outcome_codec.hpp"

namespace ipam {

namespace {

constexpr int forgotten_per_command_max = 4;

}  // namespace

const StoredOutcome* IdempotencyKeys::find(std::string_view key) const {
  const auto it = by_key_.find(key);
  return it == by_key_.end() ? nullptr : &it->second;
}

void IdempotencyKeys::forget_next(std::vector<Change>& changes) {
  const auto next = by_time_.begin();
  const auto it = by_key_.find(next->second);
  ASSERT(it != by_key_.end());
  by_time_.erase(next);
  changes.push_back(OutcomeForgotten{it->first});
  by_key_.erase(it);
}

void IdempotencyKeys::forget(TimeMs now, std::vector<Change>& changes) {
  for (int i = 0; i < forgotten_per_command_max; ++i) {
    if (by_time_.empty() || by_time_.begin()->first > now) return;
    forget_next(changes);
  }
}

void IdempotencyKeys::store(const IdempotencyKey& key, Revision revision, TimeMs now,
                            const Outcome& outcome, std::vector<Change>& changes) {
  if (by_key_.size() >= idempotency_keys_max) forget_next(changes);
  StoredOutcome stored;
  stored.key = key.key;
  stored.request_hash = key.request_hash;
  stored.forgotten_at = now + TimeMs{key.retention_seconds} * 1000;
  stored.revision = revision;
  stored.outcome = encode_outcome(outcome);
  changes.push_back(OutcomeStored{stored});
  load(std::move(stored));
}

void IdempotencyKeys::load(StoredOutcome stored) {
  std::string key = stored.key;
  const auto [it, is_new] = by_key_.try_emplace(std::move(key), std::move(stored));
  ASSERT(is_new);
  by_time_.insert({it->second.forgotten_at, it->first});
}

void IdempotencyKeys::for_each(const std::function<void(const StoredOutcome&)>& visit) const {
  for (const auto& [key, stored] : by_key_) visit(stored);
}

Outcome stored_outcome(const StoredOutcome& stored) {
  auto outcome = decode_outcome(stored.outcome);
  ASSERT(outcome);
  return *std::move(outcome);
}

Error key_reused(const StoredOutcome& stored) {
  return {ErrorCode::idempotency_key_reused,
          fmt::format("the idempotency key {} came with another request before, at revision {}; "
                      "nothing was done: use a new key for a new request",
                      stored.key, stored.revision.value())};
}

}  // namespace ipam
