// berth check: says what is wrong with manifests and their components, and starts nothing.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "artifact/file_source.h"
#include "capabilities/registry/registry.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/known.h"
#include "cli/output.h"
#include "host/component/loader.h"
#include "host/component/world.h"
#include "manifest/manifest.h"

namespace berth::cli {
namespace {

struct CheckOptions {
  std::vector<std::string> files;
  bool json = false;
};

nlohmann::ordered_json problem_json(const Error& error) {
  const Position& at = *error.position();
  return {{"file", at.file}, {"line", at.line}, {"column", at.column}, {"message", error.message()}};
}

// "berth:state/store" of "berth:state/store@0.1.0": whether versions fit is for the engine to say.
std::string_view unversioned(std::string_view interface) { return interface.substr(0, interface.find('@')); }

// What `up` would find only later: a component that is not there, is none, imports what is not granted, or
// lacks what its triggers call.
void check_component(const manifest::Workload& w, const Known& known, manifest::Problems& problems) {
  const auto problem = [&](const std::string& message) {
    problems.add(w.source.mark, "workloads." + w.name + ".source: " + message);
  };
  const auto artifact = artifact::read_artifact(w.source.path);
  if (!artifact && artifact.error().code() == Code::kNotFound)
    return problem("no file " + w.source.path.string() + "; build it, or correct the path");
  if (!artifact) return problem(artifact.error().message());
  const auto shape = host::read_shape(*artifact);
  if (!shape) return problem(shape.error().message());
  const auto covered = [&](std::string_view interface) {
    return registry::base_covers(interface) ||
           std::ranges::any_of(w.grants,
                               [&](const manifest::Grant& grant) {
                                 return known.capability(grant.name).info.covers(interface);
                               }) ||
           std::ranges::any_of(w.triggers, [&](const manifest::Trigger& trigger) {
             const auto& grant = known.trigger(trigger.name).grant;
             return grant != nullptr && grant->covers(interface);
           });
  };
  for (const auto& [import, how_to_allow] : host::uncovered_imports(*shape, covered, known.offered(), w.name))
    problem(fmt::format("the component imports {}, which is not granted; {}", import, how_to_allow));
  for (const manifest::Trigger& trigger : w.triggers) {
    const std::string_view wanted = known.trigger(trigger.name).interface;
    const auto same = [&](const abi::Item& item) { return unversioned(item.name) == unversioned(wanted); };
    if (!wanted.empty() && std::ranges::none_of(shape->exports, same))
      problems.add(trigger.mark,
                   fmt::format("workloads.{}.triggers: the component does not export {}, which the "
                               "trigger {} calls; see `berth inspect {}`",
                               w.name, wanted, trigger.name, w.source.path.string()));
  }
}

manifest::Problems check_components(const manifest::Manifest& m, const Known& known) {
  manifest::Problems problems(m.file);
  for (const manifest::Workload& w : m.workloads) {
    // Nothing is asked over the network.
    if (w.source.kind == manifest::Source::Kind::kFile) check_component(w, known, problems);
    for (const manifest::Trigger& trigger : w.triggers) {
      if (const std::string missing = known.trigger(trigger.name).missing_section(m); !missing.empty())
        problems.add(trigger.mark, fmt::format("workloads.{}.triggers: {}", w.name, missing));
    }
  }
  return problems;
}

int check(const CheckOptions& options) {
  const Known known;
  int code = kOk;
  nlohmann::ordered_json report = nlohmann::ordered_json::array();
  for (const std::string& file : options.files) {
    auto loaded = manifest::load(file, known.options());
    manifest::Problems problems = loaded ? check_components(*loaded, known) : std::move(loaded.error());
    if (!problems.empty()) code = kBadInput;
    if (!options.json) {
      for (const Error& error : problems.errors()) {
        const Position& at = *error.position();
        print_line(stdout, at.file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " +
                               error.message());
      }
      if (problems.more() > 0)
        print_line(stdout, file + ": " + std::to_string(problems.more()) + " more problems");
      if (problems.empty()) {
        const std::size_t n = loaded->workloads.size();
        print_line(stdout, file + ": ok, " + std::to_string(n) + (n == 1 ? " workload" : " workloads"));
      }
      continue;
    }
    nlohmann::ordered_json entry = {{"file", file}, {"ok", problems.empty()}};
    if (loaded) entry["manifest"] = nlohmann::ordered_json::parse(manifest::to_json(*loaded));
    entry["problems"] = nlohmann::ordered_json::array();
    for (const Error& error : problems.errors()) entry["problems"].push_back(problem_json(error));
    entry["more_problems"] = problems.more();
    report.push_back(std::move(entry));
  }
  if (options.json) {
    print_text(report.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  }
  return code;
}

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("check", "Say what is wrong with a manifest and its components; start nothing");
  const auto options = std::make_shared<CheckOptions>();
  command->add_option("FILE", options->files, "Manifests")->required();
  command->add_flag("--json", options->json, "Print problems and the effective manifest as JSON");
  command->footer(
      "Example:\n  berth check applications/statestore/berth.yaml\nExit code 3 when there is a problem.");
  command->callback([&exit_code, options] { exit_code = check(*options); });
}

}  // namespace berth::cli
