// bench: how fast ipam is, on clusters of real processes that it starts itself, beside etcd.
//   build/tools/bench WHAT [options]      see --help
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <ctime>
#include <filesystem>

#include "bench/machine.hpp"
#include "bench/fixture.hpp"
#include "bench/measurements.hpp"
#include "bench/report.hpp"
#include "cli/arguments.hpp"

namespace {

constexpr std::uint64_t records_min = 1000;

struct Measurement {
  const char* name;
  const char* what;
  void (*work)(const bench::Settings&, bench::Report&);
};
constexpr Measurement measurements[] = {
    {"writes", "allocations at the leader and at a follower, beside etcd's puts",
     bench::measure_writes},
    {"reads", "of an address, an allocation, a network; beside a bare server",
     bench::measure_reads},
    {"batches", "transactions of 1,000 allocations", bench::measure_batches},
    {"nodes", "allocations with 1, 3, 5 and 7 nodes", bench::measure_nodes},
    {"failover", "the gap after kill -9, SIGTERM and a hand-over, beside etcd's",
     bench::measure_failover},
    {"idle", "processor and memory of nodes without a request", bench::measure_idle},
    {"import", "a file of a million prefixes (--file)", bench::measure_import},
    {"catchup", "a follower that missed --entries, by the log and by a snapshot",
     bench::measure_catchup},
    {"memory", "bytes for each of --records allocations, and a start with them",
     bench::measure_memory},
    {"snapshot", "a new node gets a state of --records allocations", bench::measure_snapshot},
    {"growth", "latency with 10,000 to --records allocations, with 1 to --networks networks",
     bench::measure_growth},
    {"steady", "--minutes of an open loop at 70 % of the highest rate, found in each",
     bench::measure_steady},
};

std::string what_help() {
  std::string out = "what to measure:\n";
  for (const Measurement& one : measurements)
    out += fmt::format("      {:<10} {}\n", one.name, one.what);
  return out +
         "      all        all of these\n"
         "      guard      what an allocation and a read cost: exit code 1 above a bound\n"
         "      engine     the pure parts, without processes";
}

const cli::CommandSpec& spec() {
  static const cli::CommandSpec spec{
      "bench",
      "How fast ipam is: starts clusters of its own on this machine and loads them.",
      {{"WHAT", what_help()}},
      {{"ipam", 0, "FILE", "the binary (default ./ipam)"},
       {"etcd", 0, "FILE", "etcd's binary, measured beside it (default etcd; none: without)"},
       {"folder", 0, "DIR", "where the data lies: on the disk to be measured (default /var/tmp)"},
       {"nodes", 0, "N", "nodes of each cluster (default 3)"},
       {"clients", 0, "N,N", "connections (default 1,16,64,256)"},
       {"seconds", 0, "S", "of each round (default 3)"},
       {"rate", 0, "N", "open loop: so many requests a second are due (default: closed loop)"},
       {"rounds", 0, "N", "of each measurement, alternating with etcd (default 3)"},
       {"tries", 0, "N", "of fail-over (default 20)"},
       {"server-options", 0, "TEXT", "options for `ipam server`, with blanks between them"},
       {"records", 0, "N", "engine, memory, snapshot, growth: allocations (default 10000000)"},
       {"networks", 0, "N", "growth: networks (default 1000000)"},
       {"entries", 0, "N", "catchup: what the follower missed (default 1000000)"},
       {"minutes", 0, "N", "steady: how long (default 30)"},
       {"file", 0, "FILE", "import: of prefixes (default: one that is made)"},
       {"burden", 0, "N", "guard: each request asks for N things, which has to fail (default 1)"},
       {"json", 0, "FILE", "write all results there, with the machine and the command"},
       {"commit", 0, "TEXT", "what was built, for that file"},
       {"probes", 0, "N", "engine: of each measurement (default 1000000)"}},
      {"bench writes --clients 64 --seconds 5", "bench all --json results.json",
       "bench engine --records 1000000"}};
  return spec;
}

[[noreturn]] void wrong(const std::string& message) {
  fmt::print(stderr, "bench: {}\n", message);
  std::exit(2);
}

std::uint64_t number(const cli::Arguments& arguments, const std::string& name,
                     std::uint64_t otherwise, std::uint64_t least, std::uint64_t most) {
  const auto text = arguments.get(name);
  if (!text) return otherwise;
  const auto value = cli::parse_number("--" + name, *text, least, most);
  if (!value) wrong(value.error().message);
  return *value;
}

bench::Settings settings_of(const cli::Arguments& arguments) {
  bench::Settings out;
  // A cluster's nodes do not run in this one's working directory for ever.
  out.ipam = std::filesystem::absolute(arguments.get("ipam").value_or("./ipam")).string();
  out.etcd = arguments.get("etcd").value_or("etcd");
  if (out.etcd == "none") out.etcd.clear();
  out.parent = arguments.get("folder").value_or("/var/tmp");
  out.nodes = number(arguments, "nodes", out.nodes, 1, 9);
  if (const auto text = arguments.get("clients")) {
    out.clients.clear();
    for (const std::string& one : cli::split_list(*text)) {
      const auto value = cli::parse_number("--clients", one, 1, 4096);
      if (!value) wrong(value.error().message);
      out.clients.push_back(*value);
    }
  }
  out.duration = std::chrono::seconds(number(arguments, "seconds", 3, 1, 3600));
  out.rate = static_cast<double>(number(arguments, "rate", 0, 1, 10'000'000));
  out.rounds = number(arguments, "rounds", out.rounds, 1, 100);
  out.tries = number(arguments, "tries", out.tries, 1, 1000);
  std::string words = arguments.get("server-options").value_or("");
  for (char& c : words)
    if (c == ' ') c = ',';
  out.server_options = cli::split_list(words);
  // They are made by whole transactions.
  out.records = number(arguments, "records", out.records, records_min, 16'000'000) /
                bench::operations_per_transaction * bench::operations_per_transaction;
  out.networks = number(arguments, "networks", out.networks, 1, 2'000'000);
  out.entries = number(arguments, "entries", out.entries, 1000, 9'000'000);
  out.minutes = number(arguments, "minutes", out.minutes, 1, 24 * 60);
  out.burden = number(arguments, "burden", out.burden, 1, 1000);
  if (const auto file = arguments.get("file"))
    out.file = std::filesystem::absolute(*file).string();
  return out;
}

// When, of what, where and how something was measured.
boost::json::object about(const cli::Arguments& arguments, const std::string& command,
                          const bench::Settings& settings) {
  char date[32] = "";
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", ::gmtime_r(&now, &utc));
  return {{"date", date},
          {"commit", arguments.get("commit").value_or("")},
          {"command", command},
          {"machine", bench::describe_machine(settings.parent)}};
}

int run(const cli::Arguments& arguments, const std::string& command) {
  const std::string& what = arguments.positional(0);
  if (what == "engine")
    return bench::measure_engine(
        number(arguments, "records", 10'000'000, records_min, 1'000'000'000),
        number(arguments, "probes", 1'000'000, 1, 1'000'000'000));
  const bench::Settings settings = settings_of(arguments);
  const std::string json = arguments.get("json").value_or("");
  bench::Report report(json, json.empty() ? boost::json::object()
                                          : about(arguments, command, settings));
  if (what == "guard") return bench::keeps_its_cost(settings, report) ? 0 : 1;
  bool is_known = false;
  for (const Measurement& one : measurements) {
    if (what != "all" && what != one.name) continue;
    is_known = true;
    one.work(settings, report);
  }
  if (!is_known) wrong("what is " + what + "? See --help");
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const auto arguments = cli::parse_arguments(spec(), {words + 1, words + count});
  if (!arguments) wrong(arguments.error().message);
  if (arguments->has("help")) {
    fmt::print("{}", cli::help_text(spec()));
    return 0;
  }
  try {
    std::string command = "bench";
    for (int i = 1; i < count; ++i) command += fmt::format(" {}", words[i]);
    return run(*arguments, command);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench: {}\n", error.what());
    return 1;
  }
}
