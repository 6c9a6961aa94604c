// On what something was measured: the processors, the memory, the kernel, the disk.
#pragma once

#include <boost/json.hpp>
#include <string>

namespace bench {

// Measures the disk under `folder` as well, in about a second: how long fdatasync takes after 4 KiB
// that made a file longer, and after 4 KiB that were written over.
boost::json::object describe_machine(const std::string& folder);

}  // namespace bench
