#include "cli/completion.hpp"

#include <fmt/format.h>

#include <map>
#include <string_view>

namespace cli {

namespace {

// What a value is completed with: words of its own, or one of these marks.
constexpr std::string_view file_mark = ":file";
constexpr std::string_view directory_mark = ":directory";
constexpr std::string_view nothing_mark = ":nothing";

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string values_of(const std::string& value_name, const std::vector<std::string>& choices) {
  if (!choices.empty()) return joined(choices);
  if (value_name == "FILE") return std::string(file_mark);
  if (value_name == "DIR") return std::string(directory_mark);
  return std::string(nothing_mark);
}

std::string values_of(const CommandSpec& spec) {
  if (spec.positionals.empty()) return std::string(nothing_mark);
  const PositionalSpec& first = spec.positionals.front();
  return values_of(first.name, first.choices);
}

// A word in single quotes of a POSIX shell and of zsh.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// fish has no '\'' but escapes within single quotes.
std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

struct Word {
  std::string word;
  std::string summary;  // empty with the first of two words
};

// What may follow on these words: "" has "network" and "list", "network" has "add".
std::map<std::string, std::vector<Word>> next_words(const std::vector<CommandSpec>& commands) {
  std::map<std::string, std::vector<Word>> next;
  std::map<std::string, std::size_t> positions;  // of first words
  for (const CommandSpec& command : commands) {
    const std::size_t space = command.words.find(' ');
    const std::string first = command.words.substr(0, space);
    const auto [at, is_new] = positions.emplace(first, next[""].size());
    if (is_new) next[""].push_back({first, ""});
    if (space == std::string::npos)
      next[""][at->second].summary = command.summary;
    else
      next[first].push_back({command.words.substr(space + 1), command.summary});
  }
  for (Word& word : next[""])
    if (word.summary.empty()) word.summary = fmt::format("{} ...", word.word);
  return next;
}

std::string option_words(const std::vector<OptionSpec>& options) {
  std::string text;
  for (const OptionSpec& option : options) {
    if (option.short_name != 0) text += fmt::format("-{} ", option.short_name);
    text += fmt::format("--{} ", option.name);
  }
  text.pop_back();
  return text;
}

// "--server|--token": the options of every command that have a value, as a pattern.
std::string global_value_pattern() {
  std::string pattern;
  for (const OptionSpec& option : global_options()) {
    if (option.value_name.empty()) continue;
    pattern += fmt::format("{}--{}", pattern.empty() ? "" : "|", option.name);
  }
  return pattern;
}

// ---- bash and zsh: the same questions, answered by functions with a case each ----

// next, options, values and argument of a command line: what both shells ask.
std::string tables(const std::vector<CommandSpec>& commands) {
  std::string text = "__ipam_next() {\n  case $1 in\n";
  for (const auto& [words, next] : next_words(commands)) {
    std::vector<std::string> names;
    for (const Word& word : next) names.push_back(word.word);
    text += fmt::format("    {}) echo {} ;;\n", quoted(words), quoted(joined(names)));
  }
  text += "  esac\n}\n__ipam_options() {\n  case $1 in\n";
  for (const CommandSpec& command : commands)
    text += fmt::format("    {}) echo {} ;;\n", quoted(command.words),
                        quoted(option_words(all_options(command))));
  text += fmt::format("    *) echo {} ;;\n  esac\n}}\n", quoted(option_words(global_options())));
  text += "__ipam_values() {\n  case \"$1 $2\" in\n";
  const auto add_values = [&text](const std::string& words, const OptionSpec& option) {
    if (option.value_name.empty()) return;
    std::string pattern = quoted(words + " --" + option.name);
    if (option.short_name != 0)
      pattern += "|" + quoted(fmt::format("{} -{}", words, option.short_name));
    text += fmt::format("    {}) echo {} ;;\n", pattern,
                        quoted(values_of(option.value_name, option.choices)));
  };
  for (const CommandSpec& command : commands)
    for (const OptionSpec& option : command.options) add_values(command.words, option);
  for (const OptionSpec& option : global_options()) {
    if (option.value_name.empty()) continue;
    text += fmt::format("    *' --{}') echo {} ;;\n", option.name,
                        quoted(values_of(option.value_name, option.choices)));
  }
  text += "  esac\n}\n__ipam_argument() {\n  case $1 in\n";
  for (const CommandSpec& command : commands)
    if (const std::string values = values_of(command); values != nothing_mark)
      text += fmt::format("    {}) echo {} ;;\n", quoted(command.words), quoted(values));
  return text + fmt::format("    *) echo {} ;;\n  esac\n}}\n", quoted(nothing_mark));
}

// Sets `command` to the command's words in `line`, the words before the one that is completed.
// Options of every command may stand before and between them. Then `values`: what may stand where
// `current` is, behind `option`; words, or a mark that begins with a colon.
constexpr std::string_view find_command = R"(__ipam_command() {
  local word skip=
  command=
  for word in "$@"; do
    if [ -n "$skip" ]; then skip=; continue; fi
    case $word in
      @VALUE_OPTIONS@) skip=1; continue ;;
      -*) continue ;;
    esac
    if [ -z "$command" ] && [ "$word" = help ]; then continue; fi
    case " $(__ipam_next "$command") " in
      *" $word "*) command=${command:+$command }$word ;;
      *) break ;;
    esac
  done
}
__ipam_candidates() {
  values=
  case $option in -*) values=$(__ipam_values "$command" "$option") ;; esac
  if [ -z "$values" ]; then
    case $current in
      -*) values=$(__ipam_options "$command") ;;
      *) values=$(__ipam_next "$command")
         [ -n "$values" ] || values=$(__ipam_argument "$command") ;;
    esac
  fi
}
)";

