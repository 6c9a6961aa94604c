#include "sqlite/structure_check.hpp"

#include "sqlite/database.hpp"

namespace sqlite {

// SQLite keeps the process's locks on a file for as long as one of its connections needs them, so
// that the end of this one does not let go of the owner's.
StructureCheck::StructureCheck(const std::filesystem::path& path, const char* vfs)
    : connection_(path, OpenMode::immutable, vfs), thread_([this] { run(); }) {}

StructureCheck::~StructureCheck() {
  if (!thread_.joinable()) return;
  connection_.interrupt();
  thread_.join();
}

std::string StructureCheck::finish() {
  thread_.join();
  if (failure_) std::rethrow_exception(failure_);
  return found_;
}

void StructureCheck::run() {
  try {
    connection_.execute("PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF; "
                        "PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY");
    found_ = check_structure(connection_);
  } catch (...) {
    failure_ = std::current_exception();
  }
}

}  // namespace sqlite
