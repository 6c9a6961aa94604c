// The fields of one record as texts by name, whatever the format, into a row. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "transfer/row.hpp"

namespace transfer {

struct Field {
  std::string name;
  std::string value;
};

// Names: type (vrf, network, allocation, reservation; guessed where it is missing), name, vrf,
// cidr, ip, end_ip, start, end, hostname, description, tags (as join_tags writes them), status,
// owner, reason, strategy, gateway, quarantine_seconds, threshold_percent, metadata.KEY. Empty
// values are as if they were not there, but in metadata. What is only shown (id, created_at, fence,
// …) is passed over; another name is an error.
base::Result<Object, std::string> object_of(const std::vector<Field>& fields);

// "10.0.0.5" or "10.0.0.5/24": the address, and the prefix where one is given.
struct Interface {
  ipam::Address address;
  ipam::Prefix network{};
  bool has_network = false;
};
std::optional<Interface> parse_interface(std::string_view text);

// Tags as one text: by semicolons, or as a JSON array where one of them could be misread then.
std::string join_tags(const std::vector<std::string>& tags);
// Where it is new and not empty. False: there are more than an object may have, which is refused,
// and more of them would only take time.
bool add_tag(std::vector<std::string>& tags, std::string_view tag);
// Also by commas.
std::vector<std::string> split_tags(std::string_view text);

}  // namespace transfer
