#include "state/versions.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace state {
namespace {

// Where no more rows than these ended after a revision they are all looked at; otherwise the ids
// that are asked for are walked.
constexpr std::uint64_t recent_rows_max = 1000;

std::uint64_t version_checksum(std::string_view table, std::uint64_t id, std::uint64_t until,
                               std::uint64_t row_checksum) {
  RowChecksum checksum(table);
  checksum.add(id);
  checksum.add(until);
  checksum.add(row_checksum);
  return checksum.value();
}

constexpr std::string_view moved_table = "moved_allocations";

template <class Object>
bool is_wanted(const ipam::AtQuery<Object>& query, const Object& object) {
  if constexpr (requires { object.network_id; })
    return !query.network_id || object.network_id == *query.network_id;
  return true;
}

}  // namespace

template <class Object>
Versions<Object>::Versions(sqlite::Connection& connection) : connection_(connection) {
  const auto prepare = [&](std::string_view sql) {
    return connection.prepare(fmt::format(fmt::runtime(sql), Versioned<Object>::table));
  };
  select_head_ = prepare(Versioned<Object>::is_never_deleted
                             ? "SELECT revision, crc, network_id FROM {0} WHERE id=?"
                             : "SELECT revision, crc FROM {0} WHERE id=?");
  insert_ = prepare("INSERT INTO old_{0} SELECT *, ?, ? FROM {0} WHERE id=?");
  select_rows_ = prepare("SELECT * FROM {0} WHERE id>=? AND id<? ORDER BY id LIMIT ?");
  if constexpr (Versioned<Object>::is_never_deleted)
    select_rows_of_network_ =
        prepare("SELECT * FROM {0} INDEXED BY {0}_by_network "
                "WHERE id>=? AND id<? AND network_id=? ORDER BY id LIMIT ?");
  seek_ = prepare("SELECT * FROM old_{0} WHERE (id, until) > (?, ?) ORDER BY id, until LIMIT 1");
  select_forgotten_ = prepare(
      "SELECT id, until FROM old_{0} INDEXED BY old_{0}_by_until WHERE until <= ? LIMIT ?");
  delete_version_ = prepare("DELETE FROM old_{0} WHERE id=? AND until=?");
  if constexpr (Versioned<Object>::is_never_deleted) {
    put_moved_ = prepare("INSERT OR IGNORE INTO moved_{0} VALUES(?,?,?,?)");
    select_moved_ = prepare(
        "SELECT DISTINCT id FROM moved_{0} INDEXED BY moved_{0}_by_network "
        "WHERE network_id=? AND id>=? AND id<? ORDER BY id LIMIT ?");
    delete_moved_ = prepare("DELETE FROM moved_{0} WHERE id=? AND until=?");
    delete_ended_ = prepare("DELETE FROM {0} WHERE id=? AND status<>1 AND revision<=?");
  }
  count_recent_ = prepare("SELECT count(*) FROM (SELECT 1 FROM old_{0} WHERE until > ? LIMIT ?)");
  select_recent_ = prepare("SELECT * FROM old_{0} INDEXED BY old_{0}_by_until WHERE until > ?");
}

template <class Object>
void Versions<Object>::supersede(std::uint64_t id, std::uint64_t until, ipam::NetworkId network) {
  select_head_.start(id);
  if (select_head_.step()) {
    if (select_head_.number(0) < until) keep_row(id, until);
    // Where one revision moves it twice, the first one says where it was.
    if constexpr (Versioned<Object>::is_never_deleted)
      if (select_head_.number(2) != network.value())
        put_row(put_moved_, moved_table, id, until, select_head_.number(2));
  }
  select_head_.reset();
}

template <class Object>
void Versions<Object>::note_brief(std::uint64_t id, std::uint64_t until) {
  select_head_.start(id);
  if (select_head_.step()) keep_row(id, until);
  select_head_.reset();
}

template <class Object>
void Versions<Object>::keep_row(std::uint64_t id, std::uint64_t until) {
  const std::uint64_t checksum =
      version_checksum(Versioned<Object>::table, id, until, select_head_.number(1));
  insert_.run(until, checksum, id);
}

// A row of old_NAME: that of NAME with its checksum, then `until` and the checksum over both.
template <class Object>
Object Versions<Object>::read(const Row& row) const {
  const int until = row.columns() - 2;
  if (row.number(until + 1) != version_checksum(Versioned<Object>::table, row.number(0),
                                                row.number(until), row.number(until - 1)))
    throw Damage(fmt::format("row {} of table old_{}: its checksum is wrong", row.number(0),
                             Versioned<Object>::table));
  return Versioned<Object>::read(row);
}

template <class Object>
bool Versions<Object>::forget(std::uint64_t oldest, std::size_t rows_max) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> rows;  // id, until
  select_forgotten_.start(oldest, std::uint64_t{rows_max});
  while (select_forgotten_.step())
    rows.emplace_back(select_forgotten_.number(0), select_forgotten_.number(1));
  select_forgotten_.reset();
  for (const auto& [id, until] : rows) {
    delete_version_.run(id, until);
    if (!Versioned<Object>::is_never_deleted) continue;
    delete_moved_.run(id, until);
    delete_ended_.run(id, oldest);
  }
  return rows.size() == rows_max;
}

