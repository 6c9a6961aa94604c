#include "state/database.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/crc32c.hpp"
#include "base/mutant.hpp"
#include "sqlite/database.hpp"
#include "sqlite/files.hpp"
#include "state/audit_query.hpp"
#include "state/rows.hpp"
#include "state/verification.hpp"

namespace state {
namespace {

namespace fs = std::filesystem;

constexpr sqlite::Format format{
    .kind = "state database",
    .application_id = 0x69707374,  // "ipst"
    .version = 8,
    .remedy = "Move the data directory away, and restore a backup, or let the node join the "
              "cluster again under a new node id."};

constexpr sqlite::Format copy_format{.kind = "backup",
                                     .application_id = format.application_id,
                                     .version = format.version,
                                     .remedy = "Use another backup."};

std::string describe_as(const sqlite::Format& kind, const fs::path& path,
                        const std::exception& error) {
  if (const auto* sql = dynamic_cast<const sqlite::Error*>(&error))
    return sqlite::describe(path, kind, *sql);
  if (dynamic_cast<const Damage*>(&error) != nullptr)
    return sqlite::describe_damage(path, kind, fmt::format("is damaged ({})", error.what()));
  return error.what();  // of the file system: names the file
}

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

std::uint32_t crc_of(const Position& position, const ipam::Counters& counters,
                     ipam::Revision oldest_known) {
  base::Bytes bytes;
  base::ByteWriter writer(bytes);
  writer.u64(position.index);
  writer.u64(position.term);
  writer.string(position.configuration);
  writer.u64(counters.next_network);
  writer.u64(counters.next_allocation);
  writer.u64(counters.next_audit);
  writer.u64(counters.next_vrf);
  writer.u64(counters.next_reservation);
  writer.u64(counters.next_token);
  writer.i64(counters.now);
  writer.u64(counters.digest);
  writer.u64(oldest_known.value());
  writer.string(as_blob(counters.audit_hash).bytes);
  return base::crc32c(bytes);
}

}  // namespace

base::Result<std::unique_ptr<Database>, std::string> Database::open(sqlite::FileSystem& files,
                                                                    const fs::path& path,
                                                                    sqlite::Check check) {
  try {
    const ipam::Counters counters;
    sqlite::create_database(
        files, path, format,
        schema() +
            fmt::format("INSERT INTO meta VALUES(1,0,0,x'',{},{},{},{},{},{},{},0,0,"
                        "zeroblob(32),{});",
                        counters.next_network, counters.next_allocation, counters.next_audit,
                        counters.next_vrf, counters.next_reservation, counters.next_token,
                        counters.now,
                        crc_of({}, counters, {})));
    auto connection = sqlite::open_database(files, path, format, check);
    if (!connection) return base::fail(connection.error());
    std::unique_ptr<Database> database(new Database(files, path, std::move(connection).value()));
    database->read_meta();
    return database;
  } catch (const std::exception& error) {
    return base::fail(describe(path, error));
  }
}

std::string Database::describe(const fs::path& path, const std::exception& error) {
  return describe_as(format, path, error);
}

std::string Database::explain(const std::exception& error) const {
  return describe_as(is_copy_ ? copy_format : format, path_, error);
}

base::Result<std::unique_ptr<Database>, std::string> Database::open_copy(sqlite::FileSystem& files,
                                                                         const fs::path& path) {
  auto connection = sqlite::open_copy(files, path, copy_format);
  if (!connection) return base::fail(connection.error());
  try {
    std::unique_ptr<Database> database(
        new Database(files, path, std::move(connection).value(), true));
    database->read_meta();
    return database;
  } catch (const std::exception& error) {
    return base::fail(describe_as(copy_format, path, error));
  }
}

Database::Database(sqlite::FileSystem& files, fs::path path, sqlite::Connection connection,
                   bool is_copy)
    : files_(files),
      path_(std::move(path)),
      is_copy_(is_copy),
      connection_(std::move(connection)),
      vrf_versions_(connection_),
      network_versions_(connection_),
      allocation_versions_(connection_),
      new_networks_(connection_, "networks", network_columns),
      new_allocations_(connection_, "allocations", allocation_columns),
      new_audit_(connection_, "audit", audit_columns) {
  begin_ = connection_.prepare("BEGIN IMMEDIATE");
  commit_ = connection_.prepare("COMMIT");
  put_vrf_ = connection_.prepare(put_vrf_sql);
  delete_vrf_ = connection_.prepare("DELETE FROM vrfs WHERE id=?");
  put_network_ = connection_.prepare(put_network_sql);
  delete_network_ = connection_.prepare("DELETE FROM networks WHERE id=?");
  put_quarantine_ = connection_.prepare(put_quarantine_sql);
  put_last_held_ = connection_.prepare(put_last_held_sql);
  delete_last_held_ =
      connection_.prepare("DELETE FROM last_held WHERE network_id=? AND owner=?");
  put_reservation_ = connection_.prepare(put_reservation_sql);
  delete_reservation_ = connection_.prepare("DELETE FROM reservations WHERE id=?");
  delete_last_held_of_ = connection_.prepare("DELETE FROM last_held WHERE network_id=?");
  delete_quarantine_ =
      connection_.prepare("DELETE FROM quarantines WHERE network_id=? AND ip=?");
  delete_quarantines_of_ = connection_.prepare("DELETE FROM quarantines WHERE network_id=?");
  update_allocation_ = connection_.prepare(update_allocation_sql);
  put_outcome_ = connection_.prepare(put_outcome_sql);
  delete_outcome_ = connection_.prepare("DELETE FROM idempotency WHERE key=?");
  put_token_ = connection_.prepare(put_token_sql);
  delete_token_ = connection_.prepare("DELETE FROM tokens WHERE id=?");
  update_meta_ = connection_.prepare(
      "UPDATE meta SET applied_index=?, applied_term=?, configuration=?, next_network=?, "
      "next_allocation=?, next_audit=?, next_vrf=?, next_reservation=?, next_token=?, now=?, "
      "digest=?, "
      "oldest_known=?, audit_hash=?, crc=? WHERE id=1");
  select_allocation_ = connection_.prepare("SELECT * FROM allocations WHERE id=?");
  select_cover_ = connection_.prepare(
      "SELECT * FROM allocations INDEXED BY ended_allocations_by_cover WHERE status <> 1 AND "
      "cover = ? AND id < ? ORDER BY id DESC");
}

void Database::read_meta() {
  sqlite::Statement row = connection_.prepare(
      "SELECT applied_index, applied_term, configuration, next_network, next_allocation, "
      "next_audit, next_vrf, next_reservation, next_token, now, digest, audit_hash, oldest_known, "
      "crc FROM meta WHERE id=1");
  if (!row.step()) throw Damage("its meta row is missing");
  position_ = {row.number(0), row.number(1), base::Bytes(row.blob(2))};
  counters_ = {row.number(3), row.number(4),  row.number(5),  row.number(6),    row.number(7),
               row.number(8), row.integer(9), row.number(10), read_hash(row, 11)};
  oldest_known_ = ipam::Revision(row.number(12));
  if (row.number(13) != crc_of(position_, counters_, oldest_known_))
    throw Damage("the checksum of its meta row");
  last_network_ = counters_.next_network - 1;
  last_allocation_ = counters_.next_allocation - 1;
}

// ---- reading ----

ipam::HistoryAnswer Database::query(const ipam::HistoryQuery& query) {
  flush();
  if (const auto* audit = std::get_if<ipam::AuditQuery>(&query))
    return query_audit(connection_, *audit);
  if (std::holds_alternative<ipam::VerifyQuery>(query)) {
    ASSERT(!in_transaction_);
    return verify(connection_, counters_);
  }
  if (const auto* one = std::get_if<ipam::AllocationQuery>(&query)) {
    std::vector<ipam::Allocation> found;
    if (auto allocation = allocation_of(one->id)) found.push_back(*std::move(allocation));
    return found;
  }
  if (const auto* held = std::get_if<ipam::AddressQuery>(&query)) return holders_of(*held);
  if (const auto* revision = std::get_if<ipam::RevisionQuery>(&query)) {
    ipam::KnownRevision known = query_revision(connection_, *revision);
    known.oldest = oldest_known_;
    return known;
  }
  const auto with_oldest = [this](auto piece) {
    piece.oldest = oldest_known_;
    return piece;
  };
  if (const auto* at = std::get_if<ipam::AtQuery<ipam::Vrf>>(&query))
    return with_oldest(vrf_versions_.at(*at));
  if (const auto* at = std::get_if<ipam::AtQuery<ipam::Network>>(&query))
    return with_oldest(network_versions_.at(*at));
  return with_oldest(allocation_versions_.at(std::get<ipam::AtQuery<ipam::Allocation>>(query)));
}

std::optional<ipam::Allocation> Database::allocation_of(ipam::AllocationId id) {
  std::optional<ipam::Allocation> found;
  select_allocation_.start(id.value());
  if (select_allocation_.step()) found = read_allocation(select_allocation_);
  select_allocation_.reset();
  return found;
}

namespace {

// The covers that an allocation which has the address may have; two prefixes of IPv6 may share one.
std::set<std::uint64_t> covers_of(const ipam::Address& address) {
  std::set<std::uint64_t> covers;
  for (int length = 0; length <= ipam::bits_of(address.family); ++length) {
    ipam::Prefix prefix{address, length};
    prefix.base.value &= prefix.mask();
    covers.insert(cover_key(prefix));
  }
  return covers;
}

}  // namespace

std::vector<ipam::Allocation> Database::holders_of(const ipam::AddressQuery& query) {
  std::vector<ipam::Allocation> holders;
  const auto add = [&](ipam::Allocation allocation) {
    if (allocation.first > query.address || query.address > allocation.last) return;
    auto then = allocation_versions_.as_of(std::move(allocation), query.at);
    if (then && query.networks.admits(then->network_id)) holders.push_back(*std::move(then));
  };
  const std::uint64_t before = query.before ? query.before->value() : ipam::number_max;
  // One cover after the other, each in the order of its index: no more is read than is wanted.
  for (const std::uint64_t cover : covers_of(query.address)) {
    const std::size_t of_others = holders.size();
    select_cover_.start(cover, before);
    while (holders.size() - of_others < query.limit && select_cover_.step())
      add(read_allocation(select_cover_));
    select_cover_.reset();
  }
  for (const ipam::AllocationId id : query.held_by) {  // one for each VRF at most
    if (id.value() >= before) continue;
    if (auto held = allocation_of(id)) add(*std::move(held));
  }
  std::sort(holders.begin(), holders.end(),
            [](const auto& a, const auto& b) { return a.id > b.id; });
  holders.resize(std::min<std::size_t>(holders.size(), query.limit));
  return holders;
}

// ---- writing ----

void Database::append(const ipam::Counters& counters, Position position,
                      const std::vector<ipam::Change>& changes) {
  ASSERT_MSG(position.index > position_.index, "an entry is written twice or out of order");
  begin();
  for (const ipam::Change& change : changes) write(change, position.index);
  counters_ = counters;
  position_.index = position.index;
  position_.term = position.term;
  if (!position.configuration.empty()) position_.configuration = std::move(position.configuration);
}

void Database::begin() {
  if (!in_transaction_) begin_.run();
  in_transaction_ = true;
}

bool Database::forget_history(ipam::TimeMs time, std::size_t rows_max) {
  flush();
  const ipam::Revision oldest = query_revision(connection_, {time - 1}).revision;
  begin();
  oldest_known_ = std::max(oldest_known_, oldest);
  bool has_more = vrf_versions_.forget(oldest_known_.value(), rows_max);
  has_more = network_versions_.forget(oldest_known_.value(), rows_max) || has_more;
  return allocation_versions_.forget(oldest_known_.value(), rows_max) || has_more;
}

// What is numbered from the counters on, which are as of the entry before, is new.
void Database::write(const ipam::Change& change, std::uint64_t revision) {
  const auto keep = [revision](auto& versions, auto id, std::uint64_t next,
                               ipam::NetworkId network = {}) {
    if (id.value() < next) versions.supersede(id.value(), revision, network);
  };
  std::visit(Overloaded{
                 [&](const ipam::VrfPut& put_) {
                   keep(vrf_versions_, put_.vrf.id, counters_.next_vrf);
                   put(put_vrf_, put_.vrf);
                 },
                 [&](const ipam::VrfDeleted& deleted) {
                   keep(vrf_versions_, deleted.id, counters_.next_vrf);
                   delete_vrf_.run(deleted.id.value());
                 },
                 [&](const ipam::NetworkPut& put_) {
                   new_networks_.flush_around(put_.network.id.value());
                   keep(network_versions_, put_.network.id, counters_.next_network);
                   write_network(put_.network);
                 },
                 [&](const ipam::NetworkDeleted& deleted) {
                   new_networks_.flush_around(deleted.id.value());
                   keep(network_versions_, deleted.id, counters_.next_network);
                   delete_network_.run(deleted.id.value());
                   delete_quarantines_of_.run(deleted.id.value());
                   delete_last_held_of_.run(deleted.id.value());
                 },
                 [&](const ipam::AllocationPut& put_) {
                   const ipam::Allocation& allocation = put_.allocation;
                   const bool is_new = allocation.id.value() >= counters_.next_allocation;
                   new_allocations_.flush_around(allocation.id.value());
                   keep(allocation_versions_, allocation.id, counters_.next_allocation,
                        allocation.network_id);
                   write_allocation(allocation);
                   if (!is_new || allocation.status == ipam::AllocationStatus::allocated) return;
                   new_allocations_.flush_around(allocation.id.value());
                   allocation_versions_.note_brief(allocation.id.value(), revision);
                 },
                 [&](const ipam::AuditAppended& appended) {
                   if (NODE_MUTANT(audit_not_written) && appended.entry.action == "ip_expired")
                     return;
                   put(new_audit_, appended.entry, last_allocation_);
                 },
                 [&](const ipam::QuarantinePut& put_) { put(put_quarantine_, put_.quarantine); },
                 [&](const ipam::QuarantineEnded& ended) {
                   delete_quarantine_.run(ended.network_id.value(), ipam::to_string(ended.first));
                 },
                 [&](const ipam::LastHeldPut& put_) { put(put_last_held_, put_.held); },
                 [&](const ipam::LastHeldForgotten& gone) {
                   delete_last_held_.run(gone.network_id.value(), gone.owner);
                 },
                 [&](const ipam::ReservationPut& put_) { put(put_reservation_, put_.reservation); },
                 [&](const ipam::ReservationDeleted& deleted) {
                   delete_reservation_.run(deleted.id.value());
                 },
                 [&](const ipam::TokenPut& put_) { put(put_token_, put_.token); },
                 [&](const ipam::TokenRevoked& gone) { delete_token_.run(gone.id.value()); },
                 [&](const ipam::OutcomeStored& kept) { put(put_outcome_, kept.stored); },
                 [&](const ipam::OutcomeForgotten& gone) { delete_outcome_.run(gone.key); },
                 [](const ipam::ThresholdCrossed&) {},  // its audit entry is kept
             },
             change);
}

// Where it may wait to be written, its writer was flushed.
void Database::write_network(const ipam::Network& network) {
  const std::uint64_t id = network.id.value();
  if (id <= last_network_) return put(put_network_, network);
  put(new_networks_, network);
  last_network_ = id;
}

void Database::write_allocation(const ipam::Allocation& allocation) {
  const std::uint64_t id = allocation.id.value();
  if (id <= last_allocation_) {
    put(update_allocation_, allocation);
    if (connection_.changes() == 1) return;
  }
  put(new_allocations_, allocation);
  last_allocation_ = std::max(last_allocation_, id);
}

void Database::flush() {
  new_networks_.flush();
  new_allocations_.flush();
  new_audit_.flush();
}

void Database::commit() {
  if (!in_transaction_) return;
  flush();
  if (NODE_MUTANT(position_in_own_transaction)) {
    commit_.run();
    begin_.run();
  }
  update_meta_.run(position_.index, position_.term, sqlite::Blob{position_.configuration},
                   counters_.next_network, counters_.next_allocation, counters_.next_audit,
                   counters_.next_vrf, counters_.next_reservation, counters_.next_token,
                   counters_.now, counters_.digest, oldest_known_.value(),
                   as_blob(counters_.audit_hash),
                   std::uint64_t{crc_of(position_, counters_, oldest_known_)});
  commit_.run();
  in_transaction_ = false;
}

std::string Database::integrity() { return connection_.text("PRAGMA integrity_check(1)"); }

void Database::checkpoint_if_large() {
  if (connection_.wal_pages() >= files_.tuning().wal_pages_max) connection_.checkpoint();
}

void Database::seal() {
  ASSERT(!in_transaction_);
  if (connection_.text("PRAGMA journal_mode=DELETE") != "delete")
    throw Damage("its write-ahead log cannot be closed");
}

}  // namespace state
