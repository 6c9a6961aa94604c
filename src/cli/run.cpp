#include "cli/run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/client.hpp"
#include "cli/commands.hpp"
#include "cli/reference_commands.hpp"
#include "cli/target.hpp"

namespace cli {

// What anybody would look at.
constexpr std::uint64_t list_limit_max = 1'000'000'000;

void print_json(Io& io, const std::string& body) {
  io.out << body;
  if (!body.ends_with('\n')) io.out << '\n';
}

void print_rows(Context& context, const std::vector<Column>& columns,
                const boost::json::array& rows) {
  ASSERT(context.format != OutputFormat::json);
  context.io.out << (context.format == OutputFormat::csv
                         ? render_csv(columns, rows)
                         : render_table(columns, rows, context.io.width));
}

OptionSpec at_option() { return {"at", 0, "WHEN", "as of this revision or time"}; }

void add_at(const Arguments& arguments, Query& query) {
  if (const auto at = arguments.get("at")) query.emplace_back("at", *at);
}

CommandResult check_limit(const Arguments& arguments) {
  const auto text = arguments.get("limit");
  if (!text) return base::Ok{};
  const auto limit = parse_number("--limit", *text, 1, list_limit_max);
  if (!limit) return base::fail(usage(limit.error()));
  return base::Ok{};
}

base::Result<std::string, CommandError> get_list(Context& context, std::string_view path,
                                                 Query query) {
  add_at(context.arguments, query);
  const auto text = context.arguments.get("limit");
  if (!text) return context.client.get(path, query);
  return context.client.get_first(path, query,
                                  *parse_number("--limit", *text, 1, list_limit_max));
}

void print_field(Io& io, const std::string& title, const std::string& value) {
  if (!value.empty()) io.out << title << ": " << printable(value) << '\n';
}

namespace {

// A command that another layer performs: all that is known here is what the overview says of it.
struct ForeignCommand {
  std::string words;
  std::string summary;
  std::function<int(const std::vector<std::string>&)> perform;
  bool last = false;  // in the overview
};

struct CommandTable {
  std::vector<Command> own;
  std::vector<ForeignCommand> foreign;

  // In the order of the overview.
  std::vector<std::pair<std::string, std::string>> summaries() const {
    std::vector<std::pair<std::string, std::string>> all;
    const auto add_foreign = [this, &all](bool last) {
      for (const ForeignCommand& command : foreign)
        if (command.last == last) all.emplace_back(command.words, command.summary);
    };
    add_foreign(false);
    for (const Command& command : own) all.emplace_back(command.spec.words, command.spec.summary);
    add_foreign(true);
    all.emplace_back("version", "Show the version.");
    all.emplace_back("help", "Show the help of a command.");
    return all;
  }

