// simulate: runs seeds of tests/simulation, in several processes, and reports what broke.
// A process of its own for each job: an ASSERT ends the process, and is then a finding like a
// violated invariant.
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "mutants.hpp"
#include "node/node_simulation.hpp"
#include "scenario.hpp"
#include "simulation.hpp"

namespace {

using namespace simulation;

constexpr std::size_t minimising_runs_max = 80;

struct Arguments {
  std::uint64_t first = 1, last = 1;
  bool single = false;
  bool trace = false;
  bool nodes = false;  // --level node
  unsigned jobs = 1;
  unsigned minutes = 0;  // 0: 10, and 2 of whole nodes
  std::string mutant;  // empty: none
  std::string scenario;  // a file; empty: seeds
  std::vector<std::size_t> only_faults;
  bool only = false;
};

// What a worker writes to the parent, one per line: the seed it begins; then its result.
struct Totals {
  Statistics statistics;
  Time simulated = 0;
  std::uint64_t seeds = 0, rich_seeds = 0, violations = 0;
  std::vector<std::uint64_t> failed_seeds;
};

[[noreturn]] void usage(const char* problem) {
  fmt::print(stderr,
             "{}\nusage: simulate --seed N | --seeds A-B [--level core|node] [--jobs N] [--trace]\n"
             "                [--minutes N] [--mutant NAME] [--list-mutants] [--faults 1,2,...]\n"
             "       simulate --scenario FILE [--mutant NAME]\n",
             problem);
  std::exit(2);
}

std::uint64_t number(const char* text, const char** end) {
  char* stop = nullptr;
  const std::uint64_t value = std::strtoull(text, &stop, 10);
  if (stop == text) usage("a number is missing");
  *end = stop;
  return value;
}

std::uint64_t number(const char* text) {
  const char* end = nullptr;
  const std::uint64_t value = number(text, &end);
  if (*end != '\0') usage("not a number");
  return value;
}

void list_mutants() {
  for (const std::string& mutant : every_mutant()) fmt::print("{}\n", mutant);
  for (const std::string& mutant : every_node_mutant()) fmt::print("{} --level node\n", mutant);
}

Arguments parse(int count, char** words) {
  Arguments arguments;
  const char* end = nullptr;
  bool seeds = false;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--trace") {
      arguments.trace = true;
      continue;
    }
    if (word == "--list-mutants") {
      list_mutants();
      std::exit(0);
    }
    if (word == "--help") usage("runs simulated clusters");
    if (i + 1 >= count) usage("a value is missing");
    const char* value = words[++i];
    if (word == "--seed") {
      arguments.first = arguments.last = number(value);
      arguments.single = seeds = true;
    } else if (word == "--seeds") {
      arguments.first = number(value, &end);
      if (*end != '-') usage("--seeds A-B");
      arguments.last = number(end + 1);
      seeds = true;
    } else if (word == "--jobs") {
      arguments.jobs = static_cast<unsigned>(std::max<std::uint64_t>(1, number(value)));
    } else if (word == "--minutes") {
      arguments.minutes = static_cast<unsigned>(std::max<std::uint64_t>(1, number(value)));
    } else if (word == "--level") {
      arguments.nodes = std::strcmp(value, "node") == 0;
      if (!arguments.nodes && std::strcmp(value, "core") != 0) usage("--level core or node");
    } else if (word == "--mutant") {
      SimulationOptions unused;
      if (!put_in(value, unused)) usage("no such mutant; see --list-mutants");
      arguments.mutant = value;
      arguments.nodes = arguments.nodes || is_node_mutant(value);
    } else if (word == "--scenario") {
      arguments.scenario = value;
      seeds = true;
    } else if (word == "--faults") {
      arguments.only = true;
      for (const char* at = value; *at != '\0';) {
        arguments.only_faults.push_back(number(at, &end));
        at = *end == ',' ? end + 1 : end;
        if (*end != ',' && *end != '\0') usage("--faults 1,2,...");
      }
    } else {
      usage("unknown option");
    }
  }
  if (arguments.minutes == 0) arguments.minutes = arguments.nodes ? 2 : 10;
  if (!seeds || arguments.first > arguments.last) usage("--seed or --seeds is missing");
  return arguments;
}

SimulationOptions options_of(const Arguments& arguments, std::uint64_t seed) {
  SimulationOptions options;
  options.seed = seed;
  options.duration = arguments.minutes * 60 * second;
  if (!arguments.mutant.empty()) put_in(arguments.mutant, options);
  if (arguments.trace) options.trace_out = stdout;
  if (arguments.only) {
    options.skipped_faults.assign(1 << 16, true);
    for (const std::size_t fault : arguments.only_faults)
      if (fault < options.skipped_faults.size()) options.skipped_faults[fault] = false;
  }
  return options;
}

