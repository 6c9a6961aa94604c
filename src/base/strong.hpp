// Strong<Tag> is a 64-bit number that does not mix with other numbers: node ids, terms and log
// indexes cannot be passed for one another. 0 is "none" everywhere.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <ostream>

namespace base {

template <class Tag>
class Strong {
 public:
  constexpr Strong() = default;
  constexpr explicit Strong(std::uint64_t value) : value_(value) {}

  constexpr std::uint64_t value() const { return value_; }
  constexpr explicit operator bool() const { return value_ != 0; }

  friend constexpr auto operator<=>(Strong, Strong) = default;
  friend constexpr Strong operator+(Strong a, std::uint64_t n) { return Strong(a.value_ + n); }
  friend constexpr Strong operator-(Strong a, std::uint64_t n) { return Strong(a.value_ - n); }
  friend constexpr std::uint64_t operator-(Strong a, Strong b) { return a.value_ - b.value_; }
  constexpr Strong& operator++() {
    ++value_;
    return *this;
  }
  friend std::ostream& operator<<(std::ostream& out, Strong s) { return out << s.value_; }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace base

template <class Tag>
struct std::hash<base::Strong<Tag>> {
  std::size_t operator()(base::Strong<Tag> s) const noexcept {
    return std::hash<std::uint64_t>()(s.value());
  }
};
