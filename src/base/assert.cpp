#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace base {

void assertion_failed(const char* expression, const char* file, int line, const char* message) {
  std::fprintf(stderr, "%s:%d: assertion failed: %s %s\n", file, line, expression, message);
  std::fflush(stderr);
  std::abort();
}

}  // namespace base