std::string replay_command(const Arguments& arguments, std::uint64_t seed) {
  std::string command = fmt::format("build/tools/simulate --seed {}", seed);
  if (arguments.nodes) command += " --level node";
  if (arguments.minutes != (arguments.nodes ? 2 : 10))
    command += fmt::format(" --minutes {}", arguments.minutes);
  if (!arguments.mutant.empty()) command += " --mutant " + arguments.mutant;
  return command;
}

void report(const Arguments& arguments, const SimulationOptions& options, const Failure& failure) {
  std::string text = fmt::format(
      "\nVIOLATION of {} by seed {} at {}.{:06} s: {}\n{}", failure.invariant, options.seed,
      failure.at / second, failure.at % second, failure.text, failure.trace_tail);
  fmt::print(stderr, "{}", text);
  text.clear();
  if (!arguments.only && arguments.single) {
    const auto faults =
        arguments.nodes
            ? minimise_node_faults(options, failure.invariant, minimising_runs_max)
            : minimise_faults(options, failure.invariant, minimising_runs_max);
    std::string list;
    for (const std::size_t fault : faults)
      list += fmt::format("{}{}", list.empty() ? "" : ",", fault);
    text += fmt::format("faults that suffice:\n{}",
                        arguments.nodes
                            ? describe_node_faults(options.seed, options.duration, faults)
                            : describe_faults(options.seed, options.duration, faults));
    text += fmt::format("with them only: {} --faults {} --trace\n",
                        replay_command(arguments, options.seed), list);
  }
  text += fmt::format("replay: {} --trace\n", replay_command(arguments, options.seed));
  fmt::print(stderr, "{}", text);
}

// Runs every `arguments.jobs`-th seed from `first` on.
void work(const Arguments& arguments, std::uint64_t first, int out) {
  for (std::uint64_t seed = first; seed <= arguments.last; seed += arguments.jobs) {
    const SimulationOptions options = options_of(arguments, seed);
    std::string line = fmt::format("begin {}\n", seed);
    if (write(out, line.data(), line.size()) < 0) return;
    const Outcome outcome = arguments.nodes ? simulate_nodes(options) : simulate(options);
    const Statistics& s = outcome.statistics;
    line = fmt::format("end {} {} {} {} {} {} {} {} {} {:016x} {}\n", seed, outcome.simulated,
                       s.elections, s.crashes, s.membership_changes, s.snapshots, s.reads, s.writes,
                       outcome.failure ? outcome.failure->invariant : "-", outcome.trace_hash,
                       outcome.events);
    // The finding first: minimising it may hit an assertion.
    if (write(out, line.data(), line.size()) < 0) return;
    if (outcome.failure) report(arguments, options, *outcome.failure);
  }
}

struct Worker {
  pid_t process = 0;
  int pipe = -1;
  std::string input;
  std::uint64_t seed = 0;  // in work; 0: none
  std::uint64_t next = 0;
};

void start(Worker& worker, const Arguments& arguments) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("pipe");
  std::fflush(nullptr);
  worker.process = fork();
  if (worker.process < 0) throw std::runtime_error("fork");
  if (worker.process == 0) {
    close(ends[0]);
    work(arguments, worker.next, ends[1]);
    std::fflush(nullptr);
    _exit(0);
  }
  close(ends[1]);
  worker.pipe = ends[0];
}

void take_line(Worker& worker, const Arguments& arguments, const std::string& line,
               Totals& totals) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  const auto value = [&](std::size_t i) { return std::strtoull(words.at(i).c_str(), nullptr, 10); };
  if (words.at(0) == "begin") {
    worker.seed = value(1);
    worker.next = worker.seed + arguments.jobs;
    return;
  }
  worker.seed = 0;
  Statistics& sum = totals.statistics;
  ++totals.seeds;
  totals.simulated += value(2);
  sum.elections += value(3), sum.crashes += value(4), sum.membership_changes += value(5);
  sum.snapshots += value(6), sum.reads += value(7), sum.writes += value(8);
  totals.rich_seeds +=
      value(3) >= 5 && value(4) >= 5 && value(5) >= 2 && value(6) >= 1;
  if (words.at(9) != "-") {
    ++totals.violations;
    totals.failed_seeds.push_back(value(1));
  }
  if (arguments.single)
    fmt::print("seed={} events={} trace_hash={}\n", value(1), value(11), words.at(10));
}

