// Preconditions of commands: is the object that a command is about still as its client saw it?
// Looked at where the command is applied, so nothing comes between. Pure.
#pragma once

#include <optional>

#include "ipam/address_plan.hpp"
#include "ipam/command.hpp"
#include "ipam/errors.hpp"

namespace ipam {

// Whether it is about one object that is there already.
bool takes_precondition(const CommandBody& body);

// precondition_failed, with the revision of now. Where the object does not exist or has ended this
// says nothing: the command is refused for that.
std::optional<Error> check_precondition(const AddressPlan& plan, const Command& command);

}  // namespace ipam
