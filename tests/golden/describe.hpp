// Messages, as a person reads them in a golden script.
#pragma once

#include <string>

#include "raft/core/message.hpp"

namespace golden {

std::string describe(const raft::Message& message);
// "1v 2v 3" for two voters and a learner; "->" marks a joint configuration: "1vo 2v 3o".
std::string describe(const raft::Configuration& configuration);
// "5/2 x": index, term, and what it holds.
std::string describe(const raft::Entry& entry);

}  // namespace golden
