// What memory knows of addresses without history, against all that has ended.
#include "server/no_history.hpp"

#include <doctest/doctest.h>

#include <map>

#include "base/random.hpp"

namespace {

using ipam::Address;
using server::NoHistory;

Address address(std::string_view text) { return *ipam::parse_address(text); }

std::vector<ipam::Change> put(const Address& first, const Address& last,
                              ipam::AllocationStatus status) {
  ipam::AllocationPut change;
  change.allocation.first = first;
  change.allocation.last = last;
  change.allocation.status = status;
  return {change};
}
std::vector<ipam::Change> ended(const Address& first, const Address& last) {
  return put(first, last, ipam::AllocationStatus::released);
}

}  // namespace

TEST_CASE("an address is known once state.db knew of none that ended there") {
  NoHistory known;
  const Address ip = address("10.0.0.1");
  CHECK_FALSE(known.contains(ip));
  const auto ticket = known.ask(ip);
  CHECK_FALSE(known.contains(ip));
  known.learn(ip, ticket);
  CHECK(known.contains(ip));
  CHECK_FALSE(known.contains(address("10.0.0.2")));
  CHECK_FALSE(known.contains(address("::a00:1")));  // the same number of the other family
  known.apply(put(ip, ip, ipam::AllocationStatus::allocated));
  CHECK(known.contains(ip));  // who has it now is in memory
  known.apply(ended(ip, ip));
  CHECK_FALSE(known.contains(ip));
}

TEST_CASE("what ends while state.db is being asked is not overlooked") {
  NoHistory known;
  const Address ip = address("10.0.0.1");
  const auto ticket = known.ask(ip);
  known.apply(ended(ip, ip));
  known.learn(ip, ticket);  // the answer is of before
  CHECK_FALSE(known.contains(ip));
  const auto before = known.ask(ip);
  known.clear();
  known.learn(ip, before);
  CHECK_FALSE(known.contains(ip));
  known.ask(ip);
  known.learn(ip, before);
  CHECK_FALSE(known.contains(ip));
}

TEST_CASE("a block that ends takes all its addresses, however many they are") {
  NoHistory known;
  for (const char* text : {"10.0.0.255", "10.0.1.0", "10.0.7.7", "10.0.9.0", "10.0.9.1", "::1",
                           "2001:db8::1", "2001:db8:ffff::1"})
    known.learn(address(text), known.ask(address(text)));
  known.apply(ended(address("10.0.1.0"), address("10.0.9.0")));
  CHECK(known.contains(address("10.0.0.255")));
  CHECK_FALSE(known.contains(address("10.0.1.0")));
  CHECK_FALSE(known.contains(address("10.0.7.7")));
  CHECK_FALSE(known.contains(address("10.0.9.0")));
  CHECK(known.contains(address("10.0.9.1")));
  known.apply(ended(address("2001:db8::"), address("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")));
  CHECK(known.contains(address("::1")));
  CHECK_FALSE(known.contains(address("2001:db8::1")));
  CHECK_FALSE(known.contains(address("2001:db8:ffff::1")));
  known.apply(ended(address("::"), address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
  CHECK_FALSE(known.contains(address("::1")));
  CHECK(known.contains(address("10.0.0.255")));
}

TEST_CASE("it forgets everything rather than grow") {
  NoHistory known(4);
  const auto nth = [](std::uint64_t n) { return Address{ipam::Family::ipv4, n << 8}; };
  for (std::uint64_t n = 0; n < 4; ++n) known.learn(nth(n), known.ask(nth(n)));
  for (std::uint64_t n = 0; n < 4; ++n) CHECK(known.contains(nth(n)));
  known.learn(nth(4), known.ask(nth(4)));
  CHECK(known.contains(nth(4)));
  CHECK_FALSE(known.contains(nth(0)));
}

TEST_CASE("it never knows of no history where there is one, whatever ends while it asks") {
  std::size_t hits = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    NoHistory known(1 + random.below(8));
    std::map<Address, bool> has_history;
    struct Question {
      Address address;
      NoHistory::Ticket ticket;
      bool had_history;
    };
    std::vector<Question> open;
    const auto any = [&] { return Address{ipam::Family::ipv4, random.below(1024)}; };
    for (int step = 0; step < 1000; ++step) {
      const std::uint64_t choice = random.below(100);
      if (choice < 3) {
        const Address first = any();
        const bool is_large = choice == 0 && random.chance(20);
        const Address last{first.family, first.value + random.below(is_large ? 900 : 2)};
        known.apply(ended(first, last));
        for (Address at = first; at <= last; at.value += 1) has_history[at] = true;
      } else if (choice == 3 && random.chance(10)) {
        known.clear();
      } else if (choice < 50 || open.empty()) {
        const Address ip = any();
        open.push_back({ip, known.ask(ip), has_history[ip]});
      } else {
        const Question question = open[random.below(open.size())];
        std::erase_if(open, [&](const Question& q) { return q.ticket == question.ticket; });
        if (!question.had_history) known.learn(question.address, question.ticket);
      }
      const Address ip = any();
      if (!known.contains(ip)) continue;
      ++hits;
      CHECK_FALSE(has_history[ip]);
    }
  }
  CHECK(hits > 1000);  // of 200,000 questions
}
