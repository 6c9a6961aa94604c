// The commands that speak to an API, each as its specification and its handler. Handlers print what
// succeeded and return what failed; run.cpp prints errors.
#pragma once

#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/client.hpp"
#include "cli/output.hpp"
#include "cli/run.hpp"

namespace cli {

struct Context {
  const Arguments& arguments;
  Client& client;
  OutputFormat format;
  Io& io;
  const Hooks& hooks;
};

using CommandResult = base::Result<base::Ok, CommandError>;

// What a command that is not one of the CLI's own has around it: parses, shows its help, or
// performs it and prints its failure. The result is the exit code.
int run_foreign(const CommandSpec& spec, const std::vector<std::string>& args, Io& io,
                const std::function<CommandResult(const Arguments&)>& perform);

struct Command {
  CommandSpec spec;
  // Checks what can be checked before any connection is made (wrong usage); may be null.
  CommandResult (*check)(const Arguments&) = nullptr;
  CommandResult (*perform)(Context&) = nullptr;
  bool cluster_command = false;
  // In place of `perform` where the command speaks to nobody.
  CommandResult (*perform_alone)(const Arguments&, OutputFormat, const Hooks&, Io&) = nullptr;
};

// Each in a file of its own: vrf_commands, network_commands, allocation_commands, lease_commands,
// reservation_commands, search_commands, report_commands, transaction_commands, import_commands,
// export_command, backup_commands, cluster_commands, watch_command, token_commands.
std::vector<Command> vrf_commands();
std::vector<Command> network_commands();
std::vector<Command> allocation_commands();
std::vector<Command> lease_commands();
std::vector<Command> reservation_commands();
std::vector<Command> search_commands();
std::vector<Command> report_commands();
std::vector<Command> transaction_commands();
std::vector<Command> import_commands();
std::vector<Command> export_commands();
std::vector<Command> backup_commands();
std::vector<Command> cluster_commands();
std::vector<Command> watch_commands();
std::vector<Command> token_commands();

// ---- what they share ----

// Prints a body as --output json promises: as it came, and a newline.
void print_json(Io& io, const std::string& body);
// Prints rows as table or csv. REQUIRES: the format is not json.
void print_rows(Context& context, const std::vector<Column>& columns,
                const boost::json::array& rows);
// `key: value` for stdout; nothing where the value is empty.
void print_field(Io& io, const std::string& title, const std::string& value);

// --at of what can be asked of the past.
OptionSpec at_option();
void add_at(const Arguments& arguments, Query& query);
// --limit of a list that is whole without it, and --at.
CommandResult check_limit(const Arguments& arguments);
base::Result<std::string, CommandError> get_list(Context& context, std::string_view path,
                                                 Query query);

// The file, or standard input where it is called "-". The stream lives as long as what is returned.
class Input {
 public:
  static base::Result<Input, CommandError> open(Context& context, const std::string& name);
  std::istream& stream() { return *stream_; }
  // A read went wrong: what came before it is not the whole file.
  bool is_broken() const;

 private:
  std::unique_ptr<std::ifstream> file_;
  std::istream* stream_ = nullptr;
};

// The id of the network that the user named by net-N or its CIDR, as of --at where that is given.
base::Result<std::string, CommandError> find_network(Context& context, const std::string& name);

}  // namespace cli
