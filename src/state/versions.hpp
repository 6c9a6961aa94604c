// What VRFs, networks and allocations were before they were changed or deleted: for each of these
// tables one more, old_NAME, whose rows are those of NAME as they were before the revision `until`.
// What was there at a revision is the row of NAME where that was made by then, otherwise the oldest
// row of old_NAME that ended after it, where that was made by then. Used by Database alone.
//
// A row that is new costs nothing here; one that is replaced is copied by SQLite. The index of the
// allocations of a network has those that are in it now; `moved_allocations` has those that were.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "ipam/history.hpp"
#include "sqlite/sqlite.hpp"
#include "state/rows.hpp"

namespace state {

// The table of a kind, and whether its rows stay for ever.
template <class Object>
struct Versioned;
template <>
struct Versioned<ipam::Vrf> {
  static constexpr std::string_view table = "vrfs";
  static constexpr bool is_never_deleted = false;
  static constexpr auto read = read_vrf;
};
template <>
struct Versioned<ipam::Network> {
  static constexpr std::string_view table = "networks";
  static constexpr bool is_never_deleted = false;
  static constexpr auto read = read_network;
};
template <>
struct Versioned<ipam::Allocation> {
  static constexpr std::string_view table = "allocations";
  static constexpr bool is_never_deleted = true;
  static constexpr auto read = read_allocation;
};

template <class Object>
class Versions {
 public:
  explicit Versions(sqlite::Connection& connection);  // which outlives this

  // Keeps the row as it is now, if there is one and it was not made by `until` itself. To be called
  // before it is replaced or deleted by that revision. Of an allocation: and is in `network` then.
  void supersede(std::uint64_t id, std::uint64_t until, ipam::NetworkId network);

  // Of a row of NAME that `until` both made and ended, which nothing supersedes: so that forget()
  // finds it as it finds all that ended. No question about a revision does.
  void note_brief(std::uint64_t id, std::uint64_t until);

  ipam::PieceAt<Object> at(const ipam::AtQuery<Object>& query);

  // What the object, which NAME has now, was then; nothing where it was not there.
  std::optional<Object> as_of(Object object, ipam::Revision at);

  // Deletes what ended by `oldest`, which nobody asks for any more, at most so many rows; and the
  // rows of NAME that stay when all else is over (of allocations that have ended). True: there may
  // be more.
  bool forget(std::uint64_t oldest, std::size_t rows_max);

  // Reads all of old_NAME, and of what has moved; says how many rows they have, or throws Damage.
  std::uint64_t check();

 private:
  using Query = ipam::AtQuery<Object>;
  using Piece = ipam::PieceAt<Object>;
  using Id = typename Query::Id;

  void keep_row(std::uint64_t id, std::uint64_t until);  // that select_head_ is at
  void add_rows(const Query& query, Piece& piece);
  void add_superseded(const Query& query, Piece& piece);
  void add_moved(const Query& query, Piece& piece);
  // Ends the piece before this id.
  static void cut(Piece& piece, Id next);
  void add_recent(const Query& query, Piece& piece);
  Object read(const Row& row) const;

  sqlite::Connection& connection_;
  sqlite::Statement select_head_, insert_, select_rows_, select_rows_of_network_, seek_,
      count_recent_, select_recent_, select_forgotten_, delete_version_, delete_ended_, put_moved_,
      select_moved_, delete_moved_;
};

}  // namespace state
