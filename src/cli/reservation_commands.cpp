#include "cli/allocation_options.hpp"
#include "cli/commands.hpp"

namespace cli {

namespace {

std::vector<Column> reservation_columns() {
  return {
      {"ID", field("id")},
      {"Network", field("network_id")},
      {"Start", field("start")},
      {"End", field("end")},
      {"Reason", field("reason"), Shown::always, true},
      {"Tags", field("tags"), Shown::always, true, false, true},
      {"Created", field("created_at")},
  };
}

CommandResult print_reservation(Context& context, const std::string& answer,
                                std::string_view message) {
  if (context.format == OutputFormat::json) {
    print_json(context.io, answer);
    return base::Ok{};
  }
  auto reservation = context.client.object(answer);
  if (!reservation) return base::fail(reservation.error());
  if (context.format == OutputFormat::csv) {
    print_rows(context, reservation_columns(), {*reservation});
    return base::Ok{};
  }
  context.io.out << message << '\n';
  for (const auto& [title, key] :
       {std::pair{"ID", "id"}, {"Network", "network_id"}, {"Start", "start"}, {"End", "end"},
        {"Reason", "reason"}, {"Tags", "tags"}, {"Metadata", "metadata"}})
    print_field(context.io, title, text_of(*reservation, key));
  return base::Ok{};
}

// Of the network that the user named.
base::Result<std::string, CommandError> path_of(Context& context) {
  auto id = find_network(context, context.arguments.positional(0));
  if (!id) return base::fail(id.error());
  return "/networks/" + *id + "/reservations";
}

std::vector<OptionSpec> text_options() {
  return {
      {"reason", 'r', "TEXT", "what the addresses are kept for"},
      {"tags", 't', "A,B", "tags, separated by commas"},
      {"metadata", 0, "KEY=VALUE,...", "texts of your own"},
  };
}

CommandResult check_texts(const Arguments& arguments, bool edits) {
  const auto metadata = read_metadata(arguments.get("metadata").value_or(""), edits);
  if (!metadata) return base::fail(metadata.error());
  return base::Ok{};
}

// REQUIRES: check_texts() has no complaint.
boost::json::object texts_of(const Arguments& arguments, bool edits) {
  boost::json::object body;
  if (const auto text = arguments.get("reason")) body["reason"] = *text;
  if (const auto text = arguments.get("tags")) body["tags"] = json_list(*text);
  if (const auto text = arguments.get("metadata")) body["metadata"] = *read_metadata(*text, edits);
  return body;
}

CommandResult check_add(const Arguments& arguments) { return check_texts(arguments, false); }

CommandResult reservation_add(Context& context) {
  boost::json::object body;
  body["start"] = context.arguments.positional(1);
  if (context.arguments.positionals().size() > 2) body["end"] = context.arguments.positional(2);
  for (auto& [name, value] : texts_of(context.arguments, false)) body[name] = value;
  auto path = path_of(context);
  if (!path) return base::fail(path.error());
  auto answer = context.client.post(*path, body);
  if (!answer) return base::fail(answer.error());
  return print_reservation(context, *answer, "Reservation added successfully");
}

CommandResult reservation_list(Context& context) {
  auto path = path_of(context);
  if (!path) return base::fail(path.error());
  auto answer = context.client.get(*path);
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::json) {
    print_json(context.io, *answer);
    return base::Ok{};
  }
  auto reservations = context.client.list(*answer);
  if (!reservations) return base::fail(reservations.error());
  if (reservations->empty() && context.format == OutputFormat::table)
    context.io.out << "No reservations found\n";
  else
    print_rows(context, reservation_columns(), *reservations);
  return base::Ok{};
}

CommandResult check_edit(const Arguments& arguments) {
  for (const OptionSpec& option : text_options())
    if (arguments.has(option.name)) return check_texts(arguments, true);
  return base::fail(usage("'ipam reservation edit' needs an option that says what to change"));
}

CommandResult reservation_edit(Context& context) {
  auto path = path_of(context);
  if (!path) return base::fail(path.error());
  auto answer = context.client.patch(*path + "/" + context.arguments.positional(1),
                                     texts_of(context.arguments, true));
  if (!answer) return base::fail(answer.error());
  return print_reservation(context, *answer, "Reservation updated successfully");
}

CommandResult reservation_delete(Context& context) {
  auto path = path_of(context);
  if (!path) return base::fail(path.error());
  auto answer = context.client.remove(*path + "/" + context.arguments.positional(1));
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::table)
    context.io.out << "Reservation deleted successfully\n";
  return base::Ok{};
}

}  // namespace

std::vector<Command> reservation_commands() {
  const PositionalSpec network{"NETWORK", "the network's id (net-1) or CIDR"};
  const PositionalSpec id{"ID", "the reservation's id (res-1)"};
  return {
      {{"reservation add",
        "Keep addresses of a network from being handed out by themselves.",
        {network,
         {"START", "the first address"},
         {"END", "the last address (without it there is one)", true}},
        text_options(),
        {"ipam reservation add 192.168.1.0/24 192.168.1.200 192.168.1.220 -r \"DHCP pool\"",
         "ipam reservation add net-1 192.168.1.5 -r printer"}},
       check_add,
       reservation_add},
      {{"reservation list",
        "List the reservations of a network, by address.",
        {network},
        {},
        {"ipam reservation list 192.168.1.0/24", "ipam reservation list net-1 --output json"}},
       nullptr,
       reservation_list},
      {{"reservation edit",
        "Change what is known of a reservation; an empty text clears.",
        {network, id},
        text_options(),
        {"ipam reservation edit net-1 res-1 -r \"old DHCP pool\""}},
       check_edit,
       reservation_edit},
      {{"reservation delete",
        "Let the addresses be handed out again.",
        {network, id},
        {},
        {"ipam reservation delete net-1 res-1"}},
       nullptr,
       reservation_delete},
  };
}

}  // namespace cli