// The words are split here rather than taken from COMP_WORDS, which bash splits at = and : too.
constexpr std::string_view bash_main = R"(_ipam() {
  local command current option values reply
  local -a line
  COMPREPLY=()
  read -ra line <<<"${COMP_LINE:0:COMP_POINT}"
  current=
  case ${COMP_LINE:0:COMP_POINT} in
    *[[:space:]]) ;;
    *) current=${line[-1]}; unset 'line[-1]' ;;
  esac
  __ipam_command "${line[@]:1}"
  option=${line[-1]:-}
  case $current in
    --*=*) option=${current%%=*}; current=${current#*=} ;;
    -*) option= ;;
  esac
  __ipam_candidates
  case $values in
    :file) compopt -o filenames 2>/dev/null
           mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    :directory) compopt -o filenames 2>/dev/null
                mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    :nothing) ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current") ;;
  esac
}
complete -F _ipam ipam
)";

constexpr std::string_view zsh_main = R"(_ipam() {
  local command current option values
  current=$words[CURRENT]
  __ipam_command "${(@)words[2,CURRENT-1]}"
  option=$words[CURRENT-1]
  case $current in
    --*=*) option=${current%%=*}; compset -P '*=' ;;
    -*) option= ;;
  esac
  __ipam_candidates
  case $values in
    :file) _files ;;
    :directory) _files -/ ;;
    :nothing) return 1 ;;
    *) compadd -- ${=values} ;;
  esac
}
if [ "$funcstack[1]" = _ipam ]; then
  _ipam "$@"
else
  compdef _ipam ipam
fi
)";

std::string with_value_options(std::string_view text) {
  std::string out(text);
  constexpr std::string_view mark = "@VALUE_OPTIONS@";
  out.replace(out.find(mark), mark.size(), global_value_pattern());
  return out;
}

// ---- fish: one line per word and option, each with its description ----

constexpr std::string_view fish_command = R"(function __ipam_command
    set -l found
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case @VALUE_OPTIONS@
                set skip 1
                continue
            case '-*'
                continue
        end
        test (count $found) = 0 -a "$word" = help; and continue
        contains -- (string join ' ' $found $word) $__ipam_words; or break
        set -a found $word
    end
    string join ' ' $found
end
function __ipam_at
    test (__ipam_command | string collect; or echo) = "$argv"
end
)";

std::string fish_option(const std::string& condition, const OptionSpec& option) {
  std::string line = fmt::format("complete -c ipam{} -l {}", condition, option.name);
  if (option.short_name != 0) line += fmt::format(" -s {}", option.short_name);
  if (!option.value_name.empty()) {
    const std::string values = values_of(option.value_name, option.choices);
    if (values == file_mark)
      line += " -r -F";
    else if (values == directory_mark)
      line += " -x -a '(__fish_complete_directories)'";
    else if (values == nothing_mark)
      line += " -x";
    else
      line += " -x -a " + fish_quoted(values);
  }
  return line + " -d " + fish_quoted(option.help) + "\n";
}

std::string fish_script(const std::vector<CommandSpec>& commands) {
  std::string text;
  const auto next = next_words(commands);
  text += "set -g __ipam_words";
  for (const auto& [words, following] : next)
    for (const Word& word : following)
      text += " " + fish_quoted(words.empty() ? word.word : words + " " + word.word);
  std::string helper(fish_command);
  std::string patterns;
  for (const OptionSpec& option : global_options())
    if (!option.value_name.empty()) patterns += fmt::format(" --{}", option.name);
  constexpr std::string_view mark = " @VALUE_OPTIONS@";
  helper.replace(helper.find(mark), mark.size(), patterns);
  text += "\n" + helper + "complete -c ipam -f\n";
  for (const auto& [words, following] : next)
    for (const Word& word : following)
      text += fmt::format("complete -c ipam -n {} -a {} -d {}\n",
                          fish_quoted(fmt::format("__ipam_at {}", fish_quoted(words))), word.word,
                          fish_quoted(word.summary));
  for (const OptionSpec& option : global_options()) text += fish_option("", option);
  for (const CommandSpec& command : commands) {
    const std::string condition =
        " -n " + fish_quoted(fmt::format("__ipam_at {}", fish_quoted(command.words)));
    for (const OptionSpec& option : command.options) text += fish_option(condition, option);
    const std::string values = values_of(command);
    if (values == file_mark)
      text += "complete -c ipam" + condition + " -F\n";
    else if (values != nothing_mark)
      text += "complete -c ipam" + condition + " -a " + fish_quoted(values) + "\n";
  }
  return text;
}

}  // namespace

std::string completion_script(Shell shell, const std::vector<CommandSpec>& commands) {
  switch (shell) {
    case Shell::bash:
      return "# bash completion of ipam, made by `ipam completion bash`\n" + tables(commands) +
             with_value_options(find_command) + std::string(bash_main);
    case Shell::zsh:
      return "#compdef ipam\n# zsh completion of ipam, made by `ipam completion zsh`\n" +
             tables(commands) + with_value_options(find_command) + std::string(zsh_main);
    case Shell::fish:
      return "# fish completion of ipam, made by `ipam completion fish`\n" + fish_script(commands);
  }
  return "";
}

}  // namespace cli
