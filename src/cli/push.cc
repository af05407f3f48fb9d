// berth push: a component or module into a registry, in the wasm artifact layout.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "artifact/file_source.h"
#include "artifact/oci/wasm_artifact.h"
#include "cli/commands.h"
#include "cli/component_file.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/registry_flags.h"

namespace berth::cli {
namespace {

namespace oci = artifact::oci;

struct PushOptions {
  std::string file;
  std::string reference;
  std::string author;
  std::string target;
  bool json = false;
  RegistryFlags registry;
};

// Now, or what SOURCE_DATE_EPOCH says, so that the same file is the same artifact when somebody wants that.
Result<std::string> created() {
  auto seconds = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  if (const char* epoch = std::getenv("SOURCE_DATE_EPOCH")) {
    const std::string_view text(epoch);
    std::int64_t value = 0;
    constexpr std::int64_t kYear9999 = 253'402'300'799;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > kYear9999) {
      return fail(Code::kInvalidArgument,
                  fmt::format("SOURCE_DATE_EPOCH \"{}\" is no number of seconds", text));
    }
    seconds = std::chrono::sys_seconds(std::chrono::seconds(value));
  }
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)));
}

std::vector<std::string> names(const std::vector<abi::Item>& items) {
  std::vector<std::string> out;
  out.reserve(items.size());
  for (const abi::Item& item : items) out.push_back(item.name);
  return out;
}

Result<oci::WasmConfig> describe(const PushOptions& options, std::span<const std::uint8_t> bytes) {
  oci::WasmConfig config{.created = BERTH_TRY(created()), .os = "wasip1"};
  if (!options.author.empty()) config.author = options.author;
  switch (abi::binary_kind(bytes)) {
    case abi::BinaryKind::kUnknown:
      return fail(
          Code::kInvalidArgument,
          fmt::format("{} is neither a component nor a module in binary form; build it first", options.file));
    case abi::BinaryKind::kModule:
      if (!options.target.empty()) {
        return fail(Code::kInvalidArgument, "--target: a module has no world; a component has");
      }
      return config;
    case abi::BinaryKind::kComponent: break;
  }
  auto component = compile_for_shape(bytes);
  if (!component) return fail(std::move(component).error().context(options.file));
  const abi::Shape& shape = (*component)->shape();
  config.os = "wasip2";
  config.component = oci::WasmInterface{.imports = names(shape.imports), .exports = names(shape.exports)};
  if (!options.target.empty()) config.component->target = options.target;
  return config;
}

Result<int> push(const PushOptions& options, net::IoContext& io, const std::stop_token& stop) {
  const artifact::OciReference reference = BERTH_TRY(artifact::parse_oci_reference(options.reference));
  if (reference.digest) {
    return fail(Code::kInvalidArgument,
                fmt::format("{}: name a tag; the digest comes from the file", options.reference));
  }
  const artifact::Artifact file = BERTH_TRY(artifact::read_artifact(options.file));
  if (file.bytes.empty())
    return fail(Code::kInvalidArgument, options.file + " is empty, which is no WebAssembly");
  const oci::WasmConfig config = BERTH_TRY(describe(options, file.bytes));
  oci::Descriptor layer = oci::wasm_layer(BERTH_TRY(artifact::Digest::of(file.bytes)), file.bytes.size());
  // By this name other clients write it to disk.
  layer.annotations["org.opencontainers.image.title"] =
      std::filesystem::path(options.file).filename().string();
  const OpenRegistry registry = BERTH_TRY(OpenRegistry::open(io, reference, options.registry));
  ProgressLine progress("pushing", options.json);
  const oci::Descriptor manifest =
      BERTH_TRY(oci::push(registry.repository(reference), reference.tag_or_digest(), std::span(file.bytes),
                          layer, config, progress.callback(), stop));
  progress.end();
  if (options.json) {
    print_text(nlohmann::ordered_json{{"reference", reference.to_string()},
                                      {"manifest", manifest.digest.to_string()},
                                      {"digest", layer.digest.to_string()},
                                      {"size", layer.size}}
                   .dump(2) +
               "\n");
  } else {
    print_line(stdout, fmt::format("pushed {}@{}", reference.to_string(), manifest.digest.to_string()));
  }
  return kOk;
}

}  // namespace

void add_push(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("push", "Publish a component or module in a registry");
  const auto options = std::make_shared<PushOptions>();
  command->add_option("FILE", options->file, "A component or a module, in binary form")->required();
  command->add_option("REF", options->reference, "Where to, oci://host/name:tag")->required();
  command->add_option("--author", options->author, "Who made it, for the artifact's config");
  command->add_option("--target", options->target,
                      "The world it was made for, as wasi:http/proxy@0.2.0, for the artifact's config");
  command->add_flag("--json", options->json, "Print JSON");
  add_registry_flags(*command, options->registry);
  command->footer("Example:\n  berth push guest.wasm oci://127.0.0.1:5000/gather/core:v1\n" +
                  std::string(kRegistryHelp));
  command->callback([&exit_code, options] {
    exit_code = run_with_registry([&](auto& io, const auto& stop) { return push(*options, io, stop); });
  });
}

}  // namespace berth::cli
