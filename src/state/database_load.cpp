// The start: everything that memory keeps, read and checked (README.md).
#include <fmt/format.h>

#include <utility>

#include "base/mutant.hpp"
#include "sqlite/database.hpp"
#include "sqlite/files.hpp"
#include "sqlite/structure_check.hpp"
#include "state/database.hpp"
#include "state/ordered_worker.hpp"
#include "state/rows.hpp"

namespace state {
namespace {

namespace fs = std::filesystem;

// What is read at the start goes to the other thread in pieces of so many.
constexpr std::size_t rows_per_block = 256;

// The numbers of a table's rows, as they are read in their order. One from the counter on would be
// handed out again; one that comes twice is of a damaged tree, in which the reader may go round for
// ever.
class NumberCheck {
 public:
  NumberCheck(std::string_view table, std::uint64_t next) : table_(table), next_(next) {}

  void see(std::uint64_t number) {
    if (number == 0 || number >= next_) fail(number, "is beyond its counter");
    if (number <= last_) fail(number, "is not in its place");
    last_ = number;
  }

 private:
  [[noreturn]] void fail(std::uint64_t number, std::string_view what) const {
    throw Damage(fmt::format("row {} of table {} {}", number, table_, what));
  }

  const std::string_view table_;
  const std::uint64_t next_;
  std::uint64_t last_ = 0;
};

// The rows of a table, or of a part of it, in the order of their numbers.
template <class Visit>
void for_each_numbered(sqlite::Connection& connection, std::string_view table, std::uint64_t next,
                       const Visit& visit, std::string_view where = "") {
  sqlite::Statement rows =
      connection.prepare(fmt::format("SELECT * FROM {} {} ORDER BY id", table, where));
  NumberCheck numbers(table, next);
  while (rows.step()) {
    numbers.see(rows.number(0));
    visit(rows);
  }
}

}  // namespace

base::Result<Loaded, std::string> Database::load() {
  try {
    Loaded loaded{ipam::StateMachine(), position_};
    ipam::StateMachine& machine = loaded.state_machine;
    machine.load_counters(counters_);
    for_each_numbered(connection_, "vrfs", counters_.next_vrf, [&](const Row& row) {
      machine.load_vrf(read_vrf(row));
    });
    for_each_numbered(connection_, "networks", counters_.next_network, [&](const Row& row) {
      machine.load_network(read_network(row));
    });
    load_allocations(machine);
    sqlite::Statement quarantines = connection_.prepare("SELECT * FROM quarantines");
    while (quarantines.step()) machine.load_quarantine(read_quarantine(quarantines));
    sqlite::Statement owners = connection_.prepare("SELECT * FROM last_held");
    while (owners.step()) machine.load_last_held(read_last_held(owners));
    for_each_numbered(connection_, "reservations", counters_.next_reservation, [&](const Row& row) {
      machine.load_reservation(read_reservation(row));
    });
    for_each_numbered(connection_, "tokens", counters_.next_token, [&](const Row& row) {
      machine.load_token(read_token(row));
    });
    sqlite::Statement outcomes = connection_.prepare("SELECT * FROM idempotency ORDER BY key");
    while (!NODE_MUTANT(keys_not_loaded) && outcomes.step())
      machine.load_outcome(read_outcome(outcomes));
    for (const auto& [table, next] :
         {std::pair{"allocations", counters_.next_allocation}, {"audit", counters_.next_audit}}) {
      sqlite::Statement last =
          connection_.prepare(fmt::format("SELECT max(id) FROM {}", table));
      if (last.step() && !last.is_null(0)) NumberCheck(table, next).see(last.number(0));
    }
    return loaded;
  } catch (const sqlite::Error& error) {
    return base::fail(explain(error));
  } catch (const std::runtime_error& error) {  // Damage, or of the state machine
    return base::fail(explain(Damage(error.what())));
  }
}

base::Result<Loaded, std::string> Database::load_and_check() {
  try {
    // What a crash left in the log is not in the file yet.
    const fs::path log = sqlite::with_suffix(path_, "-wal");
    if (files_.exists(log) && files_.file_size(log) > 0) {
      if (const std::string found = sqlite::check_structure(connection_); found != "ok")
        return base::fail(explain(Damage(found)));
      return load();
    }
    sqlite::StructureCheck check(path_, files_.vfs());
    auto loaded = load();
    if (!loaded) return loaded;
    if (const std::string found = check.finish(); found != "ok")
      return base::fail(explain(Damage(found)));
    return loaded;
  } catch (const std::exception& error) {
    return base::fail(explain(error));
  }
}

void Database::load_allocations(ipam::StateMachine& machine) {
  OrderedWorker<RowBlock> worker([&machine](const RowBlock& block) {
    block.for_each([&](const Row& row) { machine.load_allocation(read_allocation(row)); });
  });
  RowBlock block;
  const auto add = [&](const sqlite::Statement& row) {
    block.add(row);
    if (block.size() == rows_per_block) worker.give(std::exchange(block, {}));
  };
  for_each_numbered(connection_, "allocations", counters_.next_allocation, add, "WHERE status=1");
  worker.give(std::move(block));
  worker.finish();
}

}  // namespace state
