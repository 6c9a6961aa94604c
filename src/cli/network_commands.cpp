#include <fmt/format.h>

#include "cli/allocation_options.hpp"
#include "cli/commands.hpp"
#include "ipam/address.hpp"

namespace cli {

namespace {

// Empty for the default one, so that who has no others sees nothing of it.
std::string vrf_unless_default(const boost::json::object& network) {
  const std::string vrf = text_of(network, "vrf");
  return vrf == "default" ? "" : vrf;
}

std::string status_unless_active(const boost::json::object& network) {
  const std::string status = text_of(network, "status");
  return status == "active" ? "" : status;
}

std::vector<Column> network_columns() {
  return {
      {"ID", field("id")},
      {"CIDR", field("cidr")},
      {"Description", field("description"), Shown::always, true},
      {"Tags", field("tags"), Shown::always, true},
      {"VRF", vrf_unless_default, Shown::table_only, false, false, true},
      {"VRF", field("vrf"), Shown::csv_only},
      {"Status", status_unless_active, Shown::table_only, false, false, true},
      {"Status", field("status"), Shown::csv_only},
      {"Created", field("created_at")},
      {"Updated", field("updated_at"), Shown::csv_only},
  };
}

boost::json::array tags_of(const std::string& text) {
  boost::json::array list;
  for (const std::string& tag : split_list(text)) list.emplace_back(tag);
  return list;
}

CommandResult print_network(Context& context, const std::string& answer,
                            std::string_view message) {
  if (context.format == OutputFormat::json) {
    print_json(context.io, answer);
    return base::Ok{};
  }
  auto network = context.client.object(answer);
  if (!network) return base::fail(network.error());
  if (context.format == OutputFormat::csv) {
    print_rows(context, network_columns(), {*network});
    return base::Ok{};
  }
  if (!message.empty()) context.io.out << message << '\n';
  print_field(context.io, "ID", text_of(*network, "id"));
  print_field(context.io, "CIDR", text_of(*network, "cidr"));
  print_field(context.io, "VRF", vrf_unless_default(*network));
  print_field(context.io, "Description", text_of(*network, "description"));
  print_field(context.io, "Tags", text_of(*network, "tags"));
  print_field(context.io, "Status", status_unless_active(*network));
  for (const auto& [title, key] :
       {std::pair{"Gateway", "gateway"}, {"Strategy", "strategy"},
        {"Quarantine", "quarantine_seconds"}, {"Threshold", "threshold_percent"},
        {"Metadata", "metadata"}, {"Parent", "parent_id"}})
    print_field(context.io, title, text_of(*network, key));
  return base::Ok{};
}

std::vector<std::string> statuses() { return {"active", "container", "reserved", "deprecated"}; }

// What `network add` and `network edit` share. Where it edits, an empty text or 0 clears.
std::vector<OptionSpec> attribute_options() {
  return {
      {"description", 'd', "TEXT", "what the network is for"},
      {"tags", 't', "A,B", "tags, separated by commas"},
      {"status", 0, "STATUS", "active, container, reserved or deprecated", statuses()},
      {"gateway", 0, "IP", "an address that is never handed out by itself"},
      {"strategy", 0, "STRATEGY",
       "how free addresses are chosen: first, last, random, sparse or sticky",
       {"first", "last", "random", "sparse", "sticky"}},
      {"quarantine", 0, "SECONDS", "so long an address waits after its release"},
      {"threshold", 0, "PERCENT", "tell when so much of it is in use"},
      {"metadata", 0, "KEY=VALUE,...", "texts of your own"},
  };
}

constexpr std::pair<const char*, const char*> number_attributes[] = {
    {"quarantine", "quarantine_seconds"}, {"threshold", "threshold_percent"}};

CommandResult check_attributes(const Arguments& arguments, bool edits) {
  for (const auto& [option, name] : number_attributes) {
    const auto text = arguments.get(option);
    if (!text) continue;
    const auto number =
        parse_number(fmt::format("--{}", option), *text, edits ? 0 : 1, number_max);
    if (!number) return base::fail(usage(number.error()));
  }
  const auto metadata = read_metadata(arguments.get("metadata").value_or(""), edits);
  if (!metadata) return base::fail(metadata.error());
  return base::Ok{};
}

// REQUIRES: check_attributes() has no complaint.
boost::json::object attributes_of(const Arguments& arguments, bool edits) {
  boost::json::object body;
  if (const auto text = arguments.get("description")) body["description"] = *text;
  if (const auto text = arguments.get("tags")) body["tags"] = tags_of(*text);
  for (const char* name : {"status", "gateway", "strategy"})
    if (const auto text = arguments.get(name)) {
      body[name] = *text;
      if (edits && text->empty()) body[name] = nullptr;
    }
  for (const auto& [option, name] : number_attributes)
    if (const auto text = arguments.get(option)) {
      body[name] = std::stoull(*text);
      if (body[name] == 0) body[name] = nullptr;
    }
  if (const auto text = arguments.get("metadata")) body["metadata"] = *read_metadata(*text, edits);
  return body;
}

std::vector<OptionSpec> with_vrf(std::vector<OptionSpec> options) {
  options.push_back({"vrf", 0, "VRF", "the VRF that it is in (default)"});
  return options;
}

CommandResult check_add(const Arguments& arguments) { return check_attributes(arguments, false); }

CommandResult network_add(Context& context) {
  boost::json::object body;
  body["cidr"] = context.arguments.positional(0);
  for (auto& [name, value] : attributes_of(context.arguments, false)) body[name] = value;
  if (const auto vrf = context.arguments.get("vrf")) body["vrf"] = *vrf;
  auto answer = context.client.post("/networks", body);
  if (!answer) return base::fail(answer.error());
  return print_network(context, *answer, "Network added successfully");
}

CommandResult network_list(Context& context) {
  Query query;
  for (const char* filter : {"vrf", "within", "contains", "family", "tag", "status"})
    if (const auto text = context.arguments.get(filter)) query.emplace_back(filter, *text);
  if (const auto text = context.arguments.get("search")) query.emplace_back("q", *text);
  auto answer = get_list(context, "/networks", std::move(query));
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::json) {
    print_json(context.io, *answer);
    return base::Ok{};
  }
  auto networks = context.client.list(*answer);
  if (!networks) return base::fail(networks.error());
  if (networks->empty() && context.format == OutputFormat::table) {
    context.io.out << "No networks found\n";
  } else {
    print_rows(context, network_columns(), *networks);
  }
  return base::Ok{};
}

CommandResult print_networks(Context& context, const std::string& answer,
                             std::string_view where_none) {
  if (context.format == OutputFormat::json) {
    print_json(context.io, answer);
    return base::Ok{};
  }
  auto networks = context.client.list(answer);
  if (!networks) return base::fail(networks.error());
  if (networks->empty() && context.format == OutputFormat::table)
    context.io.out << where_none << '\n';
  else
    print_rows(context, network_columns(), *networks);
  return base::Ok{};
}

CommandResult network_children(Context& context) {
  auto id = find_network(context, context.arguments.positional(0));
  if (!id) return base::fail(id.error());
  auto answer = context.client.get("/networks/" + *id + "/children");
  if (!answer) return base::fail(answer.error());
  return print_networks(context, *answer, "No networks found");
}

CommandResult check_edit(const Arguments& arguments) {
  if (arguments.has("cidr")) return check_attributes(arguments, true);
  for (const OptionSpec& option : attribute_options())
    if (arguments.has(option.name)) return check_attributes(arguments, true);
  return base::fail(usage("'ipam network edit' needs an option that says what to change"));
}

CommandResult network_edit(Context& context) {
  boost::json::object body = attributes_of(context.arguments, true);
  if (const auto cidr = context.arguments.get("cidr")) body["cidr"] = *cidr;
  auto id = find_network(context, context.arguments.positional(0));
  if (!id) return base::fail(id.error());
  auto answer = context.client.patch("/networks/" + *id, body);
  if (!answer) return base::fail(answer.error());
  return print_network(context, *answer, "Network updated successfully");
}

// Numbers, checked before any connection is made.
CommandResult check_blocks(const Arguments& arguments) {
  for (const auto& [option, max] : {std::pair{"prefix-length", std::uint64_t{128}},
                                    {"limit", std::uint64_t{10'000}},
                                    {"count", std::uint64_t{1'000}}}) {
    const auto text = arguments.get(option);
    if (!text) continue;
    const auto number = parse_number(fmt::format("--{}", option), *text, 1, max);
    if (!number) return base::fail(usage(number.error()));
  }
  return base::Ok{};
}

CommandResult network_free(Context& context) {
  auto id = find_network(context, context.arguments.positional(0));
  if (!id) return base::fail(id.error());
  Query query;
  if (const auto length = context.arguments.get("prefix-length"))
    query.emplace_back("prefix_length", *length);
  if (const auto limit = context.arguments.get("limit")) query.emplace_back("limit", *limit);
  auto answer = context.client.get("/networks/" + *id + "/free", query);
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::json) {
    print_json(context.io, *answer);
    return base::Ok{};
  }
  auto blocks = context.client.list(*answer);
  if (!blocks) return base::fail(blocks.error());
  if (blocks->empty() && context.format == OutputFormat::table)
    context.io.out << "No free blocks found\n";
  else
    print_rows(context, {{"CIDR", field("cidr")}}, *blocks);
  return base::Ok{};
}

CommandResult check_carve(const Arguments& arguments) {
  if (!arguments.has("prefix-length"))
    return base::fail(usage("'ipam network carve' needs --prefix-length"));
  return check_blocks(arguments);
}

CommandResult network_carve(Context& context) {
  boost::json::object body;
  for (const auto& [option, name] :
       {std::pair{"prefix-length", "prefix_length"}, {"count", "count"}})
    if (const auto text = context.arguments.get(option)) body[name] = std::stoull(*text);
  for (const char* option : {"strategy", "description"})
    if (const auto text = context.arguments.get(option)) body[option] = *text;
  if (const auto tags = context.arguments.get("tags")) body["tags"] = tags_of(*tags);
  auto id = find_network(context, context.arguments.positional(0));
  if (!id) return base::fail(id.error());
  auto answer = context.client.post("/networks/" + *id + "/subnets", body);
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::table) context.io.out << "Networks added successfully\n";
  return print_networks(context, *answer, "");
}

// What happens, or would happen.
std::string_view done(const Context& context, std::string_view message) {
  return context.arguments.has("dry-run") ? "Nothing was changed; it would give:" : message;
}

CommandResult check_split(const Arguments& arguments) {
  if (!arguments.has("prefix-length"))
    return base::fail(usage("'ipam network split' needs --prefix-length"));
  return check_blocks(arguments);
}

CommandResult network_split(Context& context) {
  boost::json::object body;
  body["prefix_length"] = std::stoull(*context.arguments.get("prefix-length"));
  if (context.arguments.has("dry-run")) body["dry_run"] = true;
  auto id = find_network(context, context.arguments.positional(0));
  if (!id) return base::fail(id.error());
  auto answer = context.client.post("/networks/" + *id + "/split", body);
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::table)
    context.io.out << done(context, "Network split successfully") << '\n';
  return print_networks(context, *answer, "");
}

CommandResult network_merge(Context& context) {
  boost::json::array ids;
  for (const std::string& name : context.arguments.positionals()) {
    auto id = find_network(context, name);
    if (!id) return base::fail(id.error());
    ids.emplace_back(*id);
  }
  boost::json::object body;
  body["ids"] = std::move(ids);
  if (context.arguments.has("dry-run")) body["dry_run"] = true;
  auto answer = context.client.post("/networks/merge", body);
  if (!answer) return base::fail(answer.error());
  return print_network(context, *answer, done(context, "Networks merged successfully"));
}

std::vector<OptionSpec> with_cidr(std::vector<OptionSpec> options) {
  options.push_back({"cidr", 0, "CIDR", "grow or shrink it to this block"});
  return options;
}

CommandResult network_show(Context& context) {
  auto id = find_network(context, context.arguments.positional(0));
  if (!id) return base::fail(id.error());
  Query query;
  add_at(context.arguments, query);
  auto answer = context.client.get("/networks/" + *id, query);
  if (!answer) return base::fail(answer.error());
  return print_network(context, *answer, "");
}

CommandResult network_delete(Context& context) {
  auto id = find_network(context, context.arguments.positional(0));
  if (!id) return base::fail(id.error());
  auto answer = context.client.remove("/networks/" + *id);
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::table) context.io.out << "Network deleted successfully\n";
  return base::Ok{};
}

}  // namespace

base::Result<std::string, CommandError> find_network(Context& context, const std::string& name) {
  if (name.find('/') == std::string::npos) return name;  // an id: the server knows it or not
  const auto prefix = ipam::parse_prefix(name);
  if (!prefix) return base::fail(failed(prefix.error()));
  const std::string cidr = ipam::to_string(*prefix);
  Query query = {{"cidr", cidr}};
  add_at(context.arguments, query);
  auto answer = context.client.get("/networks", query);
  if (!answer) return base::fail(answer.error());
  auto networks = context.client.list(*answer);
  if (!networks) return base::fail(networks.error());
  // Looked at again here: a server that does not know the filter answers with every network.
  std::vector<std::string> ids;
  for (const boost::json::value& network : *networks)
    if (text_of(network.as_object(), "cidr") == cidr)
      ids.push_back(text_of(network.as_object(), "id"));
  if (ids.empty()) return base::fail(failed("network not found: " + cidr));
  if (ids.size() > 1)
    return base::fail(failed(fmt::format("{} is a network of several VRFs: name it by its id ({})",
                                         cidr, fmt::join(ids, ", "))));
  return ids.front();
}

std::vector<Command> network_commands() {
  return {
      {{"network add",
        "Add a network.",
        {{"CIDR", "the network, such as 10.0.0.0/16 or 2001:db8::/48"}},
        with_vrf(attribute_options()),
        {"ipam network add 192.168.1.0/24 -d \"Office network\" -t production,office",
         "ipam network add 2001:db8::/64"}},
       check_add,
       network_add},
      {{"network list",
        "List networks.",
        {},
        {{"vrf", 0, "VRF", "of this VRF only"},
         {"within", 0, "CIDR", "in this network, itself included"},
         {"contains", 0, "CIDR|IP", "that contain this network or address"},
         {"family", 0, "4|6", "of IPv4 or of IPv6", {"4", "6"}},
         {"tag", 't', "TAG", "with this tag"},
         {"status", 0, "STATUS", "active, container, reserved or deprecated", statuses()},
         {"search", 'q', "TEXT", "with this text in CIDR, description or tags"},
         {"limit", 0, "N", "so many at most"},
         at_option()},
        {"ipam network list", "ipam network list --contains 10.1.2.3",
         "ipam network list --output csv > networks.csv"}},
       check_limit,
       network_list},
      {{"network show",
        "Show one network.",
        {{"ID", "the network's id (net-1) or CIDR"}},
        {at_option()},
        {"ipam network show 192.168.1.0/24", "ipam network show net-1 --at 2026-01-15T10:30:00Z"}},
       nullptr,
       network_show},
      {{"network edit",
        "Change what is known of a network, or its size; an empty text or 0 clears.",
        {{"ID", "the network's id (net-1) or CIDR"}},
        with_cidr(attribute_options()),
        {"ipam network edit net-1 -d \"Old office\" --status deprecated",
         "ipam network edit 10.0.0.0/24 --cidr 10.0.0.0/23",
         "ipam network edit 10.0.0.0/24 --gateway 10.0.0.1 --threshold 80"}},
       check_edit,
       network_edit},
      {{"network children",
        "List the networks directly below a network.",
        {{"ID", "the network's id (net-1) or CIDR"}},
        {},
        {"ipam network children 10.0.0.0/8"}},
       nullptr,
       network_children},
      {{"network free",
        "List free blocks of a network.",
        {{"ID", "the network's id (net-1) or CIDR"}},
        {{"prefix-length", 'p', "N", "blocks of this length (without it the largest ones)"},
         {"limit", 0, "N", "at most so many (default 100)"}},
        {"ipam network free 10.0.0.0/8 -p 24 --limit 5"}},
       check_blocks,
       network_free},
      {{"network carve",
        "Add networks in the free blocks of a network.",
        {{"ID", "the network's id (net-1) or CIDR"}},
        {{"prefix-length", 'p', "N", "the length of the new networks"},
         {"count", 'k', "N", "how many (default 1)"},
         {"strategy", 0, "first|best", "the lowest free blocks, or those that fit best",
          {"first", "best"}},
         {"description", 'd', "TEXT", "what the networks are for"},
         {"tags", 't', "A,B", "tags, separated by commas"}},
        {"ipam network carve 10.0.0.0/8 -p 24 -k 4"}},
       check_carve,
       network_carve},
      {{"network split",
        "Put all the blocks of a length in the place of a network, with what it holds.",
        {{"ID", "the network's id (net-1) or CIDR"}},
        {{"prefix-length", 'p', "N", "the length of the blocks"},
         {"dry-run", 0, "", "say what it would give, and change nothing"}},
        {"ipam network split 10.0.0.0/24 -p 26 --dry-run"}},
       check_split,
       network_split},
      {{"network merge",
        "Make one network of several that are one block together, with what they hold.",
        {{"ID", "the id or CIDR of the one that gives its attributes"},
         {.name = "ID", .help = "the ids or CIDRs of the others", .repeats = true}},
        {{"dry-run", 0, "", "say what it would give, and change nothing"}},
        {"ipam network merge 10.0.0.0/25 10.0.0.128/25", "ipam network merge net-3 net-4 net-5"}},
       nullptr,
       network_merge},
      {{"network delete",
        "Delete a network that has no active allocations.",
        {{"ID", "the network's id (net-1) or CIDR"}},
        {},
        {"ipam network delete net-1", "ipam network delete 192.168.1.0/24"}},
       nullptr,
       network_delete},
  };
}

}  // namespace cli
