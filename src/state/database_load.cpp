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

}  // namespace

base::Result<Loaded, std::string> Database::load() {
  try {
    Loaded loaded{ipam::StateMachine(), position_};
    loaded.state_machine.load_counters(counters_);
    sqlite::Statement vrfs = connection_.prepare("SELECT * FROM vrfs ORDER BY id");
    NumberCheck vrf_numbers("vrfs", counters_.next_vrf);
    while (vrfs.step()) {
      vrf_numbers.see(vrfs.number(0));
      loaded.state_machine.load_vrf(read_vrf(vrfs));
    }
    sqlite::Statement networks = connection_.prepare("SELECT * FROM networks ORDER BY id");
    NumberCheck network_numbers("networks", counters_.next_network);
    while (networks.step()) {
      network_numbers.see(networks.number(0));
      loaded.state_machine.load_network(read_network(networks));
    }
    load_allocations(loaded.state_machine);
    sqlite::Statement quarantines = connection_.prepare("SELECT * FROM quarantines");
    while (quarantines.step())
      loaded.state_machine.load_quarantine(read_quarantine(quarantines));
    sqlite::Statement owners = connection_.prepare("SELECT * FROM last_held");
    while (owners.step()) loaded.state_machine.load_last_held(read_last_held(owners));
    sqlite::Statement reservations = connection_.prepare("SELECT * FROM reservations ORDER BY id");
    NumberCheck reservation_numbers("reservations", counters_.next_reservation);
    while (reservations.step()) {
      reservation_numbers.see(reservations.number(0));
      loaded.state_machine.load_reservation(read_reservation(reservations));
    }
    sqlite::Statement tokens = connection_.prepare("SELECT * FROM tokens ORDER BY id");
    NumberCheck token_numbers("tokens", counters_.next_token);
    while (tokens.step()) {
      token_numbers.see(tokens.number(0));
      loaded.state_machine.load_token(read_token(tokens));
    }
    sqlite::Statement outcomes = connection_.prepare("SELECT * FROM idempotency ORDER BY key");
    while (!NODE_MUTANT(keys_not_loaded) && outcomes.step())
      loaded.state_machine.load_outcome(read_outcome(outcomes));
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
  sqlite::Statement rows =
      connection_.prepare("SELECT * FROM allocations WHERE status=1 ORDER BY id");
  OrderedWorker<RowBlock> worker([&machine](const RowBlock& block) {
    block.for_each([&](const Row& row) { machine.load_allocation(read_allocation(row)); });
  });
  NumberCheck numbers("allocations", counters_.next_allocation);
  RowBlock block;
  while (rows.step()) {
    numbers.see(rows.number(0));
    block.add(rows);
    if (block.size() == rows_per_block) worker.give(std::exchange(block, {}));
  }
  worker.give(std::move(block));
  worker.finish();
}

}  // namespace state
