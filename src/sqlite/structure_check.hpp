// Checks the structure of a database file on a thread of its own, while its owner reads the same
// file: both take about as long.
#pragma once

#include <exception>
#include <filesystem>
#include <string>
#include <thread>

#include "sqlite/sqlite.hpp"

namespace sqlite {

class StructureCheck {
 public:
  // REQUIRES: the owner has the file open and locked, its write-ahead log is empty, and nothing is
  // written to it until finish() or the end of this.
  StructureCheck(const std::filesystem::path& path, const char* vfs);
  ~StructureCheck();
  StructureCheck(const StructureCheck&) = delete;
  StructureCheck& operator=(const StructureCheck&) = delete;

  // Waits for its end. "ok", or what is wrong. Throws Error.
  std::string finish();

 private:
  void run();

  Connection connection_;  // of the thread
  std::string found_;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace sqlite