// False at the end of what the worker has to say.
bool read_from(Worker& worker, const Arguments& arguments, Totals& totals) {
  char buffer[4096];
  const ssize_t size = read(worker.pipe, buffer, sizeof buffer);
  if (size <= 0) return false;
  worker.input.append(buffer, static_cast<std::size_t>(size));
  for (std::size_t end; (end = worker.input.find('\n')) != std::string::npos;) {
    take_line(worker, arguments, worker.input.substr(0, end), totals);
    worker.input.erase(0, end + 1);
  }
  return true;
}

void finish(Worker& worker, const Arguments& arguments, Totals& totals) {
  close(worker.pipe);
  worker.pipe = -1;
  int status = 0;
  waitpid(worker.process, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  if (worker.seed != 0) {
    ++totals.violations;
    ++totals.seeds;
    totals.failed_seeds.push_back(worker.seed);
    fmt::print(stderr,
               "\nVIOLATION of assertion by seed {}: the process ended\nreplay: {} --trace\n",
               worker.seed, replay_command(arguments, worker.seed));
    worker.seed = 0;
  }
  worker.input.clear();
  if (worker.next <= arguments.last) start(worker, arguments);
}

Totals run(const Arguments& arguments) {
  Totals totals;
  std::vector<Worker> workers(arguments.jobs);
  for (unsigned i = 0; i < arguments.jobs; ++i) {
    workers[i].next = arguments.first + i;
    if (workers[i].next <= arguments.last) start(workers[i], arguments);
  }
  auto progress = std::chrono::steady_clock::now();
  while (true) {
    std::vector<pollfd> polls;
    std::vector<Worker*> polled;
    for (Worker& worker : workers)
      if (worker.pipe >= 0) {
        polls.push_back({worker.pipe, POLLIN, 0});
        polled.push_back(&worker);
      }
    if (polls.empty()) break;
    poll(polls.data(), polls.size(), -1);
    for (std::size_t i = 0; i < polls.size(); ++i)
      if (polls[i].revents != 0 && !read_from(*polled[i], arguments, totals))
        finish(*polled[i], arguments, totals);
    const auto now = std::chrono::steady_clock::now();
    if (!arguments.single && now - progress > std::chrono::seconds(2)) {
      progress = now;
      fmt::print(stderr, "{} of {} seeds, {} violations\n", totals.seeds,
                 arguments.last - arguments.first + 1, totals.violations);
    }
  }
  return totals;
}

// A directed scenario prints each step and what it causes.
int run_scenario_file(const Arguments& arguments) {
  std::ifstream in(arguments.scenario);
  std::stringstream text;
  if (!in || !(text << in.rdbuf())) usage("the file of the scenario cannot be read");
  SimulationOptions options;
  if (!arguments.mutant.empty()) put_in(arguments.mutant, options);
  try {
    const auto result = run_scenario(parse_scenario(arguments.scenario, text.str()),
                                     options.mutant, stdout);
    if (result.broke.empty()) fmt::print("scenario={} passed\n", arguments.scenario);
    else fmt::print("VIOLATION of {}\n{}\n", result.broke, result.text);
    return result.broke.empty() ? 0 : 1;
  } catch (const ScenarioError& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}

}  // namespace

int main(int count, char** words) {
  const Arguments arguments = parse(count, words);
  if (!arguments.scenario.empty()) return run_scenario_file(arguments);
  const auto begin = std::chrono::steady_clock::now();
  const Totals totals = run(arguments);
  const double wall =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double simulated = static_cast<double>(totals.simulated) / second;
  const Statistics& s = totals.statistics;
  if (!totals.failed_seeds.empty()) {
    fmt::print("failed seeds:");
    for (const auto seed : totals.failed_seeds) fmt::print(" {}", seed);
    fmt::print("\n");
  }
  if (totals.seeds > 0 && !arguments.single)
    fmt::print("seeds with five crashes, five elections, two membership changes and a snapshot: "
               "{:.1f}%\n",
               100.0 * static_cast<double>(totals.rich_seeds) / static_cast<double>(totals.seeds));
  fmt::print("seeds={} simulated_hours={:.2f} wall_s={:.2f} speedup={:.0f}x elections={} "
             "crashes={} membership_changes={} snapshots={} reads={} writes={} violations={}\n",
             totals.seeds, simulated / 3600, wall, simulated / wall, s.elections, s.crashes,
             s.membership_changes, s.snapshots, s.reads, s.writes, totals.violations);
  return totals.violations == 0 ? 0 : 1;
}
