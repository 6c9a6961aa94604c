#include "cli/man_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <string_view>

namespace cli {

namespace json = boost::json;

namespace {

// Text of a roff line: no character of it is an instruction, and a dash is a dash that can be
// copied, not a hyphen.
std::string roff(std::string_view text) {
  std::string out;
  if (text.starts_with('.') || text.starts_with('\'')) out += "\\&";
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

std::string page_name(const CommandSpec& command) {
  std::string name = "ipam-" + command.words;
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string title(std::string name) {
  for (char& c : name)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return fmt::format(".TH \"{}\" \"1\" \"\" \"ipam {}\" \"IP address manager\"\n", roff(name),
                     IPAM_VERSION);
}

std::string option_term(const OptionSpec& option) {
  std::string term = ".TP\n.B ";
  if (option.short_name != 0) term += roff(fmt::format("-{}, ", option.short_name));
  term += roff("--" + option.name);
  if (!option.value_name.empty()) term += " \\fI" + roff(option.value_name) + "\\fR";
  return term + "\n" + roff(full_help(option)) + "\n";
}

std::string examples(const std::vector<std::string>& lines) {
  std::string text = ".SH EXAMPLES\n.nf\n";
  for (const std::string& line : lines) text += roff(line) + "\n";
  return text + ".fi\n";
}

// Each variable with what it stands for, from the options that have one; the first that is found
// explains it.
std::string environment(const std::vector<CommandSpec>& commands) {
  std::map<std::string, std::string> found;
  const auto add = [&found](const OptionSpec& option, const std::string& words) {
    if (option.variable.empty()) return;
    found.emplace(option.variable,
                  fmt::format("as --{}{}{}: {}", option.name,
                              option.value_name.empty() ? "" : " " + option.value_name,
                              words.empty() ? "" : " of ipam " + words, option.help));
  };
  for (const OptionSpec& option : global_options()) add(option, "");
  for (const CommandSpec& command : commands)
    for (const OptionSpec& option : command.options) add(option, command.words);
  std::string text = ".SH ENVIRONMENT\nAn option wins over its variable; one that is empty counts "
                     "as not set.\n";
  for (const auto& [variable, help] : found)
    text += fmt::format(".TP\n.B {}\n{}\n", roff(variable), roff(help));
  return text;
}

constexpr std::string_view about = R"(.SH DESCRIPTION
.B ipam
manages IPv4 and IPv6 networks, the addresses that are handed out from them, leases, reservations
and the record of who changed what, over HTTP and on the command line, alone or as a Raft cluster.
.PP
A command speaks to the server that
.B \-\-server
names or that holds the data directory; without one it opens the database itself.
)";

constexpr std::string_view files_and_status = R"(.SH FILES
.TP
.I ipam\-data
the data directory of a server alone, where nothing else is said
.TP
.I ipam\-cluster\-data/cluster.json
how a cluster's node began; its folder is the data directory
.TP
.I local.token
in a data directory: by this secret a running server knows whoever may read its directory
.SH "EXIT STATUS"
.TP
.B 0
done
.TP
.B 1
failed; a write that was sent and not answered says that it may have happened
.TP
.B 2
wrong usage, found before anything was sent
.TP
.B 3
no connection to the server
)";

json::array options_json(const std::vector<OptionSpec>& options) {
  json::array list;
  for (const OptionSpec& option : options) {
    json::array choices;
    for (const std::string& word : option.choices) choices.emplace_back(word);
    list.push_back({{"name", option.name},
                    {"short_name", option.short_name == 0
                                       ? std::string()
                                       : std::string(1, option.short_name)},
                    {"value_name", option.value_name},
                    {"help", full_help(option)},
                    {"choices", std::move(choices)},
                    {"variable", option.variable}});
  }
  return list;
}

}  // namespace

std::string man_page(const std::vector<CommandSpec>& commands) {
  std::string text = title("ipam") + ".SH NAME\nipam \\- IP address manager\n.SH SYNOPSIS\n"
                     ".B ipam\n\\fICOMMAND\\fR [\\fIOPTION\\fR]...\n" + std::string(about) +
                     ".SH COMMANDS\n";
  for (const CommandSpec& command : commands)
    text += fmt::format(".TP\n.B {}\n{}\n", roff(command.words), roff(command.summary));
  text += ".SH OPTIONS\nThese are understood by every command.\n";
  for (const OptionSpec& option : global_options()) text += option_term(option);
  text += environment(commands) + std::string(files_and_status);
  text += examples({"ipam network add 192.168.1.0/24 -d \"Office\"",
                    "ipam allocate -c 192.168.1.0/24 -H web-01", "ipam list",
                    "ipam server --port 9000 --db /var/lib/ipam"});
  text += ".SH \"SEE ALSO\"\n";
  for (std::size_t i = 0; i < commands.size(); ++i)
    text += fmt::format(".BR {} (1){}\n", roff(page_name(commands[i])),
                        i + 1 < commands.size() ? "," : "");
  return text;
}

std::string man_page_of(const CommandSpec& command) {
  const std::string name = page_name(command);
  std::string summary = command.summary;
  if (summary.ends_with('.')) summary.pop_back();
  std::string text = title(name) + fmt::format(".SH NAME\n{} \\- {}\n.SH SYNOPSIS\n.B ipam {}\n",
                                               roff(name), roff(summary), roff(command.words));
  for (const PositionalSpec& positional : command.positionals)
    text += fmt::format("{}\\fI{}\\fR{}{}\n", positional.is_optional ? "[" : "",
                        roff(positional.name), positional.repeats ? "..." : "",
                        positional.is_optional ? "]" : "");
  text += "[\\fIOPTION\\fR]...\n.SH DESCRIPTION\n" + roff(command.summary) + "\n";
  for (const PositionalSpec& positional : command.positionals)
    text += fmt::format(".TP\n.I {}\n{}\n", roff(positional.name), roff(positional.help));
  text += ".SH OPTIONS\n";
  for (const OptionSpec& option : all_options(command)) text += option_term(option);
  return text + examples(command.examples) + ".SH \"SEE ALSO\"\n.BR ipam (1)\n";
}

std::string commands_json(const std::vector<CommandSpec>& commands) {
  json::array list;
  for (const CommandSpec& command : commands) {
    json::array positionals;
    for (const PositionalSpec& positional : command.positionals)
      positionals.push_back({{"name", positional.name},
                             {"help", positional.help},
                             {"optional", positional.is_optional},
                             {"repeats", positional.repeats}});
    json::array lines;
    for (const std::string& line : command.examples) lines.emplace_back(line);
    list.push_back({{"words", command.words},
                    {"summary", command.summary},
                    {"page", page_name(command)},
                    {"positionals", std::move(positionals)},
                    {"options", options_json(command.options)},
                    {"examples", std::move(lines)}});
  }
  return json::serialize(json::object{{"commands", std::move(list)},
                                      {"global_options", options_json(global_options())}});
}

}  // namespace cli
