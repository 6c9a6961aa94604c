// How many requests a client may send: a token bucket for each, that holds what a second gives, so
// that a client which was silent may send a second's worth at once. A client is a key of the
// caller's choice: a token, or an address where nobody needs one. Pure; bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace api {

// The clients that are told apart while they are not back at a full bucket, which takes a second at
// most. Those beyond share one bucket. More than there can be tokens (ipam::tokens_max).
inline constexpr std::size_t rate_clients_max = 8192;

class RequestRate {
 public:
  // 0: as many as they like.
  explicit RequestRate(std::uint32_t requests_per_second,
                       std::size_t clients_max = rate_clients_max)
      : per_second_(requests_per_second), clients_max_(clients_max) {}

  bool is_off() const { return per_second_ == 0; }
  // Counts a request of that client; false: it is one too many, the next may come within a second.
  // `now` is in milliseconds of a clock that never goes back.
  bool admit(const std::string& client, std::int64_t now);

  std::size_t clients() const { return buckets_.size(); }

 private:
  // In thousandths of a request, so that each millisecond gives a whole number.
  struct Bucket {
    std::uint64_t level = 0;
    std::int64_t filled_at = 0;
  };
  std::uint64_t capacity() const { return std::uint64_t{per_second_} * 1000; }
  void fill(Bucket& bucket, std::int64_t now) const;
  void forget_full(std::int64_t now);
  Bucket& bucket_of(const std::string& client, std::int64_t now);

  const std::uint32_t per_second_;
  const std::size_t clients_max_;
  std::unordered_map<std::string, Bucket> buckets_;
  Bucket others_;
  std::int64_t swept_at_ = 0;
};

}  // namespace api
