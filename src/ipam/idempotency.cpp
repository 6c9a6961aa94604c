#include "ipam/idempotency.hpp"

#include <fmt/format.h>

#include "base/assert.hpp"
#include "ipam/outcome_codec.hpp"

namespace ipam {

namespace {

constexpr int forgotten_per_command_max = 4;

std::size_t bytes_of(const StoredOutcome& stored) {
  return stored.key.size() + stored.outcome.size();
}

}  // namespace

const StoredOutcome* IdempotencyKeys::find(std::string_view key) const {
  const auto it = by_key_.find(key);
  return it == by_key_.end() ? nullptr : &*it;
}

void IdempotencyKeys::forget(const StoredOutcome& stored, std::vector<Change>& changes) {
  const auto it = by_key_.find(stored);
  ASSERT(it != by_key_.end());
  by_time_.erase(&*it);
  bytes_ -= bytes_of(*it);
  changes.push_back(OutcomeForgotten{it->key});
  by_key_.erase(it);
}

void IdempotencyKeys::forget_next(std::vector<Change>& changes) {
  forget(**by_time_.begin(), changes);
}

void IdempotencyKeys::forget(TimeMs now, std::vector<Change>& changes) {
  for (int i = 0; i < forgotten_per_command_max; ++i) {
    if (by_time_.empty() || (*by_time_.begin())->forgotten_at > now) return;
    forget_next(changes);
  }
}

void IdempotencyKeys::store(const IdempotencyKey& key, Revision revision, TimeMs now,
                            const Outcome& outcome, std::vector<Change>& changes) {
  StoredOutcome stored;
  stored.key = key.key;
  stored.request_hash = key.request_hash;
  stored.forgotten_at = now + TimeMs{key.retention_seconds} * 1000;
  stored.revision = revision;
  stored.outcome = encode_outcome(outcome);
  while (!by_key_.empty() && (by_key_.size() >= idempotency_keys_max ||
                              bytes_ + bytes_of(stored) > idempotency_bytes_max))
    forget_next(changes);
  changes.push_back(OutcomeStored{stored});
  load(std::move(stored));
}

void IdempotencyKeys::load(StoredOutcome stored) {
  bytes_ += bytes_of(stored);
  const auto [it, is_new] = by_key_.insert(std::move(stored));
  ASSERT(is_new);
  by_time_.insert(&*it);
}

void IdempotencyKeys::for_each(const std::function<void(const StoredOutcome&)>& visit) const {
  for (const StoredOutcome& stored : by_key_) visit(stored);
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
