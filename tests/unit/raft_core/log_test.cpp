#include <doctest/doctest.h>

#include <vector>

#include "base/random.hpp"
#include "raft/core/log.hpp"

using raft::Entry;
using raft::EntryKind;
using raft::Index;
using raft::Log;
using raft::LogPosition;
using raft::Term;

namespace {

Entry entry(std::uint64_t index, std::uint64_t term, std::size_t bytes = 1) {
  return {Index(index), Term(term), EntryKind::command, base::share(base::Bytes(bytes, 'x'))};
}

Log log_of(std::initializer_list<std::uint64_t> terms) {
  Log log({}, {});
  for (const auto term : terms) log.append(entry(log.last_index().value() + 1, term));
  return log;
}

}  // namespace

TEST_CASE("an empty log ends at its compacted position") {
  const Log log({Index(7), Term(3)}, {});
  CHECK(log.last() == LogPosition{Index(7), Term(3)});
  CHECK(log.first_index() == Index(8));
  CHECK(log.term_at(Index(7)) == Term(3));
  CHECK_FALSE(log.term_at(Index(6)));
  CHECK_FALSE(log.term_at(Index(8)));
}

TEST_CASE("the log knows what its entries take in memory, whatever is cut from it") {
  base::Random random(7);
  Log log({}, {});
  const auto naive = [&log] {
    std::uint64_t bytes = 0;
    for (Index index = log.first_index(); index <= log.last_index(); index = index + 1) {
      Log alone({log.at(index).index - 1, Term()}, {log.at(index)});
      bytes += alone.bytes();
    }
    return bytes;
  };
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t last = log.last_index().value();
    const std::uint64_t first = log.first_index().value();
    if (random.chance(70))
      log.append(entry(last + 1, 1, random.below(1000)));
    else if (last >= first && random.chance(50))
      log.truncate_from(Index(last - random.below(last - first + 1)));
    else if (last >= first)
      log.compact(Index(first + random.below(last - first + 1)));
    REQUIRE(log.bytes() == naive());
  }
  log.append(entry(log.last_index().value() + 1, 1, 5000));
  CHECK(log.bytes() > 5000);
  log.reset({Index(1000), Term(2)});
  CHECK(log.bytes() == 0);
}

TEST_CASE("a later last term is more up to date than a longer log (Raft §5.4.1)") {
  const Log log = log_of({1, 1, 2});
  CHECK(up_to_date({Index(3), Term(2)}, log.last()));
  CHECK(up_to_date({Index(4), Term(2)}, log.last()));
  CHECK(up_to_date({Index(1), Term(3)}, log.last()));
  CHECK_FALSE(up_to_date({Index(2), Term(2)}, log.last()));
  CHECK_FALSE(up_to_date({Index(9), Term(1)}, log.last()));
}

TEST_CASE("a completion for entries that were overwritten meanwhile does not count") {
  Log log = log_of({1, 1, 1});
  CHECK(log.take_unwritten().size() == 3);
  const auto before = log.token();
  log.truncate_from(Index(2));
  log.append(entry(2, 2));
  log.append(entry(3, 2));
  CHECK_FALSE(log.on_persisted(before));
  CHECK(log.persisted() == Index(0));
  CHECK(log.take_unwritten().front().index == Index(2));
  CHECK(log.on_persisted(log.token()));
  CHECK(log.persisted() == Index(3));
}

TEST_CASE("completions count in any order and never go back") {
  Log log = log_of({1});
  log.take_unwritten();
  const auto first = log.token();
  log.append(entry(2, 1));
  log.take_unwritten();
  const auto second = log.token();
  CHECK(log.on_persisted(second));
  CHECK(log.on_persisted(first));
  CHECK(log.persisted() == Index(2));
}

TEST_CASE("a slice holds at most the bytes asked for but at least one entry") {
  Log log({}, {});
  for (std::uint64_t i = 1; i <= 5; ++i) log.append(entry(i, 1, 10));
  CHECK(log.slice(Index(1), Index(5), 25).size() == 2);
  CHECK(log.slice(Index(1), Index(5), 1).size() == 1);
  CHECK(log.slice(Index(4), Index(5), 100).size() == 2);
  CHECK(log.slice(Index(6), Index(5), 100).empty());
}

TEST_CASE("a hint names the last index whose term is not above the leader's (Raft §5.3)") {
  const Log log = log_of({1, 1, 4, 4, 5});
  CHECK(log.last_index_with_term_at_most(Term(4), Index(5)) == Index(4));
  CHECK(log.last_index_with_term_at_most(Term(3), Index(5)) == Index(2));
  CHECK(log.last_index_with_term_at_most(Term(9), Index(3)) == Index(3));
  CHECK(log.last_index_with_term_at_most(Term(0), Index(5)) == Index(0));
}

TEST_CASE("random appends, cuts and compactions equal a naive model") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    Log log({}, {});
    std::vector<std::uint64_t> terms;  // all since the beginning, compacted ones too
    std::uint64_t compacted = 0, term = 1, persisted = 0, handed_out = 0;
    for (int step = 0; step < 200; ++step) {
      switch (random.below(6)) {
        case 0:
        case 1:
          term += random.below(2);
          terms.push_back(term);
          log.append(entry(terms.size(), term));
          break;
        case 2:
          if (terms.size() > compacted) {
            const auto from = random.between(compacted + 1, terms.size());
            terms.resize(from - 1);
            log.truncate_from(Index(from));
            handed_out = std::min(handed_out, from - 1);
            persisted = std::min(persisted, from - 1);
          }
          break;
        case 3:
          if (persisted > compacted) {
            compacted = random.between(compacted, persisted);
            log.compact(Index(compacted));
          }
          break;
        case 4: {
          const auto unwritten = log.take_unwritten();
          CHECK(unwritten.size() == terms.size() - handed_out);
          handed_out = terms.size();
          break;
        }
        default:
          if (handed_out == terms.size() && log.on_persisted(log.token())) persisted = handed_out;
          break;
      }
      REQUIRE(log.last_index() == Index(terms.size()));
      REQUIRE(log.compacted().index == Index(compacted));
      REQUIRE(log.persisted() == Index(persisted));
      for (std::uint64_t i = std::max<std::uint64_t>(compacted, 1); i <= terms.size(); ++i)
        REQUIRE(log.term_at(Index(i)) == Term(terms[i - 1]));
    }
  }
}
