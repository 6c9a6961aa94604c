#include "cli/arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <numeric>

#include "base/ascii.hpp"

namespace cli {

namespace po = boost::program_options;

const std::vector<OptionSpec>& global_options() {
  static const std::vector<OptionSpec> options = {
      {"db", 0, "DIR", "data directory", {}, "ipam-data", "IPAM_DB_PATH"},
      {"cluster", 0, "", "work on the cluster node of this machine", {}, "", "IPAM_CLUSTER_MODE"},
      {"server", 0, "URL", "work through this server", {}, "", "IPAM_SERVER"},
      {"ca-cert", 0, "FILE", "trust the CA in this file instead of the system's", {}, "",
       "IPAM_CA_CERT"},
      {"client-cert", 0, "FILE", "certificate to show to the server", {}, "", "IPAM_CLIENT_CERT"},
      {"client-key", 0, "FILE", "its private key", {}, "", "IPAM_CLIENT_KEY"},
      {"token", 0, "TOKEN", "bearer token for the server", {}, "", "IPAM_TOKEN"},
      {"output", 0, "FORMAT", "table, json or csv", {"table", "json", "csv"}, "table"},
      {"help", 'h', "", "show this help"},
      {"version", 0, "", "show the version"},
  };
  return options;
}

std::optional<std::string> Arguments::get(const std::string& option) const {
  const auto found = options_.find(option);
  if (found == options_.end()) return std::nullopt;
  return found->second;
}

const std::string& Arguments::positional(std::size_t position) const {
  ASSERT(position < positionals_.size());
  return positionals_[position];
}

std::vector<OptionSpec> all_options(const CommandSpec& spec) {
  std::vector<OptionSpec> all = spec.options;
  for (const OptionSpec& global : global_options()) {
    const bool overridden = std::any_of(
        spec.options.begin(), spec.options.end(),
        [&global](const OptionSpec& own) { return own.name == global.name; });
    if (!overridden) all.push_back(global);
  }
  return all;
}

std::string full_help(const OptionSpec& option) {
  std::string note = option.fallback.empty() ? "" : "default " + option.fallback;
  if (!option.variable.empty()) note += (note.empty() ? "" : "; ") + option.variable;
  return note.empty() ? option.help : fmt::format("{} ({})", option.help, note);
}

namespace {

std::string see_help(const CommandSpec& spec) {
  return fmt::format(" (see 'ipam {} --help')", spec.words);
}

po::options_description describe(const std::vector<OptionSpec>& options) {
  po::options_description description;
  for (const OptionSpec& option : options) {
    const std::string key =
        option.short_name == 0 ? option.name : option.name + "," + option.short_name;
    const bool flag = option.value_name.empty();
    description.add(boost::shared_ptr<po::option_description>(
        new po::option_description(key.c_str(), new po::untyped_value(flag))));
  }
  return description;
}

UsageError unknown_option(const CommandSpec& spec, const std::vector<OptionSpec>& options,
                          const std::string& name) {
  std::vector<std::string> known;
  for (const OptionSpec& option : options) known.push_back("--" + option.name);
  const std::string near = name.starts_with("--") ? nearest(name, known) : "";
  const std::string hint = near.empty() ? "" : fmt::format("; did you mean '{}'?", near);
  return {fmt::format("unknown option '{}' for 'ipam {}'{}{}", name, spec.words, hint,
                      see_help(spec))};
}

// Why the positionals do not fit, or nullopt.
std::optional<UsageError> check_positionals(const CommandSpec& spec,
                                            const std::vector<std::string>& given) {
  const bool repeats = !spec.positionals.empty() && spec.positionals.back().repeats;
  if (given.size() > spec.positionals.size() && !repeats) {
    return UsageError{fmt::format("unexpected argument '{}' for 'ipam {}'{}",
                                  given[spec.positionals.size()], spec.words, see_help(spec))};
  }
  if (given.size() < spec.positionals.size() && !spec.positionals[given.size()].is_optional) {
    return UsageError{fmt::format("'ipam {}' needs {}{}", spec.words,
                                  spec.positionals[given.size()].name, see_help(spec))};
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::size_t known = std::min(i, spec.positionals.size() - 1);
    if (given[i].empty())
      return UsageError{fmt::format("{} must not be empty", spec.positionals[known].name)};
  }
  return std::nullopt;
}

}  // namespace

base::Result<Arguments, UsageError> parse_arguments(const CommandSpec& spec,
                                                    const std::vector<std::string>& args) {
  const std::vector<OptionSpec> options = all_options(spec);
  const po::options_description description = describe(options);
  Arguments arguments;
  try {
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    const po::parsed_options parsed =
        po::command_line_parser(args).options(description).style(style).run();
    for (const po::option& option : parsed.options) {
      if (option.position_key >= 0) {
        arguments.positionals_.insert(arguments.positionals_.end(), option.value.begin(),
                                      option.value.end());
        continue;
      }
      const std::string value = option.value.empty() ? "" : option.value.front();
      if (!arguments.options_.emplace(option.string_key, value).second)
        return base::fail(UsageError{fmt::format("--{} is given twice", option.string_key)});
    }
  } catch (const po::unknown_option& error) {
    return base::fail(unknown_option(spec, options, error.get_option_name()));
  } catch (const po::invalid_command_line_syntax& error) {
    const bool missing = error.kind() == po::invalid_syntax::missing_parameter ||
                         error.kind() == po::invalid_syntax::empty_adjacent_parameter;
    return base::fail(UsageError{fmt::format("{} {}{}", error.get_option_name(),
                                             missing ? "needs a value" : "takes no value",
                                             see_help(spec))});
  } catch (const po::error& error) {
    return base::fail(UsageError{error.what() + see_help(spec)});
  }
  if (arguments.has("help")) return arguments;  // whatever is missing
  if (const auto wrong = check_positionals(spec, arguments.positionals_)) return base::fail(*wrong);
  return arguments;
}

namespace {

void append_options(std::string& text, const std::vector<OptionSpec>& options) {
  for (const OptionSpec& option : options) {
    std::string left = option.short_name == 0 ? "    " : fmt::format("-{}, ", option.short_name);
    left += "--" + option.name;
    if (!option.value_name.empty()) left += " " + option.value_name;
    if (left.size() > 25) {  // too wide for its column: the help goes on a line of its own
      text += fmt::format("  {}\n  {:<26}{}\n", left, "", full_help(option));
    } else {
      text += fmt::format("  {:<26}{}\n", left, full_help(option));
    }
  }
}

}  // namespace

std::string help_text(const CommandSpec& spec) {
  std::string text = fmt::format("{}\n\nUsage:\n  ipam {}", spec.summary, spec.words);
  for (const PositionalSpec& positional : spec.positionals)
    text += (positional.is_optional ? " [" : " ") + positional.name +
            (positional.repeats ? "..." : "") + (positional.is_optional ? "]" : "");
  text += " [options]\n";
  if (!spec.positionals.empty()) {
    text += "\nArguments:\n";
    for (const PositionalSpec& positional : spec.positionals)
      text += fmt::format("  {:<26}{}\n", positional.name, positional.help);
  }
  if (!spec.options.empty()) {
    text += "\nOptions:\n";
    append_options(text, spec.options);
  }
  std::vector<OptionSpec> globals = all_options(spec);
  globals.erase(globals.begin(), globals.begin() + static_cast<std::ptrdiff_t>(
                                                       spec.options.size()));
  text += "\nOptions of every command:\n";
  append_options(text, globals);
  text += "\nExamples:\n";
  for (const std::string& example : spec.examples) text += fmt::format("  {}\n", example);
  return text;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3);
  std::string best;
  for (const std::string& candidate : candidates) {
    // Levenshtein distance, one row at a time.
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i + 1;
      for (std::size_t j = 0; j < candidate.size(); ++j) {
        const std::size_t substituted = diagonal + (word[i] == candidate[j] ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
      }
    }
    const bool better = best.empty() ? row.back() <= best_distance : row.back() < best_distance;
    if (better) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

base::Result<std::uint64_t, UsageError> parse_number(std::string_view name, std::string_view text,
                                                     std::uint64_t minimum,
                                                     std::uint64_t maximum) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size() && !text.empty();
  if (!whole || number < minimum || number > maximum) {
    return base::fail(UsageError{fmt::format("{} must be a whole number from {} to {}, not '{}'",
                                             name, minimum, maximum, text)});
  }
  return number;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const std::size_t first = item.find_first_not_of(" \t");
    if (first == std::string_view::npos) continue;
    item = item.substr(first, item.find_last_not_of(" \t") - first + 1);
    items.emplace_back(item);
  }
  return items;
}

std::optional<std::string> Environment::get(const std::string& name) const {
  std::optional<std::string> value = lookup ? lookup(name) : std::nullopt;
  if (value && value->empty()) return std::nullopt;
  return value;
}

base::Result<bool, UsageError> parse_boolean(std::string_view name, std::string_view text) {
  const std::string lower = base::lower_case(text);
  if (lower == "true" || lower == "1" || lower == "yes" || lower == "on") return true;
  if (lower == "false" || lower == "0" || lower == "no" || lower == "off") return false;
  return base::fail(UsageError{fmt::format("{} must be true or false, not '{}'", name, text)});
}

}  // namespace cli
