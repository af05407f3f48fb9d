// Database: one SQLite file with keys and values, and the statements that a bucket needs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "capabilities/keyvalue/provider.h"

struct sqlite3;
struct sqlite3_stmt;

namespace berth::keyvalue {

// Errors: kUnavailable, kResourceExhausted (file or disk full), and as Bucket says. Everything blocks on the
// disk. One thread at a time; several may be open on one file, also in other processes.
class Database final {
 public:
  // Makes the file where it is missing, for its owner alone (0600). kNotFound: its folder is missing;
  // kPermissionDenied; kInvalidArgument: the file is something else.
  [[nodiscard]] static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file,
                                                              std::uint64_t max_bytes);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // kResourceExhausted, with nothing copied, for a value of more than `room` bytes.
  [[nodiscard]] Result<Value> get(std::string_view key, std::size_t room);
  [[nodiscard]] Result<bool> exists(std::string_view key);
  [[nodiscard]] Result<void> put(std::string_view key, const Bytes& value);
  [[nodiscard]] Result<void> remove(std::string_view key);
  // True when there was no such key.
  [[nodiscard]] Result<bool> insert(std::string_view key, const Bytes& value);
  // True when the value was `expected`.
  [[nodiscard]] Result<bool> replace(std::string_view key, const Bytes& expected, const Bytes& value);
  // The first keys after `after`, in their order.
  [[nodiscard]] Result<std::vector<std::string>> keys(std::string_view after, std::size_t limit);

  // One transaction, which is on the disk when this returns. Each of `steps` does all or nothing and its
  // own failure undoes only itself. Fails when nothing at all was written.
  [[nodiscard]] Result<void> write(const std::vector<std::function<bool()>>& steps);

 private:
  enum Statement : std::uint8_t {
    kGet,
    kExists,
    kPut,
    kRemove,
    kInsert,
    kReplace,
    kKeys,
    kBegin,
    kCommit,
    kRollback,
    kSave,
    kRelease,
    kUndo,
    kStatements
  };
  class Run;

  explicit Database(sqlite3* connection) : connection_(connection) {}
  [[nodiscard]] Result<void> prepare(const std::filesystem::path& file, std::uint64_t max_bytes);
  [[nodiscard]] Result<void> execute(const std::string& sql);
  [[nodiscard]] Result<std::string> ask(const std::string& sql);
  [[nodiscard]] Result<void> run(Statement statement);
  [[nodiscard]] Error error() const;

  sqlite3* connection_;
  sqlite3_stmt* statements_[kStatements] = {};
};

}  // namespace berth::keyvalue
