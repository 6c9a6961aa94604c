// mutants: puts every known bug into the code, one after the other, and runs seeds until an
// invariant notices it. Prints a row for each; fails where one survives or dies of anything else.
//   build/tools/mutants [--level core|node] [--seeds N] [--minutes N] [NAME…]
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "mutants.hpp"
#include "node/node_simulation.hpp"
#include "simulation.hpp"

namespace {

using namespace simulation;

struct Arguments {
  std::uint64_t seeds = 2000;
  unsigned minutes = 0;  // 0: 5, and 2 of whole nodes
  bool nodes = false;  // --level node
  std::vector<std::string> mutants;
};

struct Verdict {
  std::string invariant;  // empty: it survived
  std::uint64_t seeds = 0;
  double wall_s = 0;
};

Arguments parse(int count, char** words) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if ((word == "--seeds" || word == "--minutes") && i + 1 < count) {
      const auto value = std::strtoull(words[++i], nullptr, 10);
      if (word == "--seeds")
        arguments.seeds = value;
      else
        arguments.minutes = static_cast<unsigned>(value);
    } else if (word == "--level" && i + 1 < count) {
      arguments.nodes = std::string(words[++i]) == "node";
    } else {
      arguments.mutants.push_back(word);
    }
  }
  const auto every = arguments.nodes ? every_node_mutant() : every_mutant();
  if (arguments.minutes == 0) arguments.minutes = arguments.nodes ? 2 : 5;
  if (arguments.mutants.empty()) arguments.mutants = every;
  for (const std::string& mutant : arguments.mutants) {
    if (std::find(every.begin(), every.end(), mutant) != every.end()) continue;
    fmt::print(stderr, "no such mutant: {}; simulate --list-mutants names them\n", mutant);
    std::exit(2);
  }
  return arguments;
}

// In a process of its own, for an assertion ends it. Gives the invariant, "-" for none.
std::string run_seed(const std::string& mutant, std::uint64_t seed, const Arguments& arguments) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) std::abort();
  if (child == 0) {
    close(ends[0]);
    if (std::freopen("/dev/null", "w", stderr) == nullptr) std::abort();
    SimulationOptions options;
    options.seed = seed;
    options.duration = arguments.minutes * 60 * second;
    put_in(mutant, options);
    const Outcome outcome = arguments.nodes ? simulate_nodes(options) : simulate(options);
    const std::string name = outcome.failure ? outcome.failure->invariant : "-";
    _exit(write(ends[1], name.data(), name.size()) > 0 ? 0 : 1);
  }
  close(ends[1]);
  char buffer[128];
  const ssize_t size = read(ends[0], buffer, sizeof buffer);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return size > 0 ? std::string(buffer, static_cast<std::size_t>(size)) : "assertion";
}

Verdict judge(const std::string& mutant, const Arguments& arguments) {
  const auto begin = std::chrono::steady_clock::now();
  Verdict verdict;
  for (std::uint64_t seed = 1; seed <= arguments.seeds; ++seed) {
    const std::string invariant = run_seed(mutant, seed, arguments);
    verdict.seeds = seed;
    if (invariant == "-") continue;
    verdict.invariant = invariant;
    break;
  }
  verdict.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return verdict;
}

}  // namespace

int main(int count, char** words) {
  const Arguments arguments = parse(count, words);
  std::vector<std::uint64_t> seeds;
  int failures = 0;
  fmt::print("{:34} {:32} {:>6} {:>8}\n", "mutant", "killed by", "seeds", "wall s");
  for (const std::string& mutant : arguments.mutants) {
    const Verdict verdict = judge(mutant, arguments);
    const bool killed = !verdict.invariant.empty() && verdict.invariant != "assertion";
    if (!killed) ++failures;
    seeds.push_back(verdict.seeds);
    fmt::print("{:34} {:32} {:>6} {:>8.1f}\n", mutant,
               verdict.invariant.empty() ? "SURVIVED" : verdict.invariant, verdict.seeds,
               verdict.wall_s);
    std::fflush(stdout);
  }
  std::sort(seeds.begin(), seeds.end());
  fmt::print("mutants={} killed={} median_seeds={} worst_seeds={}\n", seeds.size(),
             seeds.size() - static_cast<std::size_t>(failures), seeds[seeds.size() / 2],
             seeds.back());
  return failures == 0 ? 0 : 1;
}
