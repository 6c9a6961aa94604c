// The words of one line of a scenario, read from left to right.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "raft/core/types.hpp"

namespace simulation {

// The line makes no sense; the text says what was expected.
struct WordsError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// "1->2", or "1<->2": in both directions.
struct Link {
  raft::NodeId from, to;
  bool both = false;

  bool holds(raft::NodeId a, raft::NodeId b) const {
    return (a == from && b == to) || (both && a == to && b == from);
  }
};

class Words {
 public:
  explicit Words(const std::vector<std::string>& words) : words_(words) {}

  bool done() const { return at_ == words_.size(); }
  // Takes the next word where it is this one.
  bool take(std::string_view word);
  // Of the next word: `what` is named where it is missing or is something else.
  std::string word(const char* what);
  std::uint64_t number(const char* what);
  raft::NodeId node();
  Link link();
  std::optional<raft::NodeId> try_node();
  std::optional<Link> try_link();
  raft::LogPosition position();  // "3/2": index 3, term 2
  // "x10"; 1 where it is not there.
  std::uint64_t times();
  // Whatever is left must be nothing.
  void end() const;
  [[noreturn]] void fail(const std::string& expected) const;

 private:
  std::vector<std::string> words_;
  std::size_t at_ = 0;
};

}  // namespace simulation
