#include "sqlite/sqlite.hpp"

#include <sqlite3.h>

#include <cstring>

#include "base/assert.hpp"

namespace sqlite {

void throw_error(sqlite3* connection, int code) {
  std::string text = connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  if (connection != nullptr) {
    const int extended = sqlite3_extended_errcode(connection);
    if ((extended & 0xff) == (code & 0xff)) code = extended;
    const int primary = code & 0xff;
    const int number = sqlite3_system_errno(connection);
    // The number is that of the last failed system call, which need not be this failure's.
    if (number != 0 && (primary == SQLITE_CANTOPEN || primary == SQLITE_IOERR ||
                        primary == SQLITE_FULL))
      text += std::string(": ") + std::strerror(number);
  }
  throw Error(code, text);
}

// ---- Statement ----

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement::Statement(sqlite3* connection, std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(connection, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) throw_error(connection, code);
  statement_.reset(statement);
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  throw_error(sqlite3_db_handle(statement_.get()), code);
}

void Statement::reset() {
  // Gives the error of the last step again: that one has been thrown already.
  sqlite3_reset(statement_.get());
}

void Statement::bind(int position, std::int64_t value) {
  ASSERT(sqlite3_bind_int64(statement_.get(), position, value) == SQLITE_OK);
}

void Statement::bind(int position, std::string_view text) {
  const int code = sqlite3_bind_text64(statement_.get(), position,
                                       text.data() != nullptr ? text.data() : "", text.size(),
                                       SQLITE_STATIC, SQLITE_UTF8);
  if (code != SQLITE_OK) throw_error(sqlite3_db_handle(statement_.get()), code);
}

void Statement::bind(int position, Blob blob) {
  const int code = sqlite3_bind_blob64(statement_.get(), position,
                                       blob.bytes.data() != nullptr ? blob.bytes.data() : "",
                                       blob.bytes.size(), SQLITE_STATIC);
  if (code != SQLITE_OK) throw_error(sqlite3_db_handle(statement_.get()), code);
}

void Statement::bind(int position, std::nullptr_t) {
  ASSERT(sqlite3_bind_null(statement_.get(), position) == SQLITE_OK);
}

void Statement::bind(int position, const Value& value) {
  switch (value.type) {
    case Type::integer: return bind(position, value.integer);
    case Type::text: return bind(position, value.bytes);
    case Type::blob: return bind(position, Blob{value.bytes});
    case Type::real: ASSERT_MSG(false, "nobody writes one");
    case Type::null: return bind(position, nullptr);
  }
}

std::uint64_t Statement::number(int column) const {
  return static_cast<std::uint64_t>(integer(column));
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

int Statement::columns() const { return sqlite3_column_count(statement_.get()); }

// The value is the column's own, which the sqlite3_value_ functions take without a look at the
// connection.
Statement::Value Statement::value(int column) const {
  sqlite3_value* const value = sqlite3_column_value(statement_.get(), column);
  const auto bytes = [value](const void* data) -> std::string_view {
    if (data == nullptr) return {};
    return {static_cast<const char*>(data), static_cast<std::size_t>(sqlite3_value_bytes(value))};
  };
  const auto type = static_cast<Type>(sqlite3_value_type(value));
  switch (type) {
    case Type::integer: return {type, sqlite3_value_int64(value)};
    case Type::text: return {type, 0, bytes(sqlite3_value_text(value))};
    case Type::blob: return {type, 0, bytes(sqlite3_value_blob(value))};
    case Type::real:
    case Type::null: break;
  }
  return {type};
}

Statement::Type Statement::type(int column) const {
  return static_cast<Type>(sqlite3_column_type(statement_.get(), column));
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::string_view Statement::text(int column) const {
  const auto* bytes = sqlite3_column_text(statement_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes != nullptr ? std::string_view(reinterpret_cast<const char*>(bytes), size)
                          : std::string_view();
}

std::string_view Statement::blob(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes != nullptr ? std::string_view(static_cast<const char*>(bytes), size)
                          : std::string_view();
}

// ---- Connection ----

namespace {

// Of the whole process, before its first connection. Nobody asks SQLite how much memory it has, and
// counting it takes a lock per allocation; no connection is used by two threads at once. Where
// something else has begun to use SQLite (the simulator's VFS), it stays as it is.
void configure_once() {
  static const bool is_done = [] {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    return true;
  }();
  (void)is_done;
}

std::string immutable_uri(const std::filesystem::path& path) {
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(path).string()) {
    switch (c) {
      case '%': uri += "%25"; break;
      case '?': uri += "%3f"; break;
      case '#': uri += "%23"; break;
      default: uri += c;
    }
  }
  return uri + "?immutable=1";
}

}  // namespace

struct Connection::Handle {
  sqlite3* connection = nullptr;
  int wal_pages = 0;

  ~Handle() {
    // close_v2 only waits for statements; ours are members that are declared after the connection.
    sqlite3_close_v2(connection);
  }
};

Connection::Connection(const std::filesystem::path& path, OpenMode mode, const char* vfs)
    : handle_(std::make_unique<Handle>()) {
  configure_once();
  // NOMUTEX: one thread at a time, which the owner sees to.
  const bool reads_only = mode == OpenMode::read_only || mode == OpenMode::immutable;
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (reads_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
                    (mode == OpenMode::create ? SQLITE_OPEN_CREATE : 0) |
                    (mode == OpenMode::immutable ? SQLITE_OPEN_URI : 0);
  const std::string name = mode == OpenMode::immutable ? immutable_uri(path) : path.string();
  const int code = sqlite3_open_v2(name.c_str(), &handle_->connection, flags, vfs);
  if (code != SQLITE_OK) throw_error(handle_->connection, code);
  sqlite3_wal_hook(
      handle_->connection,
      [](void* context, sqlite3*, const char*, int pages) {
        static_cast<Handle*>(context)->wal_pages = pages;
        return SQLITE_OK;
      },
      handle_.get());
}

Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Statement Connection::prepare(std::string_view sql) { return Statement(handle(), sql); }

void Connection::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) throw_error(handle(), code);
}

// To the end: a PRAGMA that writes gives its row first, and its commit may fail after that.
std::int64_t Connection::integer(std::string_view sql) {
  Statement statement = prepare(sql);
  if (!statement.step()) return 0;
  const std::int64_t value = statement.integer(0);
  while (statement.step()) {
  }
  return value;
}

std::string Connection::text(std::string_view sql) {
  Statement statement = prepare(sql);
  if (!statement.step()) return {};
  std::string value(statement.text(0));
  while (statement.step()) {
  }
  return value;
}

void Connection::interrupt() { sqlite3_interrupt(handle()); }

std::int64_t Connection::changes() const { return sqlite3_changes64(handle()); }

bool Connection::read_only() const { return sqlite3_db_readonly(handle(), "main") == 1; }

int Connection::wal_pages() const { return handle_->wal_pages; }

void Connection::checkpoint() {
  const int code =
      sqlite3_wal_checkpoint_v2(handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code != SQLITE_OK) throw_error(handle(), code);
  handle_->wal_pages = 0;
}

sqlite3* Connection::handle() const { return handle_->connection; }

}  // namespace sqlite
