// keyvalue: reading the section, and opening its buckets.
#include "capabilities/keyvalue/grants.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "capabilities/grants/host_pattern.h"
#include "capabilities/grants/section.h"
#include "capabilities/keyvalue/binding.h"
#include "capabilities/keyvalue/limits.h"
#include "manifest/reader.h"
#include "manifest/units.h"

namespace berth::keyvalue {
namespace {

constexpr manifest::Key kKeys[] = {
    {"sqlite", "path", "-", "state.db",
     "The bucket is this SQLite file, made where it is missing; relative paths start at the manifest's "
     "folder."},
    {"max-size", "size", "1GiB", "64MiB", "With `sqlite`: what the file may grow to, 1MiB to 1024GiB."},
    {"redis", "URL", "-", "redis://127.0.0.1:6379/0",
     "In place of `sqlite`: the bucket is in this Redis: host, port (6379) and database (0)."},
    {"prefix", "text", "the bucket's name and :", "\"shop:\"",
     "With `redis`: what the bucket's keys begin with there. \"\": the whole database."},
    {"user", "text", "the default user", "shop", "With `redis`: a user name; needs `password-file`."},
    {"password-file", "path", "no login", "redis-password", "With `redis`: a file that holds the password."},
};
constexpr manifest::Section kSection{
    .path = "grants.keyvalue",
    .text =
        "A map of buckets that the guest may open with wasi:keyvalue, each by its name: "
        "`keyvalue: { default: { sqlite: state.db } }`. A bucket has these keys.",
    .keys = kKeys};

std::optional<int> database_of(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0 || number > kMaxRedisDatabase)
    return std::nullopt;
  return number;
}

// "redis://host[:port][/database]"
Result<RedisOptions> parse_redis(std::string_view text) {
  constexpr std::string_view kScheme = "redis://";
  if (text.starts_with("rediss://"))
    return fail(Code::kInvalidArgument,
                "TLS to Redis is not offered; use redis:// with a tunnel on this machine, such as stunnel");
  if (!text.starts_with(kScheme))
    return fail(Code::kInvalidArgument, "is no Redis URL; write redis://HOST:PORT/DATABASE");
  text.remove_prefix(kScheme.size());
  if (text.contains('@'))
    return fail(Code::kInvalidArgument, "holds a login; write it as user and password-file");
  const std::size_t slash = std::min(text.find('/'), text.size());
  auto authority = grants::parse_authority(text.substr(0, slash));
  if (!authority) return fail(std::move(authority).error());
  RedisOptions options{.host = authority->host.text, .port = authority->port.value_or(6379)};
  if (const std::string_view rest = text.substr(slash); rest.size() > 1) {
    const auto database = database_of(rest.substr(1));
    if (!database)
      return fail(
          Code::kInvalidArgument,
          fmt::format("ends with no database; write a number from 0 to {} after the /", kMaxRedisDatabase));
    options.database = *database;
  }
  options.addresses = BERTH_TRY(net::AddressPolicy::of_host(options.host, {}));
  return options;
}

// One bucket; problems go to the reader's.
class BucketReader {
 public:
  BucketReader(const manifest::Value& value, const std::string& path, manifest::Problems& problems)
      : value_(value),
        folder_(std::filesystem::path(problems.file()).parent_path()),
        reader_(value, kSection, path, problems) {}

  std::optional<SqliteOptions> sqlite() {
    allow_only({"sqlite", "max-size"});
    auto file = path("sqlite");
    const auto max = reader_.bytes("max-size", kLeastMaxFileBytes, kMostMaxFileBytes);
    if (!file) return std::nullopt;
    return SqliteOptions{.file = std::move(*file), .max_bytes = max.value_or(kDefaultMaxFileBytes)};
  }
  std::optional<RedisOptions> redis(std::string_view bucket) {
    allow_only({"redis", "prefix", "user", "password-file"});
    const auto url = reader_.text("redis");
    if (!url) return std::nullopt;
    auto options = parse_redis(*url);
    if (!options) {
      reader_.problem(reader_.get("redis")->mark(), "redis", options.error().message());
      return std::nullopt;
    }
    options->prefix = reader_.text("prefix").value_or(fmt::format("{}:", bucket));
    if (options->prefix.size() > kMaxKeyBytes)
      reader_.problem(reader_.get("prefix")->mark(), "prefix",
                      fmt::format("has more than {} bytes", kMaxKeyBytes));
    options->user = reader_.text("user").value_or("");
    options->password_file = path("password-file").value_or("");
    if (const manifest::Value* user = reader_.get("user");
        user != nullptr && reader_.get("password-file") == nullptr)
      reader_.problem(user->mark(), "user", "needs password-file beside it");
    return std::move(*options);
  }
  [[nodiscard]] bool has(std::string_view key) const { return value_.find(key) != nullptr; }

