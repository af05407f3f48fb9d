// berth copy: an artifact from one registry to another, or under another name.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "artifact/oci/wasm_artifact.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/registry_flags.h"

namespace berth::cli {
namespace {

namespace oci = artifact::oci;

struct CopyOptions {
  std::string from;
  std::string to;
  bool referrers = false;
  bool json = false;
  RegistryFlags from_registry;
  RegistryFlags to_registry;
};

Result<int> copy(const CopyOptions& options, net::IoContext& io, const std::stop_token& stop) {
  const artifact::OciReference from = BERTH_TRY(artifact::parse_oci_reference(options.from));
  const artifact::OciReference to = BERTH_TRY(artifact::parse_oci_reference(options.to));
  if (to.digest)
    return fail(Code::kInvalidArgument,
                fmt::format("{}: name a tag; the digest stays what it is", options.to));
  const OpenRegistry source = BERTH_TRY(OpenRegistry::open(io, from, options.from_registry));
  // One connection, and mounts instead of copies, where both are in one registry.
  std::optional<OpenRegistry> other;
  if (from.registry() != to.registry())
    other.emplace(BERTH_TRY(OpenRegistry::open(io, to, options.to_registry)));
  const OpenRegistry& target = other ? *other : source;
  const oci::Repository repository = target.repository(to);
  oci::CopyOptions how{.referrers = options.referrers ? oci::Referrers::kCopy : oci::Referrers::kLeave};
  ProgressLine progress("copying", options.json);
  how.progress = progress.callback();
  const oci::Descriptor copied = BERTH_TRY(
      oci::copy(source.repository(from), from.tag_or_digest(), repository, to.tag_or_digest(), how, stop));
  progress.end();
  if (options.json) {
    print_text(
        nlohmann::ordered_json{{"reference", to.to_string()}, {"manifest", copied.digest.to_string()}}.dump(
            2) +
        "\n");
  } else {
    print_line(stdout, fmt::format("copied to {}@{}", to.to_string(), copied.digest.to_string()));
  }
  return kOk;
}

}  // namespace

void add_copy(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("copy", "Copy a component from one registry or name to another");
  const auto options = std::make_shared<CopyOptions>();
  command
      ->add_option("FROM", options->from, "What to copy, oci://host/name:tag or oci://host/name@sha256:...")
      ->required();
  command->add_option("TO", options->to, "Where to, oci://host/name:tag")->required();
  command->add_flag("--referrers", options->referrers, "Also what refers to it, as signatures do");
  command->add_flag("--json", options->json, "Print JSON");
  add_registry_flags(*command, options->from_registry, "from-");
  add_registry_flags(*command, options->to_registry, "to-");
  command->footer(
      "Example:\n  berth copy oci://127.0.0.1:5000/gather/core:v1 oci://127.0.0.1:5001/mirror/core:v1\n" +
      std::string(kRegistryHelp));
  command->callback([&exit_code, options] {
    exit_code = run_with_registry([&](auto& io, const auto& stop) { return copy(*options, io, stop); });
  });
}

}  // namespace berth::cli
