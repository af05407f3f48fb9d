// Manifest: what one berth.yaml says, as plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "manifest/problems.h"
#include "manifest/schema.h"
#include "manifest/units.h"
#include "manifest/value.h"

namespace berth::manifest {

using std::chrono::milliseconds;

// Where a component comes from. Only the form is checked here: what reads the source has the last word.
struct Source {
  enum class Kind : std::uint8_t { kFile, kHttp, kOci };
  Kind kind = Kind::kFile;
  std::string text;            // as written: "file:store.wasm", "https://...", "oci://host/name:tag"
  std::filesystem::path path;  // with kFile: resolved against the manifest's folder
  Mark mark;
};

enum class InstancePolicy : std::uint8_t {
  kFresh,  // a new instance for each call
  kKept,   // long-lived instances that keep their state; at each of them calls take turns
  kPool,   // up to so many instances, reused
};

struct Limits {
  std::uint64_t memory_bytes = std::uint64_t{64} << 20;
  std::uint32_t table_elements = 20'000;
  std::uint32_t core_instances = 100;
  milliseconds call{30'000};
  std::uint32_t concurrency = 64;
  std::uint32_t queue = 256;
};

// A capability's section, left to the capability to read.
struct Grant {
  std::string name;
  Value value;
  Mark mark;  // of the name
};

// What calls the workload, left to the application to read.
struct Trigger {
  std::string name;
  Value value;
  Mark mark;
};

// A section of the top level, left to the application to read.
struct Added {
  std::string name;
  Value value;
  Mark mark;
};

// How much worse a version may be than the one before; with both, neither may be passed.
struct Tolerance {
  std::optional<double> more;    // "5%": by this share
  std::optional<double> factor;  // "2x": by this factor
};

struct Rollback {
  std::optional<Tolerance> errors = Tolerance{.more = 0.05};
  std::optional<Tolerance> latency;
  milliseconds within{std::chrono::minutes{10}};
  std::uint64_t min_calls = 50;
};

enum class CanaryBy : std::uint8_t { kRandom, kKey };

struct Canary {
  double percent = 0.1;
  milliseconds time{std::chrono::minutes{10}};  // `for`
  CanaryBy by = CanaryBy::kRandom;
};

struct Shadow {
  double percent = 1;
  milliseconds time{std::chrono::minutes{10}};  // `for`
  double differ = 0;
};

struct Update {
  bool watch = true;           // swap when the source's file is replaced
  milliseconds drain{30'000};  // calls on the old version may take this long
  milliseconds every{0};       // 0: off
  milliseconds jitter{0};
  milliseconds backoff{std::chrono::minutes{5}};
  std::optional<Shadow> shadow;
  std::optional<Canary> canary;
  std::optional<Rollback> rollback = Rollback{};
  bool hold = true;  // an update that imports more waits for an operator
  bool allow_downgrade = false;
};

// Whose signature a version needs.
struct Signature {
  enum class Need : std::uint8_t { kNone, kAnyOf, kAllOf };
  Need need = Need::kNone;
  std::vector<std::filesystem::path> keys;  // resolved against the manifest's folder
  Mark mark;
};

struct Workload {
  std::string name;
  Mark mark;
  Source source;
  InstancePolicy instances = InstancePolicy::kFresh;
  std::uint32_t instance_count = 0;  // with kPool and kKept
  Limits limits;
  std::vector<Grant> grants;
  Update update;
  Signature signature;
  bool handover = true;  // when both versions export save and restore
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;
  std::vector<Trigger> triggers;
};

enum class LogFormat : std::uint8_t { kAuto, kText, kJson };

struct Telemetry {
  std::optional<Endpoint> listen;  // none: no HTTP for /metrics, /healthz and /readyz
  std::string log_level = "info";
  LogFormat log_format = LogFormat::kAuto;
};

// Versions and compiled code on disk.
struct Store {
  std::optional<std::filesystem::path> path;  // none: the program's default
  std::uint64_t max_bytes = std::uint64_t{4} << 30;
  std::uint32_t keep = 3;  // good versions of each workload that are never removed
};

// How one registry or web server is reached.
struct Registry {
  std::string name;  // "registry.example.com:5000", as sources write it
  Mark mark;
  bool plain_http = false;
  std::optional<std::filesystem::path> ca;
  std::optional<std::filesystem::path> cert, key;  // both or none
  std::optional<std::string> user;                 // with password_file
  std::optional<std::filesystem::path> password_file;
  std::optional<std::filesystem::path> token_file;  // a bearer token, in place of both
  std::optional<std::filesystem::path> docker_config;
  std::vector<std::string> token_hosts;  // may be sent the login for a token
  std::vector<std::string> addresses;    // where it may lead although they are not public
  bool proxy = false;                    // through those that the environment names
};

struct Manifest {
  std::string file;
  std::vector<Workload> workloads;  // in the order of the text
  Telemetry telemetry;
  Store store;
  std::vector<Registry> registries;                     // in the order of the text
  std::optional<std::filesystem::path> control_socket;  // none: the program's default
  std::vector<Added> added;                             // in the order of LoadOptions::sections
};

// What this build knows besides the manifest's own keys.
struct LoadOptions {
  std::span<const Extension> grants;
  std::span<const Extension> triggers;
  std::span<const Extension> sections = {};
};

// Parses `text`; `file` is what messages call it, `folder` what relative paths start from.
// Does not touch the file system. Never throws. The Problems are not empty.
[[nodiscard]] std::expected<Manifest, Problems> parse(std::string_view text, const std::string& file,
                                                      const std::filesystem::path& folder,
                                                      const LoadOptions& options);

// Reads and parses a file. A file that cannot be read is a problem at 1:1. Blocks for the read.
[[nodiscard]] std::expected<Manifest, Problems> load(const std::filesystem::path& file,
                                                     const LoadOptions& options);

// Everything the manifest says with every default filled in, as JSON.
[[nodiscard]] std::string to_json(const Manifest& manifest);

// One value of a manifest as JSON: a plain scalar becomes what YAML's core schema says it is, nothing becomes
// {}. One line.
[[nodiscard]] std::string to_json(const Value& value);

// The sections of a manifest without its extensions: what `parse` reads and the reference shows.
[[nodiscard]] std::span<const Section* const> sections();

// The manifest reference as Markdown.
[[nodiscard]] std::string reference(const LoadOptions& options);

}  // namespace berth::manifest
