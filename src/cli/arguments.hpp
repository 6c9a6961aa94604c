// The command line as data: what a command takes (CommandSpec), what was given (Arguments), and the
// help text of it. Boost.Program_options does the splitting; values stay texts here, so that every
// message about a bad value is ours and names the option. Pure; also used by server/ for the
// options of `ipam server` and `ipam cluster init`.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace cli {

// Wrong usage: one line for stderr, without "Error: ". The exit code is 2.
struct UsageError {
  std::string message;
};

struct OptionSpec {
  std::string name;             // without dashes
  char short_name = 0;          // 0: none
  std::string value_name = {};  // empty: a flag
  std::string help = {};        // without the two below: full_help() adds them
  std::vector<std::string> choices = {};  // what the value may be; empty: anything
  std::string fallback = {};              // what holds without it
  std::string variable = {};              // of the environment, which says the same
};

struct PositionalSpec {
  std::string name;
  std::string help;
  bool is_optional = false;  // only behind those that are not
  bool repeats = false;  // the last one alone: once or more
  std::vector<std::string> choices = {};
};

struct CommandSpec {
  std::string words;  // "network add"
  std::string summary;
  std::vector<PositionalSpec> positionals = {};
  std::vector<OptionSpec> options = {};          // without the global ones
  std::vector<std::string> examples = {};        // complete command lines; at least one
};

// What every command takes: --db, --cluster, --server, --ca-cert,
// --client-cert, --client-key, --token, --output, --help, --version.
const std::vector<OptionSpec>& global_options();
// Those of the command and these; its own wins over the global one of the same name.
std::vector<OptionSpec> all_options(const CommandSpec& spec);

// "port to listen on (default 8080; IPAM_PORT)"
std::string full_help(const OptionSpec& option);

class Arguments {
 public:
  bool has(const std::string& option) const { return options_.contains(option); }
  std::optional<std::string> get(const std::string& option) const;
  // REQUIRES: `position` is one of the command's positionals, and below positionals().size().
  const std::string& positional(std::size_t position) const;
  const std::vector<std::string>& positionals() const { return positionals_; }

 private:
  friend base::Result<Arguments, UsageError> parse_arguments(const CommandSpec&,
                                                             const std::vector<std::string>&);
  std::map<std::string, std::string> options_;
  std::vector<std::string> positionals_;
};

// `args` is the command line without the command's own words. Options may stand before, between or
// after positionals; "--" ends them. An unknown option is an error that names the nearest known.
base::Result<Arguments, UsageError> parse_arguments(const CommandSpec& spec,
                                                    const std::vector<std::string>& args);

std::string help_text(const CommandSpec& spec);

// The candidate that `word` was probably meant to be; empty where none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// A decimal number between the two, both included. `name` is how the message calls it: "--limit".
base::Result<std::uint64_t, UsageError> parse_number(std::string_view name, std::string_view text,
                                                     std::uint64_t minimum, std::uint64_t maximum);

// "a, b" gives {"a", "b"}: blanks around an item and empty items are left out.
std::vector<std::string> split_list(std::string_view text);

// The environment, handed in so that tests have one of their own. A variable that is set to nothing
// counts as not set.
struct Environment {
  std::function<std::optional<std::string>(const std::string& name)> lookup;

  std::optional<std::string> get(const std::string& name) const;
};

// true/1/yes/on and false/0/no/off, whatever the case.
base::Result<bool, UsageError> parse_boolean(std::string_view name, std::string_view text);

}  // namespace cli
