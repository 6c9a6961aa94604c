// Processes and folders that go with the objects which stand for them.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
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

std::string read_file(const std::string& file);

}  // namespace bench
