// A named invariant does not hold. Thrown through the simulation to its caller; the name is what
// tests and people go by.
#pragma once

#include <stdexcept>
#include <string>

namespace simulation {

struct Violation : std::runtime_error {
  Violation(const char* name, const std::string& text)
      : std::runtime_error(text), invariant(name) {}
  const char* invariant;
};

}  // namespace simulation
