// The table of the server's settings: what `ipam server` can be told, by which option, variable and
// key of cluster.json, what is a valid value and where in ServerOptions it goes. The parser, the
// help, --explain-config, completions, man page and docs/configuration.md are all made from it, so
// a row is all that a new setting takes: see server_settings() in settings.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "cli/arguments.hpp"
#include "cli/client.hpp"

namespace server {

struct ServerOptions;

using Step = base::Result<base::Ok, cli::CommandError>;

// The kinds of values. Made by the functions below.
struct NumberKind {
  std::uint64_t minimum;
  std::uint64_t maximum;
  std::function<std::uint64_t(const ServerOptions&)> get;
  std::function<void(ServerOptions&, std::uint64_t)> set;
};
struct TextKind {
  std::function<std::string&(ServerOptions&)> place;
  bool is_path;
};
struct ChoiceKind {
  std::vector<std::string_view> words;
  std::size_t (*get)(const ServerOptions&);  // the index of the word
  void (*set)(ServerOptions&, std::size_t);
};
struct FlagKind {
  std::function<bool&(ServerOptions&)> place;
};
// What fits no other kind. `read` may be null: options.cpp then reads it by hand, together with
// what it depends on. `name` is how messages call the source: "--host", "IPAM_HOST".
struct SpecialKind {
  Step (*read)(std::string_view name, const std::string& text, ServerOptions& options);
  std::string (*show)(const ServerOptions& options);  // null: no setting, a short form of others
  std::string_view default_text;
};
using Kind = std::variant<NumberKind, TextKind, ChoiceKind, FlagKind, SpecialKind>;

// `place` is a member (&ServerOptions::heartbeat_ms) or a function from ServerOptions& to a
// reference to the number, where it lies deeper.
template <class Place>
Kind number(Place place, std::uint64_t minimum, std::uint64_t maximum) {
  return NumberKind{
      minimum, maximum,
      [place](const ServerOptions& options) {
        return std::uint64_t{std::invoke(place, const_cast<ServerOptions&>(options))};
      },
      [place](ServerOptions& options, std::uint64_t value) {
        auto& target = std::invoke(place, options);
        target = static_cast<std::decay_t<decltype(target)>>(value);
      }};
}
// Any text but an empty one.
template <class Place>
Kind text(Place place) {
  return TextKind{
      [place](ServerOptions& options) -> std::string& { return std::invoke(place, options); },
      false};
}
// A file. In cluster.json a relative one is below the folder of cluster.json.
template <class Place>
Kind file(Place place) {
  return TextKind{
      [place](ServerOptions& options) -> std::string& { return std::invoke(place, options); },
      true};
}
// The option alone switches it on; a variable or key says true or false.
template <class Place>
Kind flag(Place place) {
  return FlagKind{[place](ServerOptions& options) -> bool& { return std::invoke(place, options); }};
}

struct Setting {
  std::string_view option;           // without dashes
  char short_name = 0;               // 0: none
  std::string_view value_name = {};  // what help calls the value; empty with flags
  std::string_view variable = {};    // empty: none
  std::string_view file_key = {};    // in cluster.json; empty: none
  Kind kind;
  std::string_view help = {};        // without default and variable: they are appended
  bool secret = false;               // never printed
};

const std::vector<Setting>& server_settings();

// REQUIRES: one of the options of the table.
const Setting& server_setting(std::string_view option);

// Checks `text` and puts it into `options`. `name` is how the message calls its source. Does
// nothing with a special setting that has no `read`.
Step apply_setting(const Setting& setting, std::string_view name, const std::string& text,
                   ServerOptions& options);

// The value as one would give it; empty where nothing is set.
std::string show_setting(const Setting& setting, const ServerOptions& options);
// What holds where nothing is given.
std::string default_of(const Setting& setting);

// The options as the parser and the help want them.
std::vector<cli::OptionSpec> setting_options();

// Whether cluster.json may have this key besides those of ClusterConfig.
bool is_setting_key(std::string_view key);

}  // namespace server
