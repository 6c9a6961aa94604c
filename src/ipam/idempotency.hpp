// The outcomes that are kept under idempotency keys, and when they are forgotten: at its time, or
// earlier where there are more than idempotency_keys_max. Part of the replicated state. Pure.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ipam/change.hpp"
#include "ipam/command.hpp"

namespace ipam {

class IdempotencyKeys {
 public:
  const StoredOutcome* find(std::string_view key) const;  // nullptr: not known, or forgotten
  // Forgets keys whose time has come by `now`; a few at a time, so that no command waits for many.
  void forget(TimeMs now, std::vector<Change>& changes);
  // REQUIRES: the key is not known.
  void store(const IdempotencyKey& key, Revision revision, TimeMs now, const Outcome& outcome,
             std::vector<Change>& changes);
  void load(StoredOutcome stored);

  std::size_t size() const { return by_key_.size(); }
  void for_each(const std::function<void(const StoredOutcome&)>& visit) const;  // by key

 private:
  void forget_next(std::vector<Change>& changes);

  std::map<std::string, StoredOutcome, std::less<>> by_key_;
  std::set<std::pair<TimeMs, std::string_view>> by_time_;  // views of the keys in by_key_
};

// REQUIRES: decode_outcome() takes stored.outcome.
Outcome stored_outcome(const StoredOutcome& stored);
Error key_reused(const StoredOutcome& stored);

}  // namespace ipam
