#include "scenario_words.hpp"

#include <charconv>

#include <fmt/format.h>

namespace simulation {

using raft::NodeId;

namespace {

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Link> to_link(std::string_view text) {
  const std::size_t arrow = text.find("->");
  if (arrow == std::string_view::npos || arrow == 0) return std::nullopt;
  const bool both = text[arrow - 1] == '<';
  const auto from = to_number(text.substr(0, both ? arrow - 1 : arrow));
  const auto to = to_number(text.substr(arrow + 2));
  if (!from || !to) return std::nullopt;
  return Link{NodeId(*from), NodeId(*to), both};
}

}  // namespace

bool Words::take(std::string_view word) {
  if (done() || words_[at_] != word) return false;
  ++at_;
  return true;
}

std::string Words::word(const char* what) {
  if (done()) fail(what);
  return words_[at_++];
}

std::uint64_t Words::number(const char* what) {
  const auto value = done() ? std::nullopt : to_number(words_[at_]);
  if (!value) fail(what);
  ++at_;
  return *value;
}

std::optional<NodeId> Words::try_node() {
  const auto value = done() ? std::nullopt : to_number(words_[at_]);
  if (!value) return std::nullopt;
  ++at_;
  return NodeId(*value);
}

NodeId Words::node() {
  const auto id = try_node();
  if (!id) fail("a node");
  return *id;
}

std::optional<Link> Words::try_link() {
  const auto found = done() ? std::nullopt : to_link(words_[at_]);
  if (found) ++at_;
  return found;
}

Link Words::link() {
  const auto found = try_link();
  if (!found) fail("a link such as 1->2");
  return *found;
}

raft::LogPosition Words::position() {
  const std::string text = done() ? std::string() : words_[at_];
  const std::size_t slash = std::min(text.find('/'), text.size());
  const auto index = to_number(std::string_view(text).substr(0, slash));
  const auto term = slash == text.size() ? std::nullopt
                                         : to_number(std::string_view(text).substr(slash + 1));
  if (!index || !term) fail("index/term");
  ++at_;
  return {raft::Index(*index), raft::Term(*term)};
}

std::uint64_t Words::times() {
  if (done() || !words_[at_].starts_with('x')) return 1;
  const auto count = to_number(std::string_view(words_[at_]).substr(1));
  if (!count) return 1;
  ++at_;
  return *count;
}

void Words::end() const {
  if (!done()) fail("the end of the line");
}

void Words::fail(const std::string& expected) const {
  throw WordsError(fmt::format("expected {}, found {}", expected,
                               done() ? std::string("the end of the line") : words_[at_]));
}

}  // namespace simulation
