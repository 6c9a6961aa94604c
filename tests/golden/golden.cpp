// golden FILE...: runs each script and compares its output with the file; with --update as the
// first word, writes the output into the file instead (read the diff before you keep it).
#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "script.hpp"

namespace {

std::string read_file(const char* path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error(std::string("cannot read ") + path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void print_difference(const char* path, const std::string& wanted, const std::string& found) {
  std::istringstream a(wanted), b(found);
  std::string line_a, line_b;
  for (int number = 1;; ++number) {
    const bool more_a = static_cast<bool>(std::getline(a, line_a));
    const bool more_b = static_cast<bool>(std::getline(b, line_b));
    if (more_a && more_b && line_a == line_b) continue;
    std::fprintf(stderr, "%s:%d\n  expected: %s\n  found:    %s\n", path, number,
                 more_a ? line_a.c_str() : "(end)", more_b ? line_b.c_str() : "(end)");
    return;
  }
}

}  // namespace

int main(int count, char** words) {
  const bool update = count > 1 && std::string(words[1]) == "--update";
  int failures = 0;
  for (int i = update ? 2 : 1; i < count; ++i) {
    try {
      const std::string wanted = read_file(words[i]);
      const std::string found = golden::run_script(wanted);
      if (wanted == found) continue;
      if (update) {
        std::ofstream(words[i], std::ios::binary) << found;
        continue;
      }
      print_difference(words[i], wanted, found);
      ++failures;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: %s\n", words[i], error.what());
      ++failures;
    }
  }
  return failures == 0 ? 0 : 1;
}
