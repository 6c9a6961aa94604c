// A stand-in for the io thread, a node that applies random commands and writes them to a store,
// and temporary directories, for the tests of state.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>

#include "base/random.hpp"
#include "sqlite/posix_file_system.hpp"
#include "sqlite/sqlite.hpp"
#include "state/row_checksum.hpp"
#include "state/state_store.hpp"

namespace state_test {

namespace fs = std::filesystem;

inline sqlite::PosixFileSystem files;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (fs::temp_directory_path() / "ipam-state-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { fs::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Runs what is posted, on the thread of the test.
class Loop {
 public:
  state::Post post() {
    return [this](std::function<void()> work) {
      {
        const std::lock_guard lock(mutex_);
        queue_.push_back(std::move(work));
      }
      wake_.notify_one();
    };
  }

  // Runs posted work until `done()` holds. Gives up, failing the test, only where nothing comes.
  template <class Done>
  void run_until(Done done) {
    while (!done()) run_one();
  }

  void run_pending() {
    while (true) {
      std::function<void()> work;
      {
        const std::lock_guard lock(mutex_);
        if (queue_.empty()) return;
        work = std::move(queue_.front());
        queue_.pop_front();
      }
      work();
    }
  }

  // The value with which `start(done)` calls back.
  template <class Value, class Start>
  Value get(Start start) {
    std::optional<Value> value;
    start(std::function<void(Value)>([&](Value v) { value.emplace(std::move(v)); }));
    run_until([&] { return value.has_value(); });
    return *std::move(value);
  }

 private:
  void run_one() {
    std::unique_lock lock(mutex_);
    REQUIRE(wake_.wait_for(lock, std::chrono::seconds(60), [&] { return !queue_.empty(); }));
    auto work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
};

inline std::unique_ptr<state::StateStore> open(const fs::path& directory, Loop& loop,
                                               state::OnFailure on_failure = nullptr) {
  if (!on_failure) on_failure = [](const std::string& text) { FAIL(text); };
  auto store = state::StateStore::open(files, directory, loop.post(), std::move(on_failure));
  REQUIRE_MESSAGE(store.ok(), (store.ok() ? "" : store.error()));
  return std::move(store).value();
}

inline std::string refusal(const fs::path& directory) {
  Loop loop;
  auto store = state::StateStore::open(files, directory, loop.post(), [](const std::string&) {});
  return store ? std::string() : store.error();
}

inline bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

inline std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

inline void copy_files(const fs::path& from, const fs::path& to) {
  for (const auto& file : fs::directory_iterator(from))
    fs::copy_file(file.path(), to / file.path().filename(), fs::copy_options::overwrite_existing);
}

inline void sql(const fs::path& directory, const std::string& text) {
  sqlite::Connection(directory / "state.db", sqlite::OpenMode::existing).execute(text);
}

// Applies commands to a state machine and hands the changes to a store, as a node does.
class Node {
 public:
  Node(std::uint64_t seed, state::Loaded loaded)
      : random_(seed), machine_(std::move(loaded.state_machine)), position_(loaded.position) {}
  explicit Node(std::uint64_t seed) : random_(seed) {}

  ipam::Applied apply(state::StateStore& store, const ipam::CommandBody& body) {
    ++position_.index;
    position_.term = 1 + position_.index / 100;
    now_ += static_cast<ipam::TimeMs>(random_.below(2000));
    ipam::Command command{"tester", body};
    if (random_.chance(30)) {
      const std::uint64_t number = random_.below(20);
      command.idempotency = {fmt::format("key {}", number), number, 10};
    }
    ipam::Applied applied = machine_.apply(ipam::Revision(position_.index), now_, command);
    state::Position position = position_;
    if (random_.chance(5))
      position_.configuration = position.configuration =
          fmt::format("configuration as of {}", position_.index);
    else
      position.configuration.clear();
    store.append(machine_.counters(), position, ipam::share(applied.changes));
    return applied;
  }

  ipam::Applied apply_random(state::StateStore& store) { return apply(store, random_command()); }

  const ipam::StateMachine& machine() const { return machine_; }
  const state::Position& position() const { return position_; }

 private:
  ipam::NetworkExtras random_extras() {
    ipam::NetworkExtras extras;
    if (random_.chance(50)) return extras;
    if (random_.chance(30)) extras.status = ipam::NetworkStatus::container;
    if (random_.chance(50)) extras.strategy = ipam::Strategy::last;
    if (random_.chance(50)) extras.threshold_percent = 30;
    if (random_.chance(50)) extras.metadata = {{"key \"1\"", "it's"}, {"two", ""}};
    return extras;
  }

  ipam::CommandBody random_command() {
    const auto network = ipam::NetworkId(1 + random_.below(machine_.counters().next_network));
    const auto allocation =
        ipam::AllocationId(1 + random_.below(machine_.counters().next_allocation));
    const std::uint64_t kind = random_.below(22);
    const ipam::VrfReference vrf = ipam::VrfId(random_.between(1, 3));
    if (random_.chance(10))
      if (const ipam::Network* there = machine_.network(network)) return random_reshape(*there);
    if (kind < 3 && random_.chance(30)) return random_vrf_command(vrf);
    if (kind < 3 && random_.chance(15)) return random_token_command(vrf);
    if (kind < 3 && random_.chance(20))
      return ipam::UpdateNetwork{.id = network, .description = "it's \"changed\"",
                                 .status = ipam::NetworkStatus::active,
                                 .gateway = std::optional<ipam::Address>(),
                                 .metadata = ipam::MetadataPatch{false, {{"two", "2"}}}};
    if (kind < 3)
      return ipam::CreateNetwork{*ipam::parse_prefix(random_prefix()), "a \"net\"\\work",
                                 {"tag \"one\"", "two\\\n", "drei\xc3\xa4"},
                                 random_.chance(50) ? 20u : 0u, vrf, random_extras()};
    if (kind == 3) return ipam::DeleteNetwork{network};
    if (kind >= 20) return random_reservation_command(network);
    if (kind < 8) return ipam::Release{allocation};
    if (kind == 8) return ipam::ExpireLeases{};
    if (kind == 9) return ipam::RecordEvent{"leader_elected", "node-1", "Node 1 leads"};
    ipam::Allocate allocate{.network = network, .count = 1 + random_.below(3), .hostname = "host",
                            .description = "it's", .tags = {"x"}, .ttl_seconds = std::nullopt};
    if (random_.chance(30)) allocate.ttl_seconds = 1 + random_.below(60);
    if (random_.chance(30)) {
      ipam::AllocateOptions options;
      options.scattered = random_.chance(50);
      options.owner = random_.chance(50) ? "an \"owner\"" : "";
      if (!options.scattered && !options.owner.empty() && allocate.count == 1)
        options.strategy = ipam::Strategy::sticky;
      if (random_.chance(50)) options.metadata = {{"key \"1\"", "it's"}, {"two", ""}};
      allocate.options = options;
    }
    return allocate;
  }

  ipam::CommandBody random_reservation_command(ipam::NetworkId network) {
    const auto one =
        ipam::ReservationId(1 + random_.below(machine_.counters().next_reservation));
    if (random_.chance(20)) return ipam::DeleteReservation{one};
    if (random_.chance(20))
      return ipam::UpdateReservation{.id = one, .reason = "it's \"changed\""};
    ipam::CreateReservation reservation{.network_id = network, .first = {}, .last = {},
                                        .reason = "it's \"reserved\"", .tags = {"x", "\"y\""}};
    if (const ipam::Network* there = machine_.network(network))
      reservation.first = there->prefix.base;
    reservation.first.value += random_.below(200);
    reservation.last = reservation.first;
    if (random_.chance(50)) reservation.last.value += random_.below(20);
    if (random_.chance(50)) reservation.metadata = {{"key \"1\"", "it's"}, {"two", ""}};
    return reservation;
  }

  // Splits it, merges it with the other half of a block, or doubles or halves it.
  ipam::CommandBody random_reshape(const ipam::Network& network) {
    ipam::Prefix wider = network.prefix;
    --wider.length;
    wider.base.value &= wider.mask();
    ipam::Prefix other{wider.base, network.prefix.length};
    if (other == network.prefix) other.base.value = other.last().value + 1;
    const std::uint64_t kind = random_.below(4);
    const ipam::Network* const half = machine_.network(other, network.vrf);
    if (kind < 2 && half != nullptr) return ipam::MergeNetworks{{network.id, half->id}};
    const auto longer = static_cast<std::uint8_t>(network.prefix.length + 1);
    if (kind < 3) return ipam::SplitNetwork{network.id, longer};
    ipam::UpdateNetwork resize{.id = network.id};
    resize.prefix = random_.chance(50) ? wider : ipam::Prefix{network.prefix.base, longer};
    return resize;
  }

  ipam::CommandBody random_vrf_command(const ipam::VrfReference& vrf) {
    const std::uint64_t kind = random_.below(3);
    if (kind == 0) return ipam::CreateVrf{fmt::format("it's {}", random_.below(4)), "d"};
    if (kind == 1)
      return ipam::UpdateVrf{vrf, std::nullopt, fmt::format("text {}", random_.below(4))};
    return ipam::DeleteVrf{vrf};
  }

  ipam::CommandBody random_token_command(const ipam::VrfReference& vrf) {
    const std::string name = fmt::format("it's {}", random_.below(4));
    const std::uint64_t kind = random_.below(4);
    if (kind == 0) return ipam::RevokeToken{name};
    if (kind == 1) return ipam::TouchTokens{{ipam::TokenId(random_.between(1, 9))}};
    ipam::CreateToken token{name, ipam::Role::editor, {}, base::sha256(name)};
    if (random_.chance(50)) token.vrfs = {vrf, ipam::vrf_default};
    if (random_.chance(50)) token.ttl_seconds = 30;
    return token;
  }

  std::string random_prefix() {
    if (random_.chance(30)) return fmt::format("2001:db8:{:x}::/120", random_.below(16));
    if (random_.chance(20)) return fmt::format("10.{}.0.0/16", random_.below(4));
    return fmt::format("10.{}.{}.0/24", random_.below(4), random_.below(8));
  }

  base::Random random_;
  ipam::StateMachine machine_;
  state::Position position_;
  ipam::TimeMs now_ = 1'700'000'000'000;
};

inline std::uint64_t flush(Loop& loop, state::StateStore& store) {
  const auto flushed =
      loop.get<state::StateStore::Flushed>([&](auto done) { store.flush(done); });
  REQUIRE(flushed.ok());
  return *flushed;
}

template <class Row>
std::vector<Row> ask(Loop& loop, state::StateStore& store, ipam::HistoryQuery query) {
  auto answer = loop.get<base::Result<ipam::HistoryAnswer, std::string>>(
      [&](auto done) { store.query(query, done); });
  REQUIRE_MESSAGE(answer.ok(), (answer.ok() ? "" : answer.error()));
  return std::get<std::vector<Row>>(std::move(answer).value());
}

inline void check_equal(const state::Loaded& loaded, const Node& node) {
  CHECK(loaded.state_machine.digest() == node.machine().digest());
  CHECK(loaded.state_machine.counters() == node.machine().counters());
  CHECK(loaded.position.index == node.position().index);
  CHECK(loaded.position.term == node.position().term);
  CHECK(loaded.position.configuration == node.position().configuration);
}

}  // namespace state_test
