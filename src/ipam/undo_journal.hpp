// The inverses of the changes to a T since a mark, so that some of them can be taken back together:
// what failed halfway, or what was only tried. Rejected: a copy of the state, which costs its size.
// Pure; owned by the T whose changes it notes.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "base/assert.hpp"

namespace ipam {

template <class T>
class UndoJournal {
 public:
  using Inverse = std::function<void(T&)>;
  using Mark = std::size_t;

  // False: nothing is kept, and nobody needs to copy what an inverse would hold.
  bool is_open() const { return open_count_ != 0 && !is_undoing_; }

  // From here on changes can be taken back. They nest: each is ended, the last one first, by either
  // commit or rollback with its mark.
  Mark begin() {
    ++open_count_;
    return inverses_.size();
  }

  // The changes since the mark stay, unless one that was begun before takes them back.
  void commit(Mark mark) {
    end(mark);
    if (open_count_ == 0) inverses_.clear();
  }

  // Takes back the changes since the mark, the last one first.
  void rollback(Mark mark, T& target) {
    is_undoing_ = true;
    while (inverses_.size() > mark) {
      const Inverse inverse = std::move(inverses_.back());
      inverses_.pop_back();
      inverse(target);
    }
    is_undoing_ = false;
    end(mark);
  }

  // After a change: what takes it back. Its captures are by value; the objects may be gone by then.
  template <class Undo>
  void note(Undo&& inverse) {
    if (is_open()) inverses_.emplace_back(std::forward<Undo>(inverse));
  }

 private:
  void end(Mark mark) {
    ASSERT(open_count_ > 0 && mark <= inverses_.size());
    --open_count_;
  }

  std::vector<Inverse> inverses_;
  std::size_t open_count_ = 0;
  bool is_undoing_ = false;
};

}  // namespace ipam
