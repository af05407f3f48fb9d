// Redis bucket: one command for each call, pipelined by the worker; scripts where a command does not do.
#include "capabilities/keyvalue/backends/redis/redis_bucket.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capabilities/keyvalue/backends/checks.h"
#include "capabilities/keyvalue/backends/worker.h"
#include "capabilities/keyvalue/limits.h"

namespace berth::keyvalue {
namespace {

// ARGV[1]: how many bytes the values may have together; others may keep larger ones there.
constexpr std::string_view kGetScript =
    "local n = 0 for _, k in ipairs(KEYS) do n = n + redis.call('STRLEN', k) end "
    "if n > tonumber(ARGV[1]) then return redis.error_reply('TOOLARGE') end "
    "local r = {} for i, k in ipairs(KEYS) do r[i] = redis.call('GET', k) end return r";
// ARGV: the most bytes of a value, the new value, and the expected one if there is one. 1 when it is done,
// otherwise what is there.
constexpr std::string_view kSwapScript =
    "if redis.call('STRLEN', KEYS[1]) > tonumber(ARGV[1]) then return redis.error_reply('TOOLARGE') end "
    "local now = redis.call('GET', KEYS[1]) "
    "if now == (ARGV[3] or false) then redis.call('SET', KEYS[1], ARGV[2]) return 1 end "
    "return now";

struct Job {
  Command command;
  std::size_t bytes = 0;
  Reply reply;
  Result<void> outcome;
};

std::string_view text_of(const redisReply& reply) { return {reply.str, reply.len}; }

Value value_of(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_STRING) return std::nullopt;
  const std::string_view text = text_of(reply);
  return Value(std::in_place, text.begin(), text.end());
}

std::string string_of(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

Error error_of(std::string_view text) {
  if (text.contains("TOOLARGE")) return too_large_an_answer();
  if (text.contains("not an integer")) return not_a_number();
  if (text.contains("would overflow")) return sum_too_large();
  if (text.contains("invalid cursor")) return bad_cursor();
  const Code code = text.starts_with("OOM") ? Code::kResourceExhausted : Code::kUnavailable;
  return {code, fmt::format("Redis: {}", text)};
}

Error unexpected() { return {Code::kUnavailable, "Redis: an answer of an unexpected kind"}; }

// For SCAN's MATCH: exactly what begins with `prefix`.
std::string pattern_of(std::string_view prefix) {
  std::string out;
  for (const char c : prefix) {
    if (std::string_view("*?[]\\^-").contains(c)) out += '\\';
    out += c;
  }
  return out + '*';
}

// Thread-safe.
class RedisBucket final : public Bucket {
 public:
  explicit RedisBucket(RedisOptions options)
      : prefix_(options.prefix),
        connection_(std::move(options)),
        worker_([this](Worker<Job>::Batch& batch) { serve(batch); }) {}

  Task<Result<std::vector<Value>>> get(std::vector<std::string> keys) override {
    const std::size_t bytes = BERTH_CO_TRY(check_keys(keys));
    std::vector<Value> out;
    if (keys.empty()) co_return out;
    Command command{"EVAL", std::string(kGetScript), std::to_string(keys.size())};
    for (const std::string& key : keys) command.push_back(prefix_ + key);
    command.push_back(std::to_string(kMaxBatchBytes));
    const Reply reply = BERTH_CO_TRY(co_await run(std::move(command), bytes));
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != keys.size()) co_return fail(unexpected());
    for (std::size_t i = 0; i < reply->elements; ++i) out.push_back(value_of(*reply->element[i]));
    co_return out;
  }

  Task<Result<bool>> exists(std::string key) override {
    const std::size_t bytes = BERTH_CO_TRY(check_key(key));
    const Reply reply = BERTH_CO_TRY(co_await run({"EXISTS", prefix_ + key}, bytes));
    co_return reply->integer != 0;
  }

  Task<Result<void>> set(std::vector<std::tuple<std::string, Bytes>> entries) override {
    const std::size_t bytes = BERTH_CO_TRY(check_entries(entries));
    if (entries.empty()) co_return Result<void>();
    Command command{"MSET"};
    for (const auto& [key, value] : entries) {
      command.push_back(prefix_ + key);
      command.push_back(string_of(value));
    }
    BERTH_CO_TRY(co_await run(std::move(command), bytes));
    co_return Result<void>();
  }

  Task<Result<void>> remove(std::vector<std::string> keys) override {
    const std::size_t bytes = BERTH_CO_TRY(check_keys(keys));
    if (keys.empty()) co_return Result<void>();
    Command command{"DEL"};
    for (const std::string& key : keys) command.push_back(prefix_ + key);
    BERTH_CO_TRY(co_await run(std::move(command), bytes));
    co_return Result<void>();
  }

  Task<Result<std::int64_t>> increment(std::string key, std::int64_t delta) override {
    const std::size_t bytes = BERTH_CO_TRY(check_key(key));
    const Reply reply = BERTH_CO_TRY(co_await run({"INCRBY", prefix_ + key, std::to_string(delta)}, bytes));
    co_return static_cast<std::int64_t>(reply->integer);
  }

  Task<Result<Swapped>> swap(std::string key, Value expected, Bytes value) override {
    const std::size_t bytes = BERTH_CO_TRY(check_entry(key, value)) + (expected ? expected->size() : 0);
    Command command{"EVAL",        std::string(kSwapScript),       "1",
                    prefix_ + key, std::to_string(kMaxValueBytes), string_of(value)};
    if (expected) command.push_back(string_of(*expected));
    const Reply reply = BERTH_CO_TRY(co_await run(std::move(command), bytes));
    if (reply->type == REDIS_REPLY_INTEGER) co_return Swapped{.done = true};
    co_return Swapped{.done = false, .now = value_of(*reply)};
  }

  // The cursor is SCAN's, so that a key is not missed where others come and go.
  Task<Result<Page>> list(std::optional<std::string> cursor) override {
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (cursor && (cursor->empty() || cursor->size() > 20 || !std::ranges::all_of(*cursor, digit)))
      co_return fail(bad_cursor());
    const Reply reply = BERTH_CO_TRY(co_await run(
        {"SCAN", cursor.value_or("0"), "MATCH", pattern_of(prefix_), "COUNT", std::to_string(kPageKeys)}, 0));
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[1]->type != REDIS_REPLY_ARRAY)
      co_return fail(unexpected());
    Page out;
    if (const std::string_view next = text_of(*reply->element[0]); next != "0") out.cursor = next;
    for (std::size_t i = 0; i < reply->element[1]->elements; ++i) {
      const std::string_view key = text_of(*reply->element[1]->element[i]).substr(prefix_.size());
      // Those of others that nobody can ask for here.
      if (!key.empty() && key.size() <= kMaxKeyBytes) out.keys.emplace_back(key);
    }
    co_return out;
  }

 private:
  Task<Result<Reply>> run(Command command, std::size_t bytes) {
    Job job{.command = std::move(command), .bytes = bytes, .reply = {}, .outcome = {}};
    BERTH_CO_TRY(co_await worker_.serve(job));
    co_return std::move(job.reply);
  }

  void serve(Worker<Job>::Batch& batch) {
    const std::vector<Job*> jobs = batch.jobs();
    std::vector<const Command*> commands;
    for (const Job* job : jobs) commands.push_back(&job->command);
    auto replies = connection_.call(commands);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      if (!replies[i])
        jobs[i]->outcome = fail(std::move(replies[i]).error());
      else if ((*replies[i])->type == REDIS_REPLY_ERROR)
        jobs[i]->outcome = fail(error_of(text_of(**replies[i])));
      else
        jobs[i]->reply = std::move(*replies[i]);
    }
    batch.finish([](Job&) { return true; });
  }

  const std::string prefix_;
  RedisConnection connection_;
  Worker<Job> worker_;  // last: it uses the connection
};

}  // namespace

std::unique_ptr<Bucket> open_redis(RedisOptions options) {
  return std::make_unique<RedisBucket>(std::move(options));
}

}  // namespace berth::keyvalue
