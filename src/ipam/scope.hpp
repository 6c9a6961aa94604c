// Who sent a command, and what of the plan it may touch: checked where it is applied, so that
// nothing depends on what the node that the client reached had seen. Pure.
#pragma once

#include <optional>
#include <vector>

#include "ipam/address_plan.hpp"
#include "ipam/command.hpp"
#include "ipam/errors.hpp"

namespace ipam {

// The reason where the token of the command is not valid any more.
std::optional<Error> check_token(const AddressPlan& plan, const Command& command, TimeMs now);

// The VRFs that the token of the command is limited to; empty where it is not. REQUIRES:
// check_token() found nothing.
const std::vector<VrfId>& vrfs_of(const AddressPlan& plan, const Command& command);

// The reason where the command touches more than these VRFs: what lies in others is not there for
// it, and what lies in none is forbidden. Of a Transaction and an Import nothing is checked here:
// each of their commands is.
std::optional<Error> check_scope(const AddressPlan& plan, const std::vector<VrfId>& vrfs,
                                 const CommandBody& body);

}  // namespace ipam