  // The first words of those with two, such as "network".
  std::set<std::string> groups() const {
    std::set<std::string> found;
    for (const auto& [words, summary] : summaries())
      if (const std::size_t space = words.find(' '); space != std::string::npos)
        found.insert(words.substr(0, space));
    for (const auto& [words, summary] : summaries()) found.erase(words);  // "audit" is a command
    return found;
  }
};

// What completions and man pages are made from.
std::vector<CommandSpec> all_specs(const CommandTable& table, const Hooks& hooks) {
  std::vector<CommandSpec> specs = hooks.foreign_specs;
  for (const Command& command : table.own) specs.push_back(command.spec);
  specs.push_back(completion_spec());
  specs.push_back(man_spec());
  specs.push_back({"version", "Show the version.", {}, {}, {"ipam version"}});
  specs.push_back({"help",
                   "Show the help of a command.",
                   {{"COMMAND", "its words", true, true}},
                   {},
                   {"ipam help network add"}});
  return specs;
}

CommandTable make_table(const Hooks& hooks, Io& io) {
  CommandTable table;
  for (auto commands :
       {vrf_commands(), network_commands(), allocation_commands(), lease_commands(),
        reservation_commands(), search_commands(), report_commands(), transaction_commands(),
        import_commands(), export_commands(), backup_commands(), cluster_commands(),
        watch_commands(), token_commands()})
    table.own.insert(table.own.end(), commands.begin(), commands.end());
  table.foreign = {
      {"server", "Run a server, alone or as a node of a cluster.", hooks.run_server},
      {"cluster init", "Write the configuration of a cluster's first node.", hooks.cluster_init},
      {"cluster join", "Write the configuration of a further node.", hooks.cluster_join},
      {"cluster recover", "Go on with one node alone, after a majority was lost for good.",
       hooks.cluster_recover},
      {"restore", "Make a new data directory from a backup.", hooks.restore},
  };
  const std::vector<CommandSpec> specs = all_specs(table, hooks);
  table.foreign.push_back({"completion", completion_spec().summary,
                           [specs, &io](const std::vector<std::string>& args) {
                             return run_completion(specs, args, io);
                           },
                           true});
  table.foreign.push_back({"man", man_spec().summary,
                           [specs, &io](const std::vector<std::string>& args) {
                             return run_man(specs, args, io);
                           },
                           true});
  return table;
}

// The line split into the command's words ("network add") and all the rest. Global options may
// stand before and between the words.
struct Split {
  std::vector<std::string> words;
  std::vector<std::string> rest;
};

bool takes_value(const std::string& token) {
  return std::any_of(global_options().begin(), global_options().end(),
                     [&token](const OptionSpec& option) {
                       return !option.value_name.empty() && token == "--" + option.name;
                     });
}

// `pairs` are the commands of two words; the first of them may be a command too (`audit`).
Split split(const std::vector<std::string>& args, const std::set<std::string>& groups,
            const std::set<std::string>& pairs) {
  Split split;
  bool complete = false;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const bool option = args[i].size() > 1 && args[i].starts_with('-');
    if (complete || option) {
      split.rest.push_back(args[i]);
      if (!complete && takes_value(args[i]) && i + 1 < args.size())
        split.rest.push_back(args[++i]);
      continue;
    }
    split.words.push_back(args[i]);
    // `help` takes all the words that follow as the command to explain.
    if (split.words.front() != "help")
      complete = split.words.size() == 2 ||
                 (!groups.contains(split.words.front()) &&
                  (i + 1 == args.size() ||
                   !pairs.contains(split.words.front() + " " + args[i + 1])));
  }
  return split;
}

std::string join(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : " ") + word;
  return joined;
}

std::string overview(const CommandTable& table, const std::string& group) {
  std::string text = group.empty() ? "IP address manager, alone or as a Raft cluster.\n\n" : "";
  text += fmt::format("Usage:\n  ipam {}\n\nCommands:\n",
                      group.empty() ? "COMMAND [options]" : group + " COMMAND [options]");
  for (const auto& [words, summary] : table.summaries()) {
    if (group.empty() || words.starts_with(group + " "))
      text += fmt::format("  {:<25}{}\n", words, summary);
  }
  text += fmt::format("\nExamples:\n  {}\n\n'ipam {}COMMAND --help' tells more of a command.\n",
                      group == "transaction" ? "ipam transaction apply changes.json --dry-run"
                      : group == "network" ? "ipam network add 192.168.1.0/24 -d \"Office\""
                      : group == "token"   ? "ipam token create ci --role editor"
                      : group == "vrf"     ? "ipam vrf add blue -d \"Customer blue\""
                      : group == "cluster" ? "ipam cluster init --single-node"
                                           : "ipam network add 192.168.1.0/24 -d \"Office\"\n"
                                             "  ipam allocate -c 192.168.1.0/24 -H web-01",
                      group.empty() ? "" : group + " ");
  return text;
}

int fail_with(Io& io, const CommandError& error) {
  io.err << "Error: " << error.message << '\n';
  return static_cast<int>(error.code);
}

base::Result<OutputFormat, CommandError> choose_format(const Arguments& arguments) {
  const std::string name = arguments.get("output").value_or("table");
  if (name == "table") return OutputFormat::table;
  if (name == "json") return OutputFormat::json;
  if (name == "csv") return OutputFormat::csv;
  return base::fail(usage(fmt::format("--output must be table, json or csv, not '{}'", name)));
}

