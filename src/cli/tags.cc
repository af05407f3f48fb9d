// berth tags: what tags a repository has.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/registry_flags.h"

namespace berth::cli {
namespace {

struct TagsOptions {
  std::string repository;
  bool json = false;
  RegistryFlags registry;
};

Result<int> tags(const TagsOptions& options, net::IoContext& io, const std::stop_token& stop) {
  const artifact::OciReference reference = BERTH_TRY(artifact::parse_oci_reference(options.repository));
  // "latest" is what a reference without a tag means.
  if (reference.tag != "latest" || reference.digest) {
    return fail(Code::kInvalidArgument,
                fmt::format("{}: name a repository, without tag or digest", options.repository));
  }
  const OpenRegistry registry = BERTH_TRY(OpenRegistry::open(io, reference, options.registry));
  const std::vector<std::string> found = BERTH_TRY(registry.repository(reference).tags(stop));
  if (options.json) {
    print_text(
        nlohmann::ordered_json{{"repository", registry.repository(reference).shown()}, {"tags", found}}.dump(
            2) +
        "\n");
  } else {
    for (const std::string& tag : found) print_line(stdout, tag);
  }
  return kOk;
}

}  // namespace

void add_tags(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("tags", "List the tags of a repository");
  const auto options = std::make_shared<TagsOptions>();
  command->add_option("REPO", options->repository, "A repository, oci://host/name")->required();
  command->add_flag("--json", options->json, "Print JSON");
  add_registry_flags(*command, options->registry);
  command->footer("Example:\n  berth tags oci://127.0.0.1:5000/gather/core\n" + std::string(kRegistryHelp));
  command->callback([&exit_code, options] {
    exit_code = run_with_registry([&](auto& io, const auto& stop) { return tags(*options, io, stop); });
  });
}

}  // namespace berth::cli
