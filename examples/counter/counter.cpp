// A replicated counter on raft/ alone: each line on stdin adds to it, an empty line reads it.
//   mkdir a b c
//   counter 1 a localhost:7001 localhost:7002 localhost:7003    (2 b …, 3 c … in two more shells)
// The counter itself is only in memory: a restarted node counts its log again.
#include <fmt/format.h>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/read_until.hpp>
#include <charconv>
#include <random>
#include <unistd.h>

#include "raft/node/node.hpp"
#include "sqlite/posix_file_system.hpp"

namespace {

class Counter : public raft::Host {
 public:
  std::int64_t value = 0;

  void apply(const raft::AppliedEntry& entry) override {
    if (entry.kind != raft::EntryKind::command) return;
    std::int64_t step = 0;
    std::from_chars(entry.content.data(), entry.content.data() + entry.content.size(), step);
    value += step;
    fmt::print("entry {}: {:+} gives {}\n", entry.position.index.value(), step, value);
    std::fflush(stdout);
  }
  void on_proposal_failed(const raft::FailedProposal& failed) override {
    fmt::print("{}\n", failed.failure == raft::ProposalFailure::refused
                           ? "not added: there is no leader"
                           : "no answer in time: it may have been added");
  }
  void on_became_leader(raft::Term term, const std::string& why) override {
    fmt::print("this node leads in term {}: {}\n", term.value(), why);
    std::fflush(stdout);
  }
  void on_removed() override { std::exit(0); }
  void on_failure(const std::string& reason) override {
    fmt::print(stderr, "{}\n", reason);
    std::exit(1);
  }
  // Nothing of the state is kept on disk, so the log is never cut and nobody needs a snapshot.
  void make_snapshot(Made done) override { done(std::nullopt, 0); }
  void read_snapshot(std::uint64_t, std::size_t, Bytes done) override { done(std::nullopt); }
  void drop_snapshot() override {}
  void begin_receive(std::uint64_t, Done done) override { done(false); }
  void drop_received() override {}
  void write_chunk(std::uint64_t, base::SharedBytes, Done done) override { done(false); }
  void install_snapshot(const raft::SnapshotMeta&, Done done) override { done(false); }
};

// Reads lines until the end of the input.
class Console {
 public:
  Console(asio::io_context& io, raft::Node& node, Counter& counter)
      : input_(io, ::dup(STDIN_FILENO)), node_(node), counter_(counter) {}

  void read_line() {
    asio::async_read_until(input_, asio::dynamic_buffer(text_, 1 << 16), '\n',
                           [this](const std::error_code& ec, std::size_t size) {
                             if (ec) return node_.stop([] {});
                             const std::string line = text_.substr(0, size - 1);
                             text_.erase(0, size);
                             line.empty() ? read_counter() : add(line);
                             read_line();
                           });
  }

 private:
  void read_counter() {
    node_.read([this](bool ok) {
      fmt::print("{}\n", ok ? std::to_string(counter_.value) : "no leader confirms it");
      std::fflush(stdout);
    });
  }
  void add(const std::string& line) {
    if (!node_.propose(base::share(line))) fmt::print("too busy\n");
  }

  asio::posix::stream_descriptor input_;
  raft::Node& node_;
  Counter& counter_;
  std::string text_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    fmt::print(stderr, "usage: {} ID DIRECTORY ADDRESS…  (of node 1, node 2, …)\n", argv[0]);
    return 2;
  }
  raft::NodeOptions options;
  options.identity = {1, raft::NodeId(std::stoull(argv[1])), std::random_device()()};
  sqlite::PosixFileSystem files;
  if (!raft::LogStore::exists(files, argv[2])) {
    if (auto made = raft::LogStore::create(files, argv[2], options.identity); !made)
      return fmt::print(stderr, "{}\n", made.error()), 1;
  }
  auto store = raft::LogStore::open(files, argv[2]);
  if (!store) return fmt::print(stderr, "{}\n", store.error()), 1;
  auto log = (*store)->load();
  if (!log) return fmt::print(stderr, "{}\n", log.error()), 1;

  raft::DurableState durable{log->hard_state, log->compacted, std::move(log->entries), {}, {},
                             log->clock_offset_ms};
  for (int i = 3; i < argc; ++i) {
    raft::Member member;
    member.address = argv[i];
    member.voter = true;
    durable.applied.configuration.members[raft::NodeId(static_cast<std::uint64_t>(i - 2))] = member;
  }
  options.identity = log->identity;
  options.address = durable.applied.configuration.members.at(options.identity.node_id).address;
  options.driver.core.id = options.identity.node_id;
  options.driver.core.seed = options.driver.origin = std::random_device()();
  options.driver.core.election_timeout_ticks = 20;
  options.driver.core.heartbeat_ticks = 2;

  asio::io_context io;
  base::Logger logger(base::LogLevel::warning, base::LogFormat::text);
  Counter counter;
  raft::Node node(io, logger, options, std::move(*store), std::move(durable), counter);
  if (auto started = node.start(); !started)
    return fmt::print(stderr, "{}\n", started.error()), 1;
  Console console(io, node, counter);
  console.read_line();
  io.run();
}
