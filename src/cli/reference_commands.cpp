#include "cli/reference_commands.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/completion.hpp"
#include "cli/man_page.hpp"

namespace cli {

CommandSpec completion_spec() {
  return {"completion",
          "Print the completions of a shell.",
          {{.name = "SHELL", .help = "bash, zsh or fish", .choices = {"bash", "zsh", "fish"}}},
          {},
          {"ipam completion bash > /etc/bash_completion.d/ipam",
           "ipam completion zsh > \"${fpath[1]}/_ipam\"",
           "ipam completion fish > ~/.config/fish/completions/ipam.fish"}};
}

CommandSpec man_spec() {
  return {"man",
          "Print the manual page of ipam, or of a command.",
          {{.name = "COMMAND",
            .help = "its words; without them the page of the whole",
            .is_optional = true,
            .repeats = true}},
          {},
          {"ipam man | man -l -", "ipam man network add > ipam-network-add.1",
           "ipam man --output json"}};
}

int run_completion(const std::vector<CommandSpec>& commands, const std::vector<std::string>& args,
                   Io& io) {
  return run_foreign(completion_spec(), args, io, [&](const Arguments& arguments) -> CommandResult {
    const std::string& name = arguments.positional(0);
    for (const auto& [word, shell] : {std::pair{"bash", Shell::bash}, std::pair{"zsh", Shell::zsh},
                                      std::pair{"fish", Shell::fish}}) {
      if (name != word) continue;
      io.out << completion_script(shell, commands);
      return base::Ok{};
    }
    return base::fail(usage(fmt::format("SHELL must be bash, zsh or fish, not '{}'", name)));
  });
}

int run_man(const std::vector<CommandSpec>& commands, const std::vector<std::string>& args,
            Io& io) {
  return run_foreign(man_spec(), args, io, [&](const Arguments& arguments) -> CommandResult {
    std::string words;
    for (const std::string& word : arguments.positionals())
      words += (words.empty() ? "" : " ") + word;
    const auto found =
        std::find_if(commands.begin(), commands.end(),
                     [&words](const CommandSpec& command) { return command.words == words; });
    if (!words.empty() && found == commands.end())
      return base::fail(usage(fmt::format("unknown command '{}' (see 'ipam --help')", words)));
    if (arguments.get("output") == "json")
      print_json(io, commands_json(words.empty() ? commands : std::vector{*found}));
    else
      io.out << (words.empty() ? man_page(commands) : man_page_of(*found));
    return base::Ok{};
  });
}

}  // namespace cli
