// ASSERT states what must hold if our own code is right. It is on in every build, and a failure
// ends the process: a node that is wrong about itself must not go on acknowledging writes.
// Bad input is never an ASSERT: it is a Result (base/result.hpp).
#pragma once

namespace base {

// Prints `expression`, the place and `message` to stderr and aborts.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line,
                                   const char* message);

}  // namespace base

#define ASSERT(condition) ASSERT_MSG(condition, "")
#define ASSERT_MSG(condition, message)                                         \
  (static_cast<bool>(condition)                                                \
       ? void(0)                                                               \
       : ::base::assertion_failed(#condition, __FILE__, __LINE__, message))
#define UNREACHABLE() ::base::assertion_failed("unreachable", __FILE__, __LINE__, "")
