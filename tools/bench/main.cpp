// bench: how fast ipam is, on clusters of real processes that it starts itself, beside etcd.
//   build/tools/bench writes | reads | batches | failover | idle | all | engine   [options]
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>

#include "bench/measurements.hpp"
#include "cli/arguments.hpp"

namespace {

constexpr std::uint64_t records_min = 1000;

const cli::CommandSpec& spec() {
  static const cli::CommandSpec spec{
      "bench",
      "How fast ipam is: starts clusters of its own on this machine and loads them.",
      {{"WHAT", "writes, reads, batches, failover, idle, all of these, or engine"}},
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
       {"records", 0, "N", "engine: allocations (default 10000000)"},
       {"probes", 0, "N", "engine: of each measurement (default 1000000)"}},
      {"bench writes --clients 64 --seconds 5", "bench engine --records 1000000"}};
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
  return out;
}

int run(const cli::Arguments& arguments) {
  const std::string& what = arguments.positional(0);
  if (what == "engine")
    return bench::measure_engine(
        number(arguments, "records", 10'000'000, records_min, 1'000'000'000),
        number(arguments, "probes", 1'000'000, 1, 1'000'000'000));
  const bench::Settings settings = settings_of(arguments);
  const bool is_all = what == "all";
  bool is_known = false;
  const auto measure = [&](const char* name, void (*work)(const bench::Settings&)) {
    if (!is_all && what != name) return;
    is_known = true;
    work(settings);
  };
  measure("writes", bench::measure_writes);
  measure("reads", bench::measure_reads);
  measure("batches", bench::measure_batches);
  measure("failover", bench::measure_failover);
  measure("idle", bench::measure_idle);
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
    return run(*arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench: {}\n", error.what());
    return 1;
  }
}
