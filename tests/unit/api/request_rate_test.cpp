#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>

#include "api/request_rate.hpp"
#include "base/random.hpp"

using api::RequestRate;

namespace {

// Millisecond by millisecond, of each client since the beginning.
class NaiveRate {
 public:
  explicit NaiveRate(std::uint32_t per_second) : per_second_(per_second) {}
  bool admit(const std::string& client, std::int64_t now) {
    auto [it, is_new] = clients_.try_emplace(client, per_second_ * 1000ull, now);
    auto& [level, filled_at] = it->second;
    for (; filled_at < now; ++filled_at)
      level = std::min<std::uint64_t>(level + per_second_, per_second_ * 1000ull);
    if (level < 1000) return false;
    level -= 1000;
    return true;
  }

 private:
  const std::uint32_t per_second_;
  std::map<std::string, std::pair<std::uint64_t, std::int64_t>> clients_;
};

}  // namespace

TEST_CASE("who is held up is who a count of each millisecond would hold up") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    const auto per_second = static_cast<std::uint32_t>(1 + random.below(seed % 2 ? 5 : 3000));
    RequestRate rate(per_second);
    NaiveRate naive(per_second);
    std::int64_t now = 600'000;
    for (int step = 0; step < 3000; ++step) {
      now += static_cast<std::int64_t>(random.below(10) ? random.below(3) : random.below(2500));
      const std::string client = fmt::format("token-{}", random.below(4));
      REQUIRE(rate.admit(client, now) == naive.admit(client, now));
      REQUIRE(rate.clients() <= 4);
    }
  }
}

TEST_CASE("a client that was silent may send a second's worth at once, then at the rate") {
  RequestRate rate(10);
  std::int64_t now = 600'000;
  for (int i = 0; i < 10; ++i) CHECK(rate.admit("a", now));
  CHECK_FALSE(rate.admit("a", now));
  CHECK(rate.admit("b", now));  // others have their own
  CHECK_FALSE(rate.admit("a", now + 99));
  CHECK(rate.admit("a", now + 100));
  CHECK_FALSE(rate.admit("a", now + 100));
  RequestRate slowest(1);
  CHECK(slowest.admit("a", now));
  CHECK_FALSE(slowest.admit("a", now + 999));
  CHECK(slowest.admit("a", now + 1000));
}

TEST_CASE("clients beyond the bound share one bucket, until others are back at a full one") {
  RequestRate rate(5, 3);
  std::int64_t now = 600'000;
  for (const char* known : {"a", "b", "c"}) CHECK(rate.admit(known, now));
  for (int i = 0; i < 5; ++i) CHECK(rate.admit(fmt::format("other-{}", i), now));
  CHECK_FALSE(rate.admit("another", now));
  CHECK(rate.admit("a", now));
  CHECK(rate.clients() == 3);
  now += 1000;
  CHECK(rate.admit("another", now));
  CHECK(rate.clients() == 1);
}

TEST_CASE("a rate of 0 holds nobody up and keeps nothing") {
  RequestRate off(0);
  for (int i = 0; i < 1000; ++i) CHECK(off.admit("a", 600'000));
  CHECK(off.clients() == 0);
}
