// The verbs of the language of scenarios, performed on a ScenarioCluster.
#pragma once

#include <memory>

#include "scenario_cluster.hpp"

namespace simulation {

class ScenarioSteps {
 public:
  ScenarioSteps(Mutant mutant, std::FILE* out);

  // Throws WordsError, ExpectationFailed, Violation.
  void perform(Words words);
  // A line for each node and message, for a person.
  std::string describe() { return cluster_ ? cluster_->describe() : ""; }
  std::uint64_t trace_hash() const { return cluster_ ? cluster_->trace_hash() : 0; }

 private:
  // Before and with `nodes`.
  void option(Words& words);
  void nodes(Words& words);
  // Time.
  void tick(Words& words);
  void run(Words& words);
  void elect(Words& words);
  // Messages.
  void deliver(Words& words);
  void drop(Words& words);
  void hold(Words& words);
  void duplicate(Words& words);
  void release(Words& words);
  // Links and nodes.
  void cut(Words& words);
  void isolate(Words& words);
  void partition(Words& words);
  void heal(Words& words);
  void disconnect(Words& words);
  void pause(Words& words);
  void resume(Words& words);
  void crash(Words& words);
  void restart(Words& words);
  void wipe(Words& words);
  // Disks.
  void disk(Words& words);
  void persist(Words& words);
  void fail(Words& words);
  void compact(Words& words);
  // Clients and operators.
  void propose(Words& words);
  void read(Words& words);
  void add(Words& words);
  void remove(Words& words);
  void transfer(Words& words);
  void expect(Words& words);

  Host& asked_host(Words& words);
  void check_accepted(Words& words, bool accepted);

  HostOptions options_;
  std::FILE* out_;
  std::unique_ptr<ScenarioCluster> cluster_;  // from `nodes` on
};

// scenario_expectations.cpp: the rest of a line that began with `expect`.
void check_expectation(ScenarioCluster& cluster, Words& words);

}  // namespace simulation
