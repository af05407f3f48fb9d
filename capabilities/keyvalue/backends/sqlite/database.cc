// Database: opening, the statements, and errors in words.
#include "capabilities/keyvalue/backends/sqlite/database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <utility>

#include "capabilities/keyvalue/limits.h"

namespace berth::keyvalue {
namespace {

// "brth" in the header of our files: another program's database is not written to.
constexpr int kApplication = 0x62727468;
constexpr int kFormat = 1;

// Keys are blobs: compared byte for byte, whatever is in them.
constexpr const char* kSql[] = {
    "SELECT value FROM entries WHERE key = ?1",
    "SELECT 1 FROM entries WHERE key = ?1",
    "INSERT INTO entries (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    "DELETE FROM entries WHERE key = ?1",
    "INSERT INTO entries (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING",
    "UPDATE entries SET value = ?2 WHERE key = ?1 AND value = ?3",
    "SELECT key FROM entries WHERE key > ?1 ORDER BY key LIMIT ?2",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT step",
    "RELEASE step",
    "ROLLBACK TO step",
};

}  // namespace

// One use of a prepared statement. Bound values are the caller's and live until its end.
class Database::Run {
 public:
  Run(Database& database, Statement which) : database_(database), statement_(database.statements_[which]) {}
  ~Run() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Run& bind(std::string_view bytes) {
    // A null pointer would be NULL, not an empty blob.
    sqlite3_bind_blob64(statement_, ++bound_, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_STATIC);
    return *this;
  }
  Run& bind(const Bytes& bytes) {
    return bind(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  Run& bind(std::size_t number) {
    sqlite3_bind_int64(statement_, ++bound_, static_cast<sqlite3_int64>(number));
    return *this;
  }
  // True: a row.
  [[nodiscard]] Result<bool> step() {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return fail(database_.error());
  }
  // Of a row; lives until the next step.
  [[nodiscard]] std::string_view column() {
    const void* data = sqlite3_column_blob(statement_, 0);
    return {static_cast<const char*>(data),
            data == nullptr ? 0 : static_cast<std::size_t>(sqlite3_column_bytes(statement_, 0))};
  }
  [[nodiscard]] std::size_t column_bytes() const {
    return static_cast<std::size_t>(sqlite3_column_bytes(statement_, 0));
  }
  // For statements without rows: whether a row changed.
  [[nodiscard]] Result<bool> changed() {
    BERTH_TRY(step());
    return sqlite3_changes(database_.connection_) > 0;
  }

 private:
  Database& database_;
  sqlite3_stmt* statement_;
  int bound_ = 0;
};

Error Database::error() const {
  const int code = sqlite3_extended_errcode(connection_);
  const std::string what = fmt::format("SQLite: {}", sqlite3_errmsg(connection_));
  switch (code & 0xff) {
    case SQLITE_FULL: return {Code::kResourceExhausted, what + ": max-size of the bucket, or the disk"};
    case SQLITE_TOOBIG:
    case SQLITE_NOMEM: return {Code::kResourceExhausted, what};
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH: return {Code::kPermissionDenied, what};
    case SQLITE_NOTADB: return {Code::kInvalidArgument, what};
    default: return {Code::kUnavailable, fmt::format("{} ({})", what, code)};
  }
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file, std::uint64_t max_bytes) {
  // SQLite would make it readable for everybody. Only a new file is opened here: closing a file drops every
  // lock that this process has on it.
  if (const int fd = ::open(file.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600); fd >= 0) ::close(fd);
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(
      file.c_str(), &connection,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE,
      nullptr);
  std::unique_ptr<Database> database(new Database(connection));
  const std::string doing = fmt::format("opening {}", file.string());
  if (code != SQLITE_OK) {
    std::error_code ignored;
    const auto folder = file.parent_path();
    if (!folder.empty() && !std::filesystem::exists(folder, ignored))
      return fail(Code::kNotFound,
                  fmt::format("{}: the folder {} does not exist; create it", doing, folder.string()));
    return fail(database->error().context(doing));
  }
  if (auto ready = database->prepare(file, max_bytes); !ready)
    return fail(std::move(ready).error().context(doing));
  return database;
}

Result<void> Database::prepare(const std::filesystem::path& file, std::uint64_t max_bytes) {
  sqlite3_busy_timeout(connection_, static_cast<int>(kBusyWait.count()));
  const std::string application = BERTH_TRY(ask("PRAGMA application_id"));
  const std::string version = BERTH_TRY(ask("PRAGMA user_version"));
  if (application == "0" && BERTH_TRY(ask("SELECT count(*) FROM sqlite_schema")) == "0") {
    // Two processes may do it at once.
    BERTH_TRY(execute(
        fmt::format("BEGIN IMMEDIATE;"
                    "CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL);"
                    "PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT",
                    kApplication, kFormat)));
  } else if (application != std::to_string(kApplication)) {
    return fail(Code::kInvalidArgument, "the file is another program's database; name another one");
  } else if (version != std::to_string(kFormat)) {
    return fail(Code::kFailedPrecondition,
                fmt::format("the file has format {}; this berth knows {}", version, kFormat));
  }
  if (const std::string mode = BERTH_TRY(ask("PRAGMA journal_mode = WAL")); mode != "wal")
    return fail(
        Code::kUnavailable,
        fmt::format("no write-ahead log is possible for {}: is it on a network file system?", file.string()));
  // FULL: a commit is on the disk when it returns, also for a loss of power.
  BERTH_TRY(execute("PRAGMA synchronous = FULL"));
  const auto page = std::stoull(BERTH_TRY(ask("PRAGMA page_size")));
  BERTH_TRY(execute(fmt::format("PRAGMA max_page_count = {}", max_bytes / page)));
  static_assert(std::size(kSql) == kStatements);
  for (std::size_t i = 0; i < kStatements; ++i)
    if (sqlite3_prepare_v3(connection_, kSql[i], -1, SQLITE_PREPARE_PERSISTENT, &statements_[i], nullptr) !=
        SQLITE_OK)
      return fail(error());
  return {};
}

Database::~Database() {
  for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
  sqlite3_close(connection_);
}

Result<void> Database::execute(const std::string& sql) {
  if (sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    Error failed = error();
    if (sqlite3_get_autocommit(connection_) == 0)
      sqlite3_exec(connection_, "ROLLBACK", nullptr, nullptr, nullptr);
    return fail(std::move(failed));
  }
  return {};
}

Result<std::string> Database::ask(const std::string& sql) {
  std::string out;
  const auto row = [](void* to, int, char** values, char**) {
    *static_cast<std::string*>(to) = values[0] == nullptr ? "" : values[0];
    return 0;
  };
  if (sqlite3_exec(connection_, sql.c_str(), row, &out, nullptr) != SQLITE_OK) return fail(error());
  return out;
}

Result<void> Database::run(Statement statement) {
  BERTH_TRY(Run(*this, statement).step());
  return {};
}

Result<Value> Database::get(std::string_view key, std::size_t room) {
  Run run(*this, kGet);
  if (!BERTH_TRY(run.bind(key).step())) return Value();
  if (run.column_bytes() > room)
    return fail(Code::kResourceExhausted, fmt::format("the value has {} bytes", run.column_bytes()));
  const std::string_view value = run.column();
  return Value(std::in_place, value.begin(), value.end());
}

Result<bool> Database::exists(std::string_view key) { return Run(*this, kExists).bind(key).step(); }

Result<void> Database::put(std::string_view key, const Bytes& value) {
  BERTH_TRY(Run(*this, kPut).bind(key).bind(value).step());
  return {};
}

Result<void> Database::remove(std::string_view key) {
  BERTH_TRY(Run(*this, kRemove).bind(key).step());
  return {};
}

Result<bool> Database::insert(std::string_view key, const Bytes& value) {
  return Run(*this, kInsert).bind(key).bind(value).changed();
}

Result<bool> Database::replace(std::string_view key, const Bytes& expected, const Bytes& value) {
  return Run(*this, kReplace).bind(key).bind(value).bind(expected).changed();
}

Result<std::vector<std::string>> Database::keys(std::string_view after, std::size_t limit) {
  Run run(*this, kKeys);
  run.bind(after).bind(limit);
  std::vector<std::string> out;
  while (BERTH_TRY(run.step())) out.emplace_back(run.column());
  return out;
}

Result<void> Database::write(const std::vector<std::function<bool()>>& steps) {
  BERTH_TRY(run(kBegin));
  const auto all = [&]() -> Result<void> {
    for (const auto& step : steps) {
      BERTH_TRY(run(kSave));
      const bool done = step();
      // A full disk and the like may have ended the whole transaction.
      if (sqlite3_get_autocommit(connection_) != 0)
        return fail(Code::kUnavailable, "SQLite gave up the transaction");
      if (!done) BERTH_TRY(run(kUndo));
      BERTH_TRY(run(kRelease));
    }
    return run(kCommit);
  };
  auto done = all();
  if (!done && sqlite3_get_autocommit(connection_) == 0) (void)run(kRollback);
  return done;
}

}  // namespace berth::keyvalue
