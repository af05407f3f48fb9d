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

// Where a component comes from.
struct Source {
  std::string text;            // as written: "file:store.wasm"
  std::filesystem::path path;  // resolved against the manifest's folder
  Mark mark;
};

enum class InstancePolicy : std::uint8_t {
  kFresh,  // a new instance for each call
  kOne,    // one long-lived instance; calls take turns
  kPool,   // up to pool_size instances, reused
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

struct Update {
  bool watch = true;           // swap when the source's file is replaced
  milliseconds drain{30'000};  // calls on the old version may take this long
};

struct Workload {
  std::string name;
  Mark mark;
  Source source;
  InstancePolicy instances = InstancePolicy::kFresh;
  std::uint32_t pool_size = 0;  // with kPool
  Limits limits;
  std::vector<Grant> grants;
  Update update;
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

struct Manifest {
  std::string file;
  std::vector<Workload> workloads;  // in the order of the text
  Telemetry telemetry;
  std::optional<std::filesystem::path> control_socket;  // none: the program's default
};

// What this build knows besides the manifest's own keys.
struct LoadOptions {
  std::span<const Extension> grants;
  std::span<const Extension> triggers;
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

// The sections of a manifest without its extensions: what `parse` reads and the reference shows.
[[nodiscard]] std::span<const Section* const> sections();

// The manifest reference as Markdown.
[[nodiscard]] std::string reference(const LoadOptions& options);

}  // namespace berth::manifest
