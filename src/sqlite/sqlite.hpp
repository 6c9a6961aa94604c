// SQLite as values: a connection and a prepared statement that close themselves, and an exception
// for every return code that is not success. Used by the two owners of a database file,
// raft/storage and state; each uses a connection on one thread at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace sqlite {

// What SQLite said, with the text of the operating system where there is one.
class Error : public std::runtime_error {
 public:
  Error(int code, const std::string& message) : std::runtime_error(message), code_(code) {}
  int code() const { return code_; }                   // extended result code
  int primary_code() const { return code_ & 0xff; }

 private:
  int code_;
};

// Marks bytes that are bound as a blob; a plain string is bound as text.
struct Blob {
  std::string_view bytes;
};

// Bound strings are not copied: they must outlive the steps of the statement.
class Statement {
 public:
  Statement() = default;
  Statement(sqlite3* connection, std::string_view sql);

  // Binds the arguments from 1 on and runs to the end.
  template <class... Arguments>
  void run(const Arguments&... arguments) {
    start(arguments...);
    run_bound();
  }
  // The same with what was bound one by one. REQUIRES: it was reset, as it is after run().
  void run_bound() {
    while (step()) {
    }
    reset();
  }
  // Binds the arguments; rows follow by step(). The last row read, call reset(): an open statement
  // keeps the write-ahead log from starting over.
  template <class... Arguments>
  void start(const Arguments&... arguments) {
    reset();
    int position = 0;
    (bind(++position, arguments), ...);
  }
  bool step();  // false: no further row
  void reset();

  // SQLite's own numbers.
  enum class Type : std::uint8_t { integer = 1, real = 2, text = 3, blob = 4, null = 5 };
  // A column: `integer` is 0 where it is none, `bytes` nothing where it is neither text nor a blob.
  struct Value {
    Type type = Type::null;
    std::int64_t integer = 0;
    std::string_view bytes = {};
  };
  void bind(int position, const Value& value);

  // Of the current row; views are valid until the next step or reset.
  int columns() const;
  Value value(int column) const;
  Type type(int column) const;
  std::uint64_t number(int column) const;
  std::int64_t integer(int column) const;
  bool is_null(int column) const;
  std::string_view text(int column) const;
  std::string_view blob(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };

  void bind(int position, std::uint64_t value) { bind(position, static_cast<std::int64_t>(value)); }
  void bind(int position, std::int64_t value);
  void bind(int position, std::string_view text);
  void bind(int position, const std::string& text) { bind(position, std::string_view(text)); }
  void bind(int position, Blob blob);
  void bind(int position, std::nullptr_t);
  template <class T>
  void bind(int position, const std::optional<T>& value) {
    if (value)
      bind(position, *value);
    else
      bind(position, nullptr);
  }

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

enum class OpenMode {
  existing,
  create,
  read_only,
  immutable,  // to be read while nobody writes it: without locks, without its write-ahead log
};

class Connection {
 public:
  // `vfs` is FileSystem::vfs(); nullptr: SQLite's own.
  Connection(const std::filesystem::path& path, OpenMode mode, const char* vfs = nullptr);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  Statement prepare(std::string_view sql);
  void execute(const std::string& sql);              // any number of statements, without rows
  std::int64_t integer(std::string_view sql);        // the first column of the first row
  std::string text(std::string_view sql);

  // Makes a statement that runs on another thread throw Error. The one call that any thread may do.
  void interrupt();
  std::int64_t changes() const;  // rows of the last INSERT, UPDATE or DELETE
  bool read_only() const;
  // Pages in the write-ahead log, as of the last commit.
  int wal_pages() const;
  // Copies the write-ahead log into the database file; the next commit starts the log over. The
  // log file is not cut: fsync of a file that does not grow is cheaper.
  void checkpoint();
  sqlite3* handle() const;

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

// Throws Error for `code`, with what the connection says about it.
[[noreturn]] void throw_error(sqlite3* connection, int code);

}  // namespace sqlite