int run_command(const Command& command, const std::vector<std::string>& rest,
                const Environment& environment, const Hooks& hooks, Io& io) {
  const auto arguments = parse_arguments(command.spec, rest);
  if (!arguments) return fail_with(io, usage(arguments.error()));
  const auto format = choose_format(*arguments);
  if (!format) return fail_with(io, format.error());
  if (command.check != nullptr) {
    if (const auto checked = command.check(*arguments); !checked)
      return fail_with(io, checked.error());
  }
  auto token = choose_token(*arguments, environment);
  if (!token) return fail_with(io, token.error());
  if (command.perform_alone != nullptr) {
    const auto done = command.perform_alone(*arguments, *format, hooks, io);
    return done ? 0 : fail_with(io, done.error());
  }
  auto target = choose_target(*arguments, environment, hooks, command.cluster_command);
  if (!target) return fail_with(io, target.error());
  if (token->empty()) *token = std::move(target->token);
  Client client(*target->connection, target->name, std::move(*token));
  Context context{*arguments, client, *format, io, hooks};
  if (const auto done = command.perform(context); !done) return fail_with(io, done.error());
  io.out.flush();
  // A full disk behind a redirection must not look like success.
  return io.out.good() ? 0 : fail_with(io, failed("cannot write the output"));
}

int show_help(const CommandTable& table, const std::set<std::string>& groups,
              const std::string& words, Io& io) {
  if (words.empty() || groups.contains(words)) {
    io.out << overview(table, words);
    return 0;
  }
  for (const ForeignCommand& command : table.foreign) {
    if (command.words == words) return command.perform({"--help"});
  }
  for (const Command& command : table.own) {
    if (command.spec.words != words) continue;
    io.out << help_text(command.spec);
    return 0;
  }
  if (words == "version" || words == "help") {
    io.out << fmt::format("{}\n\nUsage:\n  ipam {}\n\nExamples:\n  ipam {}\n",
                          words == "help" ? "Show the help of a command." : "Show the version.",
                          words == "help" ? "help [COMMAND]" : "version",
                          words == "help" ? "help network add" : "version");
    return 0;
  }
  std::vector<std::string> known;
  for (const auto& [name, summary] : table.summaries()) known.push_back(name);
  known.insert(known.end(), groups.begin(), groups.end());
  const std::string near = nearest(words, known);
  return fail_with(io, usage(fmt::format("unknown command '{}'{} (see 'ipam --help')", words,
                                         near.empty() ? "" : "; did you mean '" + near + "'?")));
}

}  // namespace

int run(const std::vector<std::string>& args, const Environment& environment, const Hooks& hooks,
        Io& io) {
  const CommandTable table = make_table(hooks, io);
  const std::set<std::string> groups = table.groups();
  std::set<std::string> pairs;
  for (const auto& [name, summary] : table.summaries())
    if (name.find(' ') != std::string::npos) pairs.insert(name);
  Split line = split(args, groups, pairs);
  const auto given = [&line](std::string_view option) {
    // What follows "--" is no option.
    const auto end = std::find(line.rest.begin(), line.rest.end(), "--");
    return std::find(line.rest.begin(), end, option) != end;
  };
  const bool explained = !line.words.empty() && line.words.front() == "help";
  if (explained) line.words.erase(line.words.begin());
  const std::string words = join(line.words);

  if (explained || given("--help") || given("-h")) return show_help(table, groups, words, io);
  if (given("--version") || words == "version") {
    io.out << "ipam " << IPAM_VERSION << '\n';
    return 0;
  }
  if (words.empty() && !line.rest.empty()) {
    const CommandSpec none{"COMMAND", ""};
    const auto parsed = parse_arguments(none, line.rest);
    if (!parsed) return fail_with(io, usage(parsed.error()));
  }
  if (words.empty() || groups.contains(words)) {
    io.err << overview(table, words);
    return static_cast<int>(ExitCode::usage);
  }
  for (const ForeignCommand& command : table.foreign) {
    if (command.words == words) return command.perform(line.rest);
  }
  for (const Command& command : table.own) {
    if (command.spec.words == words)
      return run_command(command, line.rest, environment, hooks, io);
  }
  return show_help(table, groups, words, io);  // which says that there is no such command
}

int run_foreign(const CommandSpec& spec, const std::vector<std::string>& args, Io& io,
                const std::function<CommandResult(const Arguments&)>& perform) {
  const auto arguments = parse_arguments(spec, args);
  if (!arguments) return fail_with(io, usage(arguments.error()));
  if (arguments->has("help")) {
    io.out << help_text(spec);
    return 0;
  }
  const auto done = perform(*arguments);
  return done ? 0 : fail_with(io, done.error());
}

}  // namespace cli
