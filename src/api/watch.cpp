// GET /watch: the change stream.
#include <fmt/format.h>

#include "api/handlers.hpp"
#include "api/problems.hpp"

namespace api {

Body watch(const Call& call) {
  Watch wanted{call.consistency, std::nullopt, {}};
  // A browser that reconnects sends the query that it began with, and the header that knows better.
  if (const std::string* header = call.request.header("Last-Event-ID")) {
    const auto revision = parse_whole_number(*header);
    if (!revision)
      return Answer{problem(Problem::invalid_header,
                            fmt::format("Last-Event-ID must be a revision, not {}",
                                        quoted(*header)))};
    wanted.since = ipam::Revision(*revision);
  } else if (const std::string* since = call.query.find("since")) {
    const auto revision = parse_whole_number(*since);
    if (!revision)
      return Answer{problem(Problem::invalid_parameter,
                            fmt::format("since must be a revision, not {}", quoted(*since)))};
    wanted.since = ipam::Revision(*revision);
  }
  return wanted;
}

}  // namespace api
