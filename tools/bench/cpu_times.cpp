#include "bench/cpu_times.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace bench {
namespace {

template <class Value>
Value first_of(const std::filesystem::path& file) {
  Value value{};
  std::ifstream(file) >> value;
  return value;
}

}  // namespace

CpuTimes cpu_times_of(pid_t pid) {
  CpuTimes out;
  const std::filesystem::path tasks = fmt::format("/proc/{}/task", pid);
  const auto process = first_of<std::string>(tasks / std::to_string(pid) / "comm");
  std::error_code ec;  // the process may end meanwhile
  for (const auto& task : std::filesystem::directory_iterator(tasks, ec)) {
    const auto name = first_of<std::string>(task.path() / "comm");
    const auto ran = first_of<std::int64_t>(task.path() / "schedstat");
    out[name == process ? "io" : name] += std::chrono::nanoseconds(ran);
  }
  return out;
}

CpuTimes operator-(const CpuTimes& later, const CpuTimes& earlier) {
  CpuTimes out = later;
  for (const auto& [name, time] : earlier)
    if (const auto found = out.find(name); found != out.end()) found->second -= time;
  return out;
}

CpuUse CpuMeter::now() const {
  const CpuTimes own = cpu_times_of(::getpid());
  CpuUse out;
  out.generator = own.at("io");
  if (cluster_ == nullptr) {
    out.leader["io"] = own.at(own_thread_);
    return out;
  }
  for (std::size_t i = 0; i < cluster_->size(); ++i) {
    const CpuTimes node = cpu_times_of(cluster_->node(i).pid());
    if (i == leader_) {
      out.leader = node;
      continue;
    }
    ++out.followers_count;
    for (const auto& [name, time] : node) out.followers[name] += time;
  }
  return out;
}

CpuUse CpuMeter::use() const {
  CpuUse out = now();
  out.generator -= before_.generator;
  out.leader = out.leader - before_.leader;
  out.followers = out.followers - before_.followers;
  return out;
}

}  // namespace bench