template <class Object>
std::uint64_t Versions<Object>::check() {
  std::uint64_t count = 0;
  sqlite::Statement rows =
      connection_.prepare(fmt::format("SELECT * FROM old_{}", Versioned<Object>::table));
  for (; rows.step(); ++count) (void)read(rows);
  if (!Versioned<Object>::is_never_deleted) return count;
  sqlite::Statement moved = connection_.prepare(fmt::format("SELECT * FROM {}", moved_table));
  for (; moved.step(); ++count) check_row(moved_table, moved, 3);
  return count;
}

template <class Object>
ipam::PieceAt<Object> Versions<Object>::at(const Query& query) {
  Piece piece{{}, query.to};
  count_recent_.start(query.at.value(), recent_rows_max + 1);
  const bool few = count_recent_.step() && count_recent_.number(0) <= recent_rows_max;
  count_recent_.reset();
  const bool by_rows = !query.only_superseded || (query.network_id && !few);
  if (by_rows) add_rows(query, piece);
  if (!by_rows || !Versioned<Object>::is_never_deleted) {
    if (few) add_recent(query, piece);
    else add_superseded(query, piece);
  } else if (query.network_id) {
    add_moved(query, piece);
  }
  const auto by_id = [](const Object& a, const Object& b) { return a.id < b.id; };
  std::sort(piece.objects.begin(), piece.objects.end(), by_id);
  return piece;
}

// What NAME has: as it was, or to be looked up.
template <class Object>
void Versions<Object>::add_rows(const Query& query, Piece& piece) {
  sqlite::Statement& rows = query.network_id ? select_rows_of_network_ : select_rows_;
  if (query.network_id)
    rows.start(query.from.value(), query.to.value(), query.network_id->value(),
               std::uint64_t{query.visits_max});
  else
    rows.start(query.from.value(), query.to.value(), std::uint64_t{query.visits_max});
  std::size_t visits = 0;
  for (; rows.step(); ++visits) {
    Object object = Versioned<Object>::read(rows);
    piece.next = object.id + 1;
    const bool is_superseded = object.revision > query.at;
    // Where rows are deleted, the callers look at all that is superseded.
    if (is_superseded && !Versioned<Object>::is_never_deleted) continue;
    if (!is_superseded && query.only_superseded) continue;
    auto then = as_of(std::move(object), query.at);
    if (then && is_wanted(query, *then)) piece.objects.push_back(*std::move(then));
  }
  rows.reset();
  if (visits < query.visits_max) piece.next = query.to;
}

template <class Object>
std::optional<Object> Versions<Object>::as_of(Object object, ipam::Revision at) {
  if (object.revision <= at) return object;
  std::optional<Object> then;
  seek_.start(object.id.value(), at.value());
  if (seek_.step() && seek_.number(0) == object.id.value()) {
    Object old = read(seek_);
    if (old.revision <= at) then = std::move(old);
  }
  seek_.reset();
  return then;
}

template <class Object>
void Versions<Object>::add_recent(const Query& query, Piece& piece) {
  select_recent_.start(query.at.value());
  while (select_recent_.step()) {
    const Id id(select_recent_.number(0));
    if (id < query.from || !(id < piece.next)) continue;
    Object object = read(select_recent_);
    if (object.revision > query.at) continue;
    if (is_wanted(query, object)) piece.objects.push_back(std::move(object));
  }
  select_recent_.reset();
}

// What was in the network and is in another now: as it was then. What has changed since and was
// in it then has a version that says so.
template <class Object>
void Versions<Object>::add_moved(const Query& query, Piece& piece) {
  select_moved_.start(query.network_id->value(), query.from.value(), piece.next.value(),
                      std::uint64_t{query.visits_max});
  std::vector<std::uint64_t> ids;
  while (select_moved_.step()) ids.push_back(select_moved_.number(0));
  select_moved_.reset();
  if (ids.size() == query.visits_max) cut(piece, Id(ids.back() + 1));
  for (const std::uint64_t id : ids) {
    select_head_.start(id);
    const bool is_back =
        select_head_.step() && select_head_.number(2) == query.network_id->value();
    select_head_.reset();
    if (is_back) continue;  // add_rows() has seen it
    seek_.start(id, query.at.value());
    if (seek_.step() && seek_.number(0) == id) {
      Object object = read(seek_);
      if (object.revision <= query.at && is_wanted(query, object))
        piece.objects.push_back(std::move(object));
    }
    seek_.reset();
  }
}

template <class Object>
void Versions<Object>::cut(Piece& piece, Id next) {
  piece.next = next;
  std::erase_if(piece.objects, [&](const Object& object) { return !(object.id < next); });
}

// From id to id, over the versions in between.
template <class Object>
void Versions<Object>::add_superseded(const Query& query, Piece& piece) {
  Id id = query.from;
  for (std::size_t visits = 0; id < piece.next; ++visits) {
    if (visits == query.visits_max) {
      cut(piece, id);
      break;
    }
    seek_.start(id.value(), query.at.value());
    if (!seek_.step()) break;
    const Id found(seek_.number(0));
    if (found != id) {  // its own first version may have ended before
      id = found;
      continue;
    }
    Object object = read(seek_);
    if (object.revision <= query.at) piece.objects.push_back(std::move(object));
    id = id + 1;
  }
  seek_.reset();
}

template class Versions<ipam::Vrf>;
template class Versions<ipam::Network>;
template class Versions<ipam::Allocation>;

}  // namespace state
