// Makes a file that is there after a crash with all of its content or not at all, and that never
// replaces another: what cluster.json is written with.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace server {

// The text is in the file and on the disk when this returns. A file of that name that is there
// already is an error, and is left as it is; errors name the file and the reason.
// `mode` is that of open(2).
base::Result<base::Ok, std::string> write_new_file(const std::string& file, std::string_view text,
                                                   unsigned mode = 0644);

}  // namespace server
