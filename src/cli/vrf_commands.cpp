#include "cli/commands.hpp"

namespace cli {

namespace {

std::vector<Column> vrf_columns() {
  return {
      {"ID", field("id")},
      {"Name", field("name")},
      {"Networks", field("network_count"), Shown::always, false, true},
      {"Description", field("description"), Shown::always, true},
      {"Created", field("created_at")},
      {"Updated", field("updated_at"), Shown::csv_only},
  };
}

CommandResult print_vrf(Context& context, const std::string& answer, std::string_view message) {
  if (context.format == OutputFormat::json) {
    print_json(context.io, answer);
    return base::Ok{};
  }
  auto vrf = context.client.object(answer);
  if (!vrf) return base::fail(vrf.error());
  if (context.format == OutputFormat::csv) {
    print_rows(context, vrf_columns(), {*vrf});
    return base::Ok{};
  }
  context.io.out << message << '\n';
  print_field(context.io, "ID", text_of(*vrf, "id"));
  print_field(context.io, "Name", text_of(*vrf, "name"));
  print_field(context.io, "Description", text_of(*vrf, "description"));
  return base::Ok{};
}

CommandResult vrf_add(Context& context) {
  boost::json::object body;
  body["name"] = context.arguments.positional(0);
  if (const auto description = context.arguments.get("description"))
    body["description"] = *description;
  auto answer = context.client.post("/vrfs", body);
  if (!answer) return base::fail(answer.error());
  return print_vrf(context, *answer, "VRF added successfully");
}

CommandResult vrf_list(Context& context) {
  auto answer = context.client.get("/vrfs");
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::json) {
    print_json(context.io, *answer);
    return base::Ok{};
  }
  auto vrfs = context.client.list(*answer);
  if (!vrfs) return base::fail(vrfs.error());
  print_rows(context, vrf_columns(), *vrfs);
  return base::Ok{};
}

CommandResult check_vrf_edit(const Arguments& arguments) {
  if (arguments.has("name") || arguments.has("description")) return base::Ok{};
  return base::fail(usage("'ipam vrf edit' needs --name or --description"));
}

CommandResult vrf_edit(Context& context) {
  boost::json::object body;
  for (const char* option : {"name", "description"})
    if (const auto text = context.arguments.get(option)) body[option] = *text;
  auto answer = context.client.patch("/vrfs/" + context.arguments.positional(0), body);
  if (!answer) return base::fail(answer.error());
  return print_vrf(context, *answer, "VRF updated successfully");
}

CommandResult vrf_delete(Context& context) {
  auto answer = context.client.remove("/vrfs/" + context.arguments.positional(0));
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::table) context.io.out << "VRF deleted successfully\n";
  return base::Ok{};
}

}  // namespace

std::vector<Command> vrf_commands() {
  return {
      {{"vrf add",
        "Add a VRF: an address space of its own.",
        {{"NAME", "its name"}},
        {{"description", 'd', "TEXT", "what it is for"}},
        {"ipam vrf add blue -d \"Customer blue\""}},
       nullptr,
       vrf_add},
      {{"vrf list", "List all VRFs.", {}, {}, {"ipam vrf list"}}, nullptr, vrf_list},
      {{"vrf edit",
        "Change the name or the description of a VRF.",
        {{"VRF", "its name or its id (vrf-2)"}},
        {{"name", 0, "NAME", "the new name"},
         {"description", 'd', "TEXT", "the new description"}},
        {"ipam vrf edit blue --name azure"}},
       check_vrf_edit,
       vrf_edit},
      {{"vrf delete",
        "Delete a VRF that has no networks.",
        {{"VRF", "its name or its id (vrf-2)"}},
        {},
        {"ipam vrf delete blue"}},
       nullptr,
       vrf_delete},
  };
}

}  // namespace cli
