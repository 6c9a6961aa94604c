// Clusters of real processes on this machine for the measurements: ipam's, and etcd's beside it.
// All are ended, and their folders removed, with the object.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bench {

// A process with its output in a file; it ends with this one at the latest.
class Process {
 public:
  Process(std::vector<std::string> words, std::string log_file);
  ~Process();  // SIGKILL where it runs
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void start();
  void signal(int number);
  int wait();  // the status that waitpid() gives
  bool runs() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }  // 0: does not run
  std::uint64_t resident_bytes() const;      // of /proc/PID/status
  std::chrono::milliseconds cpu_time() const;  // user and system, of /proc/PID/stat

 private:
  const std::vector<std::string> words_;
  const std::string log_file_;
  pid_t pid_ = 0;
};

// A folder that goes with the object.
class Folder {
 public:
  explicit Folder(const std::string& parent);
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Cluster {
 public:
  virtual ~Cluster() = default;
  virtual std::string name() const = 0;
  // The index of the node that says that it leads; waits up to 20 s for one, then throws.
  virtual std::size_t leader() const = 0;
  // Until every node has what the leader has now, at most 20 s: one that was away catches up first.
  virtual void wait_for_all() const = 0;

  std::size_t size() const { return nodes_.size(); }
  std::uint16_t port(std::size_t node) const { return ports_[node]; }
  std::vector<std::uint16_t> ports_from(std::size_t node) const;  // of all, this one first
  Process& node(std::size_t index) { return *nodes_[index]; }
  const Process& node(std::size_t index) const { return *nodes_[index]; }

 protected:
  std::vector<std::unique_ptr<Process>> nodes_;
  std::vector<std::uint16_t> ports_;
};

// `options` go to `ipam server` of each node. Returns once there is a leader.
std::unique_ptr<Cluster> start_ipam(const std::string& binary, const std::string& folder,
                                    std::size_t nodes,
                                    const std::vector<std::string>& options = {});
std::unique_ptr<Cluster> start_etcd(const std::string& binary, const std::string& folder,
                                    std::size_t nodes);

struct Answer {
  int status = 0;
  std::string body;
};
// One request on a connection of its own; nullopt: no answer.
std::optional<Answer> ask(std::uint16_t port, std::string_view method, std::string_view target,
                          std::string_view body = {});

}  // namespace bench
