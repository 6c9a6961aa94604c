// What the commands for allocations share: how they read options and show records. Pure.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.hpp"

namespace cli {

inline constexpr std::uint64_t number_max = std::uint64_t{1} << 53;  // JSON is exact up to here

// "192.168.1.1", or "192.168.1.1 - 192.168.1.5" for a block.
std::string address_text(const boost::json::object& allocation);
std::vector<Column> allocation_columns();
// Prints one allocation in the format that was asked for, as a table field by field.
CommandResult print_allocation(Context& context, const std::string& answer);

// That --network-id is not empty where it is given.
CommandResult check_network_option(const Arguments& arguments);
// That these options are numbers from 1 on where they are given.
CommandResult check_numbers(const Arguments& arguments,
                            std::initializer_list<const char*> options);

// "a, b" as a JSON array.
boost::json::array json_list(const std::string& items);
// "rack=7,room=2" as an object. With `removes` a key without "=" becomes null: it is to go; and an
// empty text is null: all of it is to go.
base::Result<boost::json::value, CommandError> read_metadata(const std::string& pairs,
                                                             bool removes);

// The active allocation that holds the address; in the network of --network-id where given.
base::Result<boost::json::object, CommandError> find_holder(Context& context,
                                                            const std::string& ip);

}  // namespace cli
