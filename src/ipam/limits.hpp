// The limits of model.hpp and the form of what a command carries, checked once more where it is
// applied: commands come from the log, and an older or a broken API may have written them. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "ipam/command.hpp"
#include "ipam/errors.hpp"

namespace ipam {

// Not one that the audit log gives a meaning of its own, nor the form of an id, nor a slash, which
// could not be in a path.
bool is_token_name(std::string_view name);

// The reason to refuse the command whatever the state is; always ErrorCode::invalid_argument.
std::optional<Error> check_limits(const Command& command);
// Of an operation, once its references have their values: those of a transaction are not checked
// with it, so that the error can say which one it is.
std::optional<Error> check_limits(const CommandBody& body);

}  // namespace ipam
