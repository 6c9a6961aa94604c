// A file that is there whole or not at all: written as FILE.part, made durable, and only then given
// its name. POSIX calls; used from one thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cli {

class DraftFile {
 public:
  // Replaces an unfinished one of an earlier process; one that another process is writing is an
  // error.
  explicit DraftFile(std::string file);
  ~DraftFile();  // removes what was not finished
  DraftFile(const DraftFile&) = delete;
  DraftFile& operator=(const DraftFile&) = delete;

  const std::string& draft() const { return draft_; }  // "FILE.part"
  // The first failure of any of these, as a text for the user; from then on nothing is done.
  const std::string& error() const { return error_; }
  bool write(std::string_view bytes);
  bool sync();
  // REQUIRES: sync(). Without `replace` a file of that name is an error.
  bool finish(bool replace);

 private:
  bool lock();
  bool fail(const std::string& file, std::string_view what);

  const std::string file_;
  const std::string draft_;
  int descriptor_ = -1;
  bool is_mine_ = false;
  bool is_finished_ = false;
  std::string error_;
};

// rename() that refuses to replace: 0, or the errno, EEXIST where there is a file of that name.
int rename_new(const std::string& from, const std::string& to);

}  // namespace cli
