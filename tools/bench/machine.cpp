#include "bench/machine.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>

#include "bench/histogram.hpp"
#include "bench/processes.hpp"
#include "bench/report.hpp"

namespace bench {
namespace {

constexpr int syncs = 200;

std::string line_of(const std::string& file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(key)) {
      const std::size_t at = line.find_first_not_of(" \t", line.find(':') + 1);
      return at == std::string::npos ? "" : line.substr(at);
    }
  return "";
}

// Microseconds of half of them, and of 99 %.
boost::json::object sync_times(const std::string& file, bool is_growing) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), file);
  std::array<char, 4096> block{};
  Histogram times;
  bool ok = true;
  for (int i = 0; i < syncs && ok; ++i) {
    const off_t at = is_growing ? off_t{i} * static_cast<off_t>(block.size()) : 0;
    ok = ::pwrite(descriptor, block.data(), block.size(), at) ==
         static_cast<ssize_t>(block.size());
    const auto began = std::chrono::steady_clock::now();
    ok = ok && ::fdatasync(descriptor) == 0;
    times.record(std::chrono::steady_clock::now() - began);
  }
  ::close(descriptor);
  if (!ok) throw std::runtime_error("cannot write " + file);
  return {{"p50_us", milliseconds_of(times.at(0.5)) * 1000},
          {"p99_us", milliseconds_of(times.at(0.99)) * 1000}};
}

}  // namespace

boost::json::object describe_machine(const std::string& folder) {
  utsname kernel{};
  ::uname(&kernel);
  const Folder scratch(folder);
  return {{"processor", line_of("/proc/cpuinfo", "model name")},
          {"cores", std::thread::hardware_concurrency()},
          {"memory", line_of("/proc/meminfo", "MemTotal")},
          {"kernel", fmt::format("{} {}", kernel.sysname, kernel.release)},
          {"fdatasync", {{"growing", sync_times(scratch.path() + "/growing", true)},
                         {"overwritten", sync_times(scratch.path() + "/growing", false)}}}};
}

double stolen_seconds() {
  constexpr int steal_column = 8;  // of the line "cpu", counted from its name
  std::ifstream in("/proc/stat");
  std::string name;
  double ticks = 0;
  in >> name;
  for (int column = 0; column < steal_column && in; ++column) in >> ticks;
  return in ? ticks / static_cast<double>(::sysconf(_SC_CLK_TCK)) : 0;
}

}  // namespace bench
