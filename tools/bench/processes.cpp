#include "bench/processes.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace bench {

using std::chrono::milliseconds;

std::string read_file(const std::string& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

Process::Process(std::vector<std::string> words, std::string log_file)
    : words_(std::move(words)), log_file_(std::move(log_file)) {}

Process::~Process() {
  if (!runs()) return;
  signal(SIGKILL);
  wait();
}

void Process::start() {
  std::vector<char*> arguments;
  for (const std::string& word : words_) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error(fmt::format("cannot fork: {}", std::strerror(errno)));
  if (pid_ > 0) return;
  // The child, which may do little: the parent has threads.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // also where the measurement is killed
  const int log = ::open(log_file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

void Process::signal(int number) {
  if (runs()) ::kill(pid_, number);
}

int Process::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  return status;
}

std::uint64_t Process::resident_bytes() const {
  std::istringstream lines(read_file(fmt::format("/proc/{}/status", pid_)));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("VmRSS:")) return std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
  return 0;
}

milliseconds Process::cpu_time() const {
  const std::string text = read_file(fmt::format("/proc/{}/stat", pid_));
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;  // state … cmajflt
  std::int64_t user = 0, system = 0;
  fields >> user >> system;
  return milliseconds((user + system) * 1000 / ::sysconf(_SC_CLK_TCK));
}

Folder::Folder(const std::string& parent) : path_(parent + "/ipam-bench-XXXXXX") {
  if (::mkdtemp(path_.data()) == nullptr)
    throw std::runtime_error(fmt::format("cannot make {}: {}", path_, std::strerror(errno)));
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
  ::sync();  // what the file system still has to do would be measured with what comes next
}

}  // namespace bench
