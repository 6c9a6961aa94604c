#include "raft/storage/log_rows.hpp"

#include "base/random.hpp"
#include "helpers.hpp"

using namespace raft_storage_test;

namespace {

base::Bytes encoded(const std::vector<Entry>& list) {
  base::Bytes bytes;
  for (const Entry& one : list) append_entry(bytes, one);
  return bytes;
}

LogRow row_of(const std::vector<Entry>& list, base::BytesView bytes) {
  return {list.front().index, list.back().index, Index(), bytes};
}

std::vector<Entry> random_entries(base::Random& random) {
  std::vector<Entry> list;
  const std::uint64_t first = random.between(1, 1'000'000), count = random.between(1, 20);
  std::uint64_t term = random.between(1, 300);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (random.chance(10)) term += random.below(1000);
    list.push_back(entry(first + i, term, std::string(random.below(300), 'x'),
                         static_cast<EntryKind>(random.below(3))));
  }
  return list;
}

}  // namespace

TEST_CASE("a row gives the entries that it was made of, and each beginning of them") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    const std::vector<Entry> list = random_entries(random);
    const base::Bytes bytes = encoded(list);
    const LogRow row = row_of(list, bytes);
    const auto whole = decode(row);
    REQUIRE(whole.has_value());
    CHECK(*whole == list);
    if (list.size() == 1) continue;
    const std::size_t kept = random.between(1, list.size() - 1);
    const std::vector<Entry> beginning(list.begin(),
                                       list.begin() + static_cast<std::ptrdiff_t>(kept));
    CHECK(bytes.substr(0, bytes_before(row, list[kept].index)) == encoded(beginning));
  }
}

TEST_CASE("bytes that are not those of as many entries give none") {
  const std::vector<Entry> list = entries(5, 9, 3);
  const base::Bytes bytes = encoded(list);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(decode(row_of(list, base::BytesView(bytes).substr(0, size))));
  CHECK_FALSE(decode(row_of(list, bytes + "x")));
  CHECK_FALSE(decode({Index(5), Index(10), Index(), bytes}));
  CHECK_FALSE(decode({Index(5), Index(8), Index(), bytes}));
  CHECK_FALSE(decode({Index(5), Index(4), Index(), bytes}));
  CHECK_FALSE(decode({Index(1), Index(~0ull), Index(), bytes}));
  base::Bytes unknown_kind = bytes;
  unknown_kind[1] = 3;
  CHECK_FALSE(decode(row_of(list, unknown_kind)));
}

TEST_CASE("the checksum of a row is over all that it says, and over the cluster") {
  const std::vector<Entry> list = entries(5, 9, 3);
  const base::Bytes bytes = encoded(list);
  const LogRow row = row_of(list, bytes);
  std::vector<std::uint32_t> sums = {row.crc(1), row.crc(2)};
  for (Index LogRow::*member : {&LogRow::first, &LogRow::last, &LogRow::commit}) {
    LogRow other = row;
    ++(other.*member);
    sums.push_back(other.crc(1));
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    base::Bytes changed = bytes;
    changed[at] ^= 1;
    sums.push_back(row_of(list, changed).crc(1));
  }
  std::sort(sums.begin(), sums.end());
  CHECK(std::adjacent_find(sums.begin(), sums.end()) == sums.end());
}
