#include "cli/commands.hpp"
#include "ipam/model.hpp"

namespace cli {

namespace {

std::string vrfs_text(const boost::json::object& token) {
  const boost::json::value* vrfs = token.if_contains("vrfs");
  std::string text;
  if (vrfs != nullptr && vrfs->is_array())
    for (const boost::json::value& vrf : vrfs->as_array())
      if (vrf.is_string()) text += (text.empty() ? "" : ",") + std::string(vrf.as_string());
  return text.empty() ? "all" : text;
}

std::string or_never(const boost::json::object& token, std::string_view key) {
  const std::string text = text_of(token, key);
  return text.empty() ? "never" : text;
}

std::vector<Column> token_columns() {
  const auto time = [](std::string key) {
    return [key](const boost::json::object& token) { return or_never(token, key); };
  };
  return {
      {"ID", field("id")},
      {"Name", field("name")},
      {"Role", field("role")},
      {"VRFs", vrfs_text},
      {"Expires", time("expires_at"), Shown::table_only},
      {"Expires", field("expires_at"), Shown::csv_only},
      {"Last used", time("last_used_at"), Shown::table_only},
      {"Last used", field("last_used_at"), Shown::csv_only},
      {"Created", field("created_at"), Shown::csv_only},
  };
}

CommandResult check_token_create(const Arguments& arguments) {
  if (!arguments.has("role"))
    return base::fail(usage("--role viewer, editor or admin is required"));
  if (arguments.has("ttl") && arguments.has("expires"))
    return base::fail(usage("give --ttl or --expires, not both"));
  // Without any it would be of all VRFs.
  if (const auto vrfs = arguments.get("vrf"); vrfs && split_list(*vrfs).empty())
    return base::fail(usage("--vrf must name a VRF, or be left out for a token of all of them"));
  const auto ttl = arguments.get("ttl");
  if (!ttl) return base::Ok{};
  const auto seconds = parse_number("--ttl", *ttl, 1, ipam::ttl_seconds_max);
  if (!seconds) return base::fail(usage(seconds.error()));
  return base::Ok{};
}

CommandResult token_create(Context& context) {
  const Arguments& arguments = context.arguments;
  boost::json::object body;
  body["name"] = arguments.positional(0);
  body["role"] = *arguments.get("role");
  if (const auto vrfs = arguments.get("vrf")) {
    boost::json::array list;
    for (const std::string& vrf : split_list(*vrfs)) list.emplace_back(vrf);
    body["vrfs"] = std::move(list);
  }
  if (const auto ttl = arguments.get("ttl"))
    body["ttl"] = *parse_number("--ttl", *ttl, 1, ipam::ttl_seconds_max);
  if (const auto time = arguments.get("expires")) body["expires_at"] = *time;
  auto answer = context.client.post("/tokens", body);
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::json) {
    print_json(context.io, *answer);
    return base::Ok{};
  }
  auto token = context.client.object(*answer);
  if (!token) return base::fail(token.error());
  if (context.format == OutputFormat::csv) {
    auto columns = token_columns();
    columns.push_back({"Secret", field("secret")});
    print_rows(context, columns, {*token});
    return base::Ok{};
  }
  context.io.out << "Token created successfully\n";
  print_field(context.io, "ID", text_of(*token, "id"));
  print_field(context.io, "Name", text_of(*token, "name"));
  print_field(context.io, "Role", text_of(*token, "role"));
  print_field(context.io, "VRFs", vrfs_text(*token));
  print_field(context.io, "Expires", or_never(*token, "expires_at"));
  print_field(context.io, "Secret", text_of(*token, "secret"));
  context.io.out << "Keep the secret: it is not shown again.\n";
  return base::Ok{};
}

CommandResult token_list(Context& context) {
  auto answer = context.client.get("/tokens");
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::json) {
    print_json(context.io, *answer);
    return base::Ok{};
  }
  auto tokens = context.client.list(*answer);
  if (!tokens) return base::fail(tokens.error());
  print_rows(context, token_columns(), *tokens);
  return base::Ok{};
}

CommandResult token_revoke(Context& context) {
  auto answer = context.client.remove("/tokens/" + context.arguments.positional(0));
  if (!answer) return base::fail(answer.error());
  if (context.format == OutputFormat::table) context.io.out << "Token revoked successfully\n";
  return base::Ok{};
}

}  // namespace

std::vector<Command> token_commands() {
  return {
      {{"token create",
        "Create a token, and show its secret once.",
        {{"NAME", "its name, which the audit log tells"}},
        {{"role", 0, "ROLE", "viewer, editor or admin", {"viewer", "editor", "admin"}},
         {"vrf", 0, "A,B", "limit it to these VRFs"},
         {"ttl", 'T', "SECONDS", "it expires after so long"},
         {"expires", 0, "TIME", "it expires then"}},
        {"ipam token create ci --role editor --ttl 86400",
         "ipam token create blue-team --role editor --vrf blue"}},
       check_token_create,
       token_create},
      {{"token list", "List all tokens.", {}, {}, {"ipam token list"}}, nullptr, token_list},
      {{"token revoke",
        "Revoke a token.",
        {{"TOKEN", "its name or its id (token-2)"}},
        {},
        {"ipam token revoke ci"}},
       nullptr,
       token_revoke},
  };
}

}  // namespace cli
