#include "raft/core/log.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "raft/core/mutant.hpp"

namespace raft {
namespace {

std::uint64_t bytes_of(const Entry& entry) {
  constexpr std::uint64_t shared_buffer_bytes = 48;  // beside its content
  return sizeof(Entry) + shared_buffer_bytes + entry.data->size();
}

}  // namespace

Log::Log(LogPosition compacted, std::vector<Entry> entries)
    : compacted_(compacted),
      entries_(std::make_move_iterator(entries.begin()), std::make_move_iterator(entries.end())) {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    ASSERT(entries_[i].index == compacted_.index + 1 + i);
    bytes_ += bytes_of(entries_[i]);
  }
  handed_out_ = persisted_ = last_index();
}

LogPosition Log::last() const {
  return entries_.empty() ? compacted_ : LogPosition{entries_.back().index, entries_.back().term};
}

std::optional<Term> Log::term_at(Index index) const {
  if (index == compacted_.index) return compacted_.term;
  if (index < compacted_.index || index > last_index()) return std::nullopt;
  return entries_[index - compacted_.index - 1].term;
}

const Entry& Log::at(Index index) const {
  ASSERT(index >= first_index() && index <= last_index());
  return entries_[index - compacted_.index - 1];
}

Index Log::last_index_with_term_at_most(Term term, Index limit) const {
  Index index = std::min(limit, last_index());
  while (index > compacted_.index && *term_at(index) > term) index = index - 1;
  return index;
}

std::vector<Entry> Log::slice(Index from, Index last, std::size_t bytes_max) const {
  ASSERT(from >= first_index());
  std::vector<Entry> out;
  std::size_t bytes = 0;
  for (Index index = from; index <= std::min(last, last_index()); ++index) {
    const Entry& entry = at(index);
    bytes += entry.data->size();
    if (!out.empty() && bytes > bytes_max) {
      if (!MUTANT(oversized_append_skips)) break;
      bytes -= entry.data->size();
      continue;
    }
    out.push_back(entry);
    if (MUTANT(oversized_append_skips)) out.back().index = from + (out.size() - 1);
  }
  return out;
}

void Log::append(Entry entry) {
  ASSERT(entry.index == last_index() + 1);
  ASSERT(entry.term >= last().term);
  bytes_ += bytes_of(entry);
  entries_.push_back(std::move(entry));
}

void Log::truncate_from(Index index) {
  ASSERT(index > compacted_.index);
  if (index > last_index()) return;
  while (last_index() >= index) {
    bytes_ -= bytes_of(entries_.back());
    entries_.pop_back();
  }
  if (!MUTANT(overwritten_is_not_rewritten)) handed_out_ = std::min(handed_out_, index - 1);
  persisted_ = std::min(persisted_, index - 1);
  ++truncations_;
}

void Log::compact(Index index) {
  ASSERT(index >= compacted_.index && index <= last_index());
  const Term term = *term_at(index);
  while (compacted_.index < index) {
    bytes_ -= bytes_of(entries_.front());
    entries_.pop_front();
    compacted_.index = compacted_.index + 1;
  }
  compacted_.term = term;
}

void Log::reset(const LogPosition& position) {
  entries_.clear();
  bytes_ = 0;
  compacted_ = position;
  handed_out_ = persisted_ = position.index;
  ++truncations_;
}

std::vector<Entry> Log::take_unwritten() {
  std::vector<Entry> out;
  if (has_unwritten()) out.reserve(last_index() - handed_out_);
  for (Index index = handed_out_ + 1; index <= last_index(); ++index) out.push_back(at(index));
  handed_out_ = last_index();
  return out;
}

bool Log::on_persisted(const PersistToken& token) {
  if (MUTANT(overwritten_write_counts)) {
    persisted_ = std::max(persisted_, std::min(token.last.index, last_index()));
    return true;
  }
  if (token.truncations != truncations_) return false;
  ASSERT(token.last.index <= last_index());
  persisted_ = std::max(persisted_, token.last.index);
  return true;
}

}  // namespace raft
