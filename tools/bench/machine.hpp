// On what something was measured: the processors, the memory, the kernel, the disk.
#pragma once

#include <boost/json.hpp>
#include <string>

namespace bench {

// Measures the disk under `folder` as well, in about a second: how long fdatasync takes after 4 KiB
// that made a file longer, and after 4 KiB that were written over.
boost::json::object describe_machine(const std::string& folder);

// What the hypervisor gave to other machines of what these processors wanted, in seconds since the
// start of this one, of all processors together; 0 where that is not known. Of /proc/stat, "steal".
double stolen_seconds();

}  // namespace bench
