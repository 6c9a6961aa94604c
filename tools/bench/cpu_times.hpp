// Processor time by threads: what an operation costs, which, unlike a rate, hardly moves with what
// else the machine does.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>

#include "bench/clusters.hpp"

namespace bench {

// By the thread's name; the first thread of a process is "io", and so are those that have kept its
// name (all of a program in Go). Threads of one name are added up.
using CpuTimes = std::map<std::string, std::chrono::nanoseconds>;

// User and system, of /proc/PID/task/*/schedstat: /proc/PID/stat counts in hundredths of a second.
// Threads that have ended are not in it.
CpuTimes cpu_times_of(pid_t pid);
CpuTimes operator-(const CpuTimes& later, const CpuTimes& earlier);

// What was spent between two moments.
struct CpuUse {
  std::chrono::nanoseconds generator{0};  // the thread that makes the load
  CpuTimes leader;    // or whatever answers where there is no cluster
  CpuTimes followers;  // all of them together
  std::size_t followers_count = 0;
};

// From begin() to use(), both on the generator's thread.
class CpuMeter {
 public:
  CpuMeter(const Cluster& cluster, std::size_t leader) : cluster_(&cluster), leader_(leader) {}
  // Of one thread of this process that answers.
  explicit CpuMeter(std::string own_thread) : own_thread_(std::move(own_thread)) {}

  void begin() { before_ = now(); }
  CpuUse use() const;

 private:
  CpuUse now() const;

  const Cluster* cluster_ = nullptr;
  std::size_t leader_ = 0;
  std::string own_thread_;
  CpuUse before_;
};

}  // namespace bench
