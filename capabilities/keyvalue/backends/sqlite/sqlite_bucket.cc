// SQLite bucket: calls on the worker's thread; writes that wait together share a transaction.
#include "capabilities/keyvalue/backends/sqlite/sqlite_bucket.h"

#include <charconv>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "capabilities/keyvalue/backends/checks.h"
#include "capabilities/keyvalue/backends/sqlite/database.h"
#include "capabilities/keyvalue/backends/worker.h"
#include "capabilities/keyvalue/limits.h"

namespace berth::keyvalue {
namespace {

enum class Kind : std::uint8_t { kRead, kWrite };

struct Job {
  Kind kind;
  // May be called twice: when the first time was undone.
  std::function<Result<void>(Database&)> work;
  std::size_t bytes = 0;
  Result<void> outcome;
};

// Exactly as Redis reads it.
std::optional<std::int64_t> number_of(const Bytes& value) {
  const char* const begin = reinterpret_cast<const char*>(value.data());
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(begin, begin + value.size(), number);
  if (error != std::errc() || end != begin + value.size() || value.size() != std::to_string(number).size())
    return std::nullopt;
  return number;
}

Bytes bytes_of(std::int64_t number) {
  const std::string text = std::to_string(number);
  return {text.begin(), text.end()};
}

// Thread-safe.
class SqliteBucket final : public Bucket {
 public:
  explicit SqliteBucket(std::unique_ptr<Database> database)
      : database_(std::move(database)), worker_([this](Worker<Job>::Batch& batch) { serve(batch); }) {}

  Task<Result<std::vector<Value>>> get(std::vector<std::string> keys) override {
    const std::size_t bytes = BERTH_CO_TRY(check_keys(keys));
    std::vector<Value> out;
    BERTH_CO_TRY(co_await run(Kind::kRead, bytes, [&](Database& database) -> Result<void> {
      std::size_t room = kMaxBatchBytes;
      for (const std::string& key : keys) {
        auto value = database.get(key, room);
        if (!value && value.error().code() == Code::kResourceExhausted) return fail(too_large_an_answer());
        out.push_back(BERTH_TRY(std::move(value)));
        if (out.back()) room -= out.back()->size();
      }
      return {};
    }));
    co_return out;
  }

  Task<Result<bool>> exists(std::string key) override {
    const std::size_t bytes = BERTH_CO_TRY(check_key(key));
    bool out = false;
    BERTH_CO_TRY(co_await run(Kind::kRead, bytes, [&](Database& database) -> Result<void> {
      out = BERTH_TRY(database.exists(key));
      return {};
    }));
    co_return out;
  }

  Task<Result<void>> set(std::vector<std::tuple<std::string, Bytes>> entries) override {
    const std::size_t bytes = BERTH_CO_TRY(check_entries(entries));
    co_return co_await run(Kind::kWrite, bytes, [&](Database& database) -> Result<void> {
      for (const auto& [key, value] : entries) BERTH_TRY(database.put(key, value));
      return {};
    });
  }

  Task<Result<void>> remove(std::vector<std::string> keys) override {
    const std::size_t bytes = BERTH_CO_TRY(check_keys(keys));
    co_return co_await run(Kind::kWrite, bytes, [&](Database& database) -> Result<void> {
      for (const std::string& key : keys) BERTH_TRY(database.remove(key));
      return {};
    });
  }

  Task<Result<std::int64_t>> increment(std::string key, std::int64_t delta) override {
    const std::size_t bytes = BERTH_CO_TRY(check_key(key));
    std::int64_t sum = 0;
    BERTH_CO_TRY(co_await run(Kind::kWrite, bytes, [&](Database& database) -> Result<void> {
      const Value now = BERTH_TRY(database.get(key, kMaxValueBytes));
      const auto number = now ? number_of(*now) : std::optional<std::int64_t>(0);
      if (!number) return fail(not_a_number());
      if (__builtin_add_overflow(*number, delta, &sum)) return fail(sum_too_large());
      return database.put(key, bytes_of(sum));
    }));
    co_return sum;
  }

  Task<Result<Swapped>> swap(std::string key, Value expected, Bytes value) override {
    const std::size_t bytes = BERTH_CO_TRY(check_entry(key, value)) + (expected ? expected->size() : 0);
    Swapped out;
    BERTH_CO_TRY(co_await run(Kind::kWrite, bytes, [&](Database& database) -> Result<void> {
      out.done = BERTH_TRY(expected ? database.replace(key, *expected, value) : database.insert(key, value));
      if (!out.done) out.now = BERTH_TRY(database.get(key, kMaxValueBytes));
      return {};
    }));
    co_return out;
  }

  // Ordered by key; the cursor is the last key of the page before.
  Task<Result<Page>> list(std::optional<std::string> cursor) override {
    if (cursor && (cursor->empty() || cursor->size() > kMaxKeyBytes)) co_return fail(bad_cursor());
    Page out;
    BERTH_CO_TRY(co_await run(Kind::kRead, 0, [&](Database& database) -> Result<void> {
      out.keys = BERTH_TRY(database.keys(cursor.value_or(""), kPageKeys));
      return {};
    }));
    if (out.keys.size() == kPageKeys) out.cursor = out.keys.back();
    co_return out;
  }

 private:
  Task<Result<void>> run(Kind kind, std::size_t bytes, std::function<Result<void>(Database&)> work) {
    Job job{.kind = kind, .work = std::move(work), .bytes = bytes, .outcome = {}};
    co_return co_await worker_.serve(job);
  }

  void serve(Worker<Job>::Batch& batch) {
    // Reads first: they wait for no disk.
    batch.finish([&](Job& job) {
      if (job.kind == Kind::kRead) job.outcome = job.work(*database_);
      return job.kind == Kind::kRead;
    });
    const std::vector<Job*> writes = batch.jobs();
    if (writes.empty()) return;
    if (!write(writes) && writes.size() > 1)
      for (Job* job : writes) (void)write({job});
    batch.finish([](Job&) { return true; });
  }

  // True when the outcome of each is its own.
  bool write(const std::vector<Job*>& jobs) {
    std::vector<std::function<bool()>> steps;
    for (Job* job : jobs)
      steps.emplace_back([this, job] { return (job->outcome = job->work(*database_)).has_value(); });
    auto done = database_->write(steps);
    if (done) return true;
    for (Job* job : jobs)
      if (job->outcome) job->outcome = fail(done.error());
    return false;
  }

  std::unique_ptr<Database> database_;
  Worker<Job> worker_;  // last: it uses the database
};

}  // namespace

Result<std::unique_ptr<Bucket>> open_sqlite(const SqliteOptions& options) {
  return std::make_unique<SqliteBucket>(BERTH_TRY(Database::open(options.file, options.max_bytes)));
}

}  // namespace berth::keyvalue
