// The outcomes that are kept under idempotency keys, and when they are forgotten: at its time, or
// earlier where there are more than idempotency_keys_max or idempotency_bytes_max. Part of the
// replicated state. Pure.
#pragma once

#include <functional>
#include <set>
#include <string_view>
#include <vector>

#include "ipam/change.hpp"
#include "ipam/command.hpp"

namespace ipam {

class IdempotencyKeys {
 public:
  const StoredOutcome* find(std::string_view key) const;  // nullptr: not known, or forgotten
  // Forgets keys whose time has come by `now`; a few at a time, so that no command waits for many.
  void forget(TimeMs now, std::vector<Change>& changes);
  // This one alone, whose time has come. REQUIRES: it is one of find().
  void forget(const StoredOutcome& stored, std::vector<Change>& changes);
  // REQUIRES: the key is not known.
  void store(const IdempotencyKey& key, Revision revision, TimeMs now, const Outcome& outcome,
             std::vector<Change>& changes);
  void load(StoredOutcome stored);

  std::size_t size() const { return by_key_.size(); }
  std::size_t bytes() const { return bytes_; }  // of keys and outcomes
  void for_each(const std::function<void(const StoredOutcome&)>& visit) const;  // by key

 private:
  struct ByKey {
    using is_transparent = void;
    bool operator()(const StoredOutcome& a, const StoredOutcome& b) const { return a.key < b.key; }
    bool operator()(const StoredOutcome& a, std::string_view b) const { return a.key < b; }
    bool operator()(std::string_view a, const StoredOutcome& b) const { return a < b.key; }
  };
  struct ByTime {
    bool operator()(const StoredOutcome* a, const StoredOutcome* b) const {
      return a->forgotten_at != b->forgotten_at ? a->forgotten_at < b->forgotten_at
                                                : a->key < b->key;
    }
  };

  void forget_next(std::vector<Change>& changes);

  std::set<StoredOutcome, ByKey> by_key_;
  std::set<const StoredOutcome*, ByTime> by_time_;  // of those in by_key_
  std::size_t bytes_ = 0;
};

// REQUIRES: decode_outcome() takes stored.outcome.
Outcome stored_outcome(const StoredOutcome& stored);
Error key_reused(const StoredOutcome& stored);

}  // namespace ipam
