// How many wrong tokens came from where: beyond a few a minute they are refused without being
// looked up on other nodes. A secret has 256 bits, so nobody guesses one: this bounds what trying
// costs. Who comes with one that the node knows is never held up. Pure; bounded.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "ipam/model.hpp"

namespace api {

inline constexpr int attempts_window_seconds = 60;
inline constexpr std::uint64_t attempts_max = 10;  // in a window, from one address
// The addresses that are told apart in a window; those beyond share one count.
inline constexpr std::size_t attempt_addresses_max = 4096;

// What counts as one client: an IPv4 address, or the /64 that an IPv6 one is in, as whoever has one
// of its addresses has them all.
std::string source_of(const std::string& client_address);

class FailedAttempts {
 public:
  // Times are milliseconds of a clock that never goes back.
  bool are_too_many(const std::string& client_address, std::int64_t now);
  void note(const std::string& client_address, std::int64_t now);

 private:
  void forget(std::int64_t now);
  std::uint64_t& count_of(const std::string& client_address);

  std::int64_t window_ = 0;  // which one is being counted
  std::map<std::string, std::uint64_t> counts_;
  std::uint64_t of_others_ = 0;
};

}  // namespace api
