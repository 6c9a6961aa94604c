// state.db, synchronously: one connection with the transaction that is being filled. Used by the
// thread of StateStore alone (and by the opener before that thread runs).
//
// Failures are exceptions: sqlite::Error, Damage. What throws leaves a Database that must not be
// used any more.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ipam/history.hpp"
#include "sqlite/database.hpp"
#include "sqlite/file_system.hpp"
#include "sqlite/sqlite.hpp"
#include "state/state_store.hpp"
#include "state/versions.hpp"

namespace state {

class Database {
 public:
  // Makes it where there is none. The text is for the user.
  static base::Result<std::unique_ptr<Database>, std::string> open(
      sqlite::FileSystem& files, const std::filesystem::path& path,
      sqlite::Check check = sqlite::Check::now);
  // A copy, to be read alone; it is left as it is.
  static base::Result<std::unique_ptr<Database>, std::string> open_copy(
      sqlite::FileSystem& files, const std::filesystem::path& path);
  // The user's text for an exception of this class about the file at `path`.
  static std::string describe(const std::filesystem::path& path, const std::exception& error);

  // Reads everything into a state machine. The text is for the user.
  base::Result<Loaded, std::string> load();
  // The same for a file whose structure was not checked when it was opened: a thread of its own
  // checks that meanwhile.
  base::Result<Loaded, std::string> load_and_check();

  // Adds to the open transaction; begins one where there is none. REQUIRES: position.index rises.
  void append(const ipam::Counters& counters, Position position,
              const std::vector<ipam::Change>& changes);
  bool in_transaction() const { return in_transaction_; }
  void commit();  // nothing where no transaction is open
  // Of the last append; durable after a commit.
  const Position& position() const { return position_; }

  // Lets go of what was before `time` and is over, at most so many rows: what was there at a
  // revision is known from that of the last audit entry before `time` on. True: there may be more.
  bool forget_history(ipam::TimeMs time, std::size_t rows_max);
  ipam::TimeMs now() const { return counters_.now; }  // the replicated clock, as of position()
  const ipam::Counters& counters() const { return counters_; }  // as of position()

  // Sees what the open transaction holds; VerifyQuery wants none to be open.
  ipam::HistoryAnswer query(const ipam::HistoryQuery& query);

  // PRAGMA integrity_check: "ok" or what is wrong.
  std::string integrity();
  void checkpoint_if_large();
  // Folds and removes the write-ahead log, so that the one file is the whole database. The last
  // thing to be done with it. REQUIRES: no open transaction.
  void seal();
  sqlite::Connection& connection() { return connection_; }

 private:
  Database(sqlite::FileSystem& files, std::filesystem::path path, sqlite::Connection connection,
           bool is_copy = false);
  std::string explain(const std::exception& error) const;
  void read_meta();
  void load_allocations(ipam::StateMachine& machine);
  void begin();
  void flush();  // what the open transaction has not written yet
  std::optional<ipam::Allocation> allocation_of(ipam::AllocationId id);
  std::vector<ipam::Allocation> holders_of(const ipam::AddressQuery& query);
  void write(const ipam::Change& change, std::uint64_t revision);
  void write_network(const ipam::Network& network);
  void write_allocation(const ipam::Allocation& allocation);

  sqlite::FileSystem& files_;
  std::filesystem::path path_;
  const bool is_copy_;
  sqlite::Connection connection_;
  Versions<ipam::Vrf> vrf_versions_;
  Versions<ipam::Network> network_versions_;
  Versions<ipam::Allocation> allocation_versions_;
  RowWriter new_networks_, new_allocations_, new_audit_;
  sqlite::Statement begin_, commit_, put_vrf_, delete_vrf_, put_network_, delete_network_,
      put_quarantine_, delete_quarantine_, delete_quarantines_of_, put_last_held_,
      delete_last_held_, delete_last_held_of_, put_reservation_, delete_reservation_,
      update_allocation_,
      put_outcome_, delete_outcome_, put_token_, delete_token_,
      update_meta_, select_allocation_,
      select_cover_;
  Position position_;
  ipam::Counters counters_;
  std::uint64_t last_network_ = 0, last_allocation_ = 0;  // those with higher ids are new
  ipam::Revision oldest_known_;  // what was there is known from this revision on
  bool in_transaction_ = false;
};

}  // namespace state
