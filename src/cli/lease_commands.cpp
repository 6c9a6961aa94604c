// What becomes of an allocation after it was made: show, edit, renew, release.
#include <fmt/format.h>

#include "cli/allocation_options.hpp"
#include "cli/commands.hpp"
#include "ipam/address.hpp"

namespace cli {

namespace {

CommandResult check_release(const Arguments& arguments) {
  if (auto checked = check_network_option(arguments); !checked) return checked;
  return check_numbers(arguments, {"fence"});
}

// {"fence":7} where --fence is given. REQUIRES: check_numbers.
boost::json::object fence_body(const Arguments& arguments) {
  boost::json::object body;
  if (const auto fence = arguments.get("fence"))
    body["fence"] = *parse_number("--fence", *fence, 1, number_max);
  return body;
}

CommandResult release(Context& context) {
  auto found = find_holder(context, context.arguments.positional(0));
  if (!found) return base::fail(found.error());
  const boost::json::object& holder = *found;
  const std::string id = text_of(holder, "id");
  const auto address = ipam::parse_address(context.arguments.positional(0));
  if (ipam::parse_address(text_of(holder, "ip")) != address) {
    return base::fail(failed(
        fmt::format("IP {} is inside the block {} ({}): release its first address {}, which "
                    "releases the whole block",
                    ipam::to_string(*address), address_text(holder), id, text_of(holder, "ip"))));
  }
  auto released =
      context.client.post("/allocations/" + id + "/release", fence_body(context.arguments));
  if (!released) return base::fail(released.error());
  if (context.format != OutputFormat::table) return base::Ok{};
  const bool block = !text_of(holder, "end_ip").empty();
  context.io.out << "IP released successfully\n";
  print_field(context.io, block ? "IP range" : "IP", address_text(holder));
  print_field(context.io, "ID", id);
  return base::Ok{};
}

// The id of the allocation that the user named by alloc-N or by an address that it holds.
base::Result<std::string, CommandError> find_allocation(Context& context) {
  const std::string& name = context.arguments.positional(0);
  if (name.starts_with("alloc-")) return name;
  auto holder = find_holder(context, name);
  if (!holder) return base::fail(holder.error());
  return text_of(*holder, "id");
}

CommandResult show(Context& context) {
  auto id = find_allocation(context);
  if (!id) return base::fail(id.error());
  Query query;
  add_at(context.arguments, query);
  auto answer = context.client.get("/allocations/" + *id, query);
  if (!answer) return base::fail(answer.error());
  return print_allocation(context, *answer);
}

constexpr const char* edited_texts[] = {"hostname", "description", "owner"};

CommandResult check_edit(const Arguments& arguments) {
  if (auto checked = check_release(arguments); !checked) return checked;
  bool is_change = arguments.has("tags") || arguments.has("metadata");
  for (const char* option : edited_texts) is_change = is_change || arguments.has(option);
  if (!is_change)
    return base::fail(usage("'ipam allocation edit' needs something to change: --hostname, "
                            "--description, --tags, --owner or --metadata"));
  if (const auto pairs = arguments.get("metadata"))
    if (auto read = read_metadata(*pairs, true); !read) return base::fail(read.error());
  return base::Ok{};
}

CommandResult edit(Context& context) {
  const Arguments& arguments = context.arguments;
  boost::json::object body = fence_body(arguments);
  for (const char* option : edited_texts) {
    if (const auto text = arguments.get(option)) body[option] = *text;
  }
  if (const auto tags = arguments.get("tags")) body["tags"] = json_list(*tags);
  if (const auto pairs = arguments.get("metadata")) {
    auto metadata = read_metadata(*pairs, true);
    if (!metadata) return base::fail(metadata.error());
    body["metadata"] = *std::move(metadata);
  }
  if (arguments.has("unique-hostname")) body["unique_hostname"] = true;
  auto id = find_allocation(context);
  if (!id) return base::fail(id.error());
  auto answer = context.client.patch("/allocations/" + *id, body);
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::table)
    context.io.out << "Allocation changed successfully\n";
  return print_allocation(context, *answer);
}

CommandResult check_renew(const Arguments& arguments) {
  if (auto checked = check_release(arguments); !checked) return checked;
  if (!arguments.has("ttl")) return base::fail(usage("'ipam lease renew' needs --ttl"));
  return check_numbers(arguments, {"ttl"});
}

CommandResult renew(Context& context) {
  auto id = find_allocation(context);
  if (!id) return base::fail(id.error());
  boost::json::object body = fence_body(context.arguments);
  body["ttl"] = *parse_number("--ttl", context.arguments.get("ttl").value_or(""), 1, number_max);
  auto answer = context.client.post("/allocations/" + *id + "/renew", body);
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::table) context.io.out << "Lease renewed successfully\n";
  return print_allocation(context, *answer);
}

}  // namespace

std::vector<Command> lease_commands() {
  const OptionSpec network = {"network-id", 'n', "ID", "its network, where several have the IP"};
  const OptionSpec fence = {"fence", 0, "N", "fail where the allocation has another fence"};
  return {
      {{"release",
        "Release an address, or a whole block by its first address.",
        {{"IP", "the address"}},
        {network, fence},
        {"ipam release 192.168.1.1", "ipam release 10.0.0.5 -n net-2"}},
       check_release,
       release},
      {{"allocation show",
        "Show an allocation, active or ended.",
        {{"ID", "its id (alloc-7), or an address that it holds"}},
        {network, at_option()},
        {"ipam allocation show alloc-7", "ipam allocation show 192.168.1.1 --output json"}},
       check_network_option,
       show},
      {{"allocation edit",
        "Change fields of an allocation; an empty value clears one.",
        {{"ID", "its id (alloc-7), or an address that it holds"}},
        {{"hostname", 'H', "NAME", "the host that has it"},
         {"description", 'd', "TEXT", "what the address is for"},
         {"tags", 't', "A,B", "the tags instead of those that it has"},
         {"owner", 0, "NAME", "whose it is"},
         {"metadata", 0, "K=V,K", "texts to put; a key without = goes"},
         {"unique-hostname", 0, "", "fail where the network has the hostname already"},
         network,
         fence},
        {"ipam allocation edit alloc-7 -H web-02 --metadata rack=8,room",
         "ipam allocation edit 192.168.1.1 -d \"\""}},
       check_edit,
       edit},
      {{"lease renew",
        "Let a lease end so many seconds from now.",
        {{"ID", "the allocation's id (alloc-7), or an address that it holds"}},
        {{"ttl", 'T', "SECONDS", "from now"}, network, fence},
        {"ipam lease renew alloc-7 -T 3600", "ipam lease renew 192.168.1.1 -T 60 --fence 7"}},
       check_renew,
       renew},
  };
}

}  // namespace cli
