#include "api/request_rate.hpp"

#include <algorithm>

namespace api {
namespace {

constexpr std::uint64_t request_cost = 1000;
constexpr std::int64_t full_after_ms = 1000;  // whatever the rate

}  // namespace

bool RequestRate::admit(const std::string& client, std::int64_t now) {
  if (is_off()) return true;
  forget_full(now);
  Bucket& bucket = bucket_of(client, now);
  fill(bucket, now);
  if (bucket.level < request_cost) return false;
  bucket.level -= request_cost;
  return true;
}

void RequestRate::fill(Bucket& bucket, std::int64_t now) const {
  // An hour is as good as a second, and cannot overflow.
  const std::int64_t passed = std::clamp<std::int64_t>(now - bucket.filled_at, 0, full_after_ms);
  bucket.level = std::min(capacity(),
                          bucket.level + static_cast<std::uint64_t>(passed) * per_second_);
  bucket.filled_at = std::max(bucket.filled_at, now);
}

// Who has not asked for a second has a full bucket, as who never did. Once a second, so that a
// request costs one look-up.
void RequestRate::forget_full(std::int64_t now) {
  if (now - swept_at_ < full_after_ms) return;
  swept_at_ = now;
  std::erase_if(buckets_, [now](const auto& entry) {
    return now - entry.second.filled_at >= full_after_ms;
  });
}

RequestRate::Bucket& RequestRate::bucket_of(const std::string& client, std::int64_t now) {
  const auto it = buckets_.find(client);
  if (it != buckets_.end()) return it->second;
  if (buckets_.size() >= clients_max_) return others_;
  return buckets_.emplace(client, Bucket{capacity(), now}).first->second;
}

}  // namespace api
