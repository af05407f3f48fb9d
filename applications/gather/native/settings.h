// The manifest's section `gather` and its trigger of that name, as plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "applications/gather/native/limits.h"
#include "manifest/problems.h"
#include "manifest/schema.h"
#include "manifest/value.h"
#include "net/address.h"
#include "net/url.h"

namespace berth::gather {

// A web server, and who we are to it. Plain value.
struct Remote {
  net::Url url;
  std::optional<std::filesystem::path> token_file;  // a bearer token, read for each request
  std::optional<std::filesystem::path> ca;
  std::optional<std::filesystem::path> cert, key;  // both or none
  std::vector<std::string> addresses;              // further ones that it may lead to
  bool proxy = false;                              // through those that the environment names
};

// What is hidden in every record, besides what always is (anonymiser.h). Plain value.
struct Obfuscation {
  bool addresses = false;
  std::vector<net::Cidr> networks;  // whose addresses are told apart
  std::vector<std::string> base_domains;
  bool workload_names = false;
  [[nodiscard]] bool any() const { return addresses || !base_domains.empty() || workload_names; }
};

// Where rules for conditional gathering come from. Plain value.
struct RuleSource {
  std::optional<std::filesystem::path> file;
  std::optional<Remote> remote;
  std::optional<Remote> prometheus;  // whose alerts conditions ask for
};

struct UploadSettings {
  enum class Form : std::uint8_t { kMultipart, kRaw };
  Remote to;
  Form form = Form::kMultipart;
  std::string content_type;
  std::chrono::milliseconds retry{std::chrono::seconds{30}};
  std::chrono::milliseconds max_retry{std::chrono::hours{1}};
  std::chrono::milliseconds timeout{std::chrono::minutes{5}};
  std::uint32_t degraded_after = 5;
};

struct Settings {
  std::filesystem::path directory;
  std::chrono::milliseconds every = kDefaultEvery;
  std::chrono::milliseconds jitter{0};
  std::uint32_t concurrency = kDefaultConcurrency;
  std::uint64_t archive_bytes = kDefaultArchiveBytes;
  std::uint64_t gatherer_bytes = kDefaultArchiveBytes;
  std::chrono::milliseconds gatherer_time = kDefaultTime;
  std::chrono::milliseconds keep = kDefaultKeep;
  std::uint64_t keep_bytes = kDefaultKeepBytes;
  Obfuscation obfuscation;
  std::optional<RuleSource> rules;
  std::optional<UploadSettings> upload;
  std::string cluster_id;  // empty: as the cluster says
  std::string cluster_version;
};

// Reads `gather: {...}` of the top level; relative paths start at the folder of problems.file(). What is
// wrong is added to `problems`, and nothing returned.
[[nodiscard]] std::optional<Settings> read_settings(const manifest::Value& value, const std::string& path,
                                                    manifest::Problems& problems);
[[nodiscard]] manifest::Extension settings_extension();

// One trigger: which gatherers of its workload run. Plain value.
struct GatherTrigger {
  std::optional<std::vector<std::string>> only;   // nothing: all of them
  std::map<std::string, std::string> parameters;  // JSON, by gatherer
  std::chrono::milliseconds every{0};             // 0: in each period
};

[[nodiscard]] std::optional<GatherTrigger> read_trigger(const manifest::Value& value, const std::string& path,
                                                        manifest::Problems& problems);
[[nodiscard]] manifest::Extension trigger_extension();

}  // namespace berth::gather