 private:
  void allow_only(std::initializer_list<std::string_view> keys) {
    for (const manifest::Value::Entry& entry : value_.entries())
      if (std::ranges::find(keys, entry.key) == keys.end() &&
          std::ranges::find(kKeys, entry.key, &manifest::Key::name) != std::end(kKeys))
        reader_.problem(entry.key_mark, entry.key, fmt::format("has no meaning beside {}", *keys.begin()));
  }
  std::optional<std::filesystem::path> path(std::string_view key) {
    const auto text = reader_.text(key);
    if (!text) return std::nullopt;
    if (text->empty() || text->contains('\0')) {
      reader_.problem(reader_.get(key)->mark(), key, "is no path");
      return std::nullopt;
    }
    return (folder_ / *text).lexically_normal();
  }

  const manifest::Value& value_;
  std::filesystem::path folder_;
  manifest::MapReader reader_;
};

}  // namespace

std::optional<BucketOptions> read(const manifest::Value& value, const std::string& path,
                                  manifest::Problems& problems) {
  const std::size_t before = grants::count(problems);
  BucketOptions buckets;
  std::map<std::filesystem::path, std::string> files;
  if (!value.is_map() && !value.is_null())
    problems.add(
        value.mark(),
        fmt::format("{} must be a map of buckets; write `keyvalue: {{ default: {{ sqlite: state.db }} }}`",
                    path));
  if (value.entries().size() > kMaxBuckets)
    problems.add(value.entries()[kMaxBuckets].key_mark,
                 fmt::format("{} has {} buckets; {} is the most", path, value.entries().size(), kMaxBuckets));
  for (const manifest::Value::Entry& entry : value.entries()) {
    const std::string here = fmt::format("{}.{}", path, entry.key);
    if (!is_bucket_name(entry.key)) {
      problems.add(entry.key_mark, fmt::format("{}: a bucket's name has 1 to {} letters, digits, -, _ or .",
                                               path, kMaxBucketNameBytes));
      continue;
    }
    BucketReader reader(entry.value, here, problems);
    if (reader.has("sqlite") == reader.has("redis")) {
      problems.add(entry.value.mark(), fmt::format("{}: write either sqlite or redis", here));
    } else if (reader.has("redis")) {
      if (auto redis = reader.redis(entry.key)) buckets.emplace(entry.key, std::move(*redis));
    } else if (auto sqlite = reader.sqlite()) {
      const auto [other, fresh] = files.emplace(sqlite->file, entry.key);
      if (!fresh)
        problems.add(entry.value.mark(), fmt::format("{}: its file is that of {}; each bucket needs its own",
                                                     here, other->second));
      buckets.emplace(entry.key, std::move(*sqlite));
    }
  }
  if (grants::count(problems) > before) return std::nullopt;
  return buckets;
}

grants::Capability capability() {
  return {
      .info = {.name = "keyvalue", .covers = covers, .grant_line = "keyvalue: {}"},
      .section = &kSection,
      .read = [](const manifest::Value& value, const std::string& path,
                 manifest::Problems& problems) -> grants::Maker {
        auto options = read(value, path, problems);
        if (!options) return {};
        return [options = std::move(*options)](
                   const grants::Services& services) -> Result<std::shared_ptr<const host::Grant>> {
          Buckets buckets;
          for (const auto& [name, one] : options) {
            if (const auto* sqlite = std::get_if<SqliteOptions>(&one)) {
              auto bucket = open_sqlite(*sqlite);
              if (!bucket)
                return fail(std::move(bucket).error().context(fmt::format("keyvalue: bucket {}", name)));
              buckets.emplace(name, std::move(*bucket));
            } else {
              buckets.emplace(name, open_redis(std::get<RedisOptions>(one)));
            }
          }
          return grant(std::move(buckets), services);
        };
      },
  };
}

}  // namespace berth::keyvalue
