#include "scenario.hpp"

#include <sstream>

#include <fmt/format.h>

#include "scenario_steps.hpp"
#include "violation.hpp"

namespace simulation {

namespace {

std::string place(const Scenario& scenario, std::size_t line) {
  return fmt::format("{}:{}", scenario.file, line);
}

void read_header(Scenario& scenario, const Scenario::Step& step, Words words) {
  if (words.take("bug")) {
    scenario.bug = static_cast<unsigned>(words.number("the number of the bug"));
  } else {
    words.take("mutant");
    Scenario::Kill kill;
    kill.mutant = words.word("the name of a mutant");
    if (!words.take("breaks")) words.fail("'breaks' and the name of an invariant");
    kill.invariant = words.word("the name of an invariant");
    scenario.kills.push_back(kill);
  }
  words.end();
  if (!scenario.steps.empty())
    throw ScenarioError(place(scenario, step.line) + ": expected 'bug' and 'mutant' before the "
                                                     "first step");
}

}  // namespace

Scenario parse_scenario(const std::string& file, const std::string& text) {
  Scenario scenario;
  scenario.file = file;
  std::istringstream lines(text);
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    Scenario::Step step{++number, line, {}};
    std::istringstream words(line.substr(0, line.find('#')));
    for (std::string word; words >> word;) step.words.push_back(word);
    if (step.words.empty()) continue;
    try {
      if (step.words.front() == "bug" || step.words.front() == "mutant")
        read_header(scenario, step, Words(step.words));
      else
        scenario.steps.push_back(step);
    } catch (const WordsError& error) {
      throw ScenarioError(fmt::format("{}: {}: {}", place(scenario, number), line, error.what()));
    }
  }
  if (scenario.bug == 0) throw ScenarioError(place(scenario, number) + ": expected a line 'bug N'");
  return scenario;
}

ScenarioResult run_scenario(const Scenario& scenario, Mutant mutant, std::FILE* out) {
  ScenarioResult result;
  ScenarioSteps steps(mutant, out);
  for (const Scenario::Step& step : scenario.steps) {
    if (out != nullptr) {
      fmt::print(out, "{}: {}\n", step.line, step.text);
      std::fflush(out);
    }
    try {
      steps.perform(Words(step.words));
    } catch (const WordsError& error) {
      throw ScenarioError(
          fmt::format("{}: {}: {}", place(scenario, step.line), step.text, error.what()));
    } catch (const Violation& violation) {
      result.broke = violation.invariant;
      result.text = violation.what();
    } catch (const ExpectationFailed& failed) {
      result.broke = expectation;
      result.text = failed.what();
    }
    if (result.broke.empty()) continue;
    result.text =
        fmt::format("{}: {}: {}{}", place(scenario, step.line), step.text, result.text,
                    steps.describe());
    break;
  }
  result.trace_hash = steps.trace_hash();
  return result;
}

}  // namespace simulation
