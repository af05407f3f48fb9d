// berth kube rbac: the roles that a manifest's grants need, and no more.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "capabilities/kubernetes/grants.h"
#include "capabilities/kubernetes/rbac.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/known.h"
#include "cli/kube.h"
#include "cli/output.h"
#include "manifest/manifest.h"

namespace berth::cli {
namespace {

struct KubeRbacOptions {
  std::string file;
  std::string account = "berth/berth";
};

int refuse(const std::string& message) {
  print_error(message);
  return kBadInput;
}

std::optional<kubernetes::ServiceAccount> parse_account(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view ns = text.substr(0, slash), name = text.substr(slash + 1);
  if (!kubernetes::is_label(ns) || name.empty() || !kubernetes::is_group(name)) return std::nullopt;
  return kubernetes::ServiceAccount{std::string(ns), std::string(name)};
}

int print_roles(const KubeRbacOptions& options) {
  const auto account = parse_account(options.account);
  if (!account)
    return refuse(
        fmt::format("--service-account {}: write NAMESPACE/NAME", manifest::shown(options.account)));
  const Known known;
  const auto loaded = manifest::load(options.file, known.options());
  if (!loaded) {
    for (const Error& error : loaded.error().errors()) print_error(error);
    return kBadInput;
  }
  std::vector<kubernetes::Rule> rules;
  std::optional<kubernetes::ClusterChoice> cluster;
  for (const manifest::Workload& workload : loaded->workloads)
    for (const manifest::Grant& grant : workload.grants) {
      if (grant.name != "kubernetes") continue;
      // It was checked when it was loaded.
      manifest::Problems none(loaded->file);
      auto settings = kubernetes::read(grant.value, "grants.kubernetes", none);
      if (!settings || settings->rules.empty()) continue;
      if (cluster && *cluster != settings->cluster)
        return refuse(
            fmt::format("{}:{}:{}: the kubernetes grant of {} names another kubeconfig or context than those "
                        "before: their "
                        "roles belong to different users; write a manifest for each",
                        loaded->file, grant.mark.line, grant.mark.column, workload.name));
      cluster = settings->cluster;
      rules.insert(rules.end(), settings->rules.begin(), settings->rules.end());
    }
  const std::string yaml = kubernetes::rbac_yaml(rules, *account);
  if (yaml.empty())
    return refuse(fmt::format("{}: no workload is granted anything of a Kubernetes API", options.file));
  print_text(yaml);
  return kOk;
}

}  // namespace

void add_kube_rbac(CLI::App& kube, int& exit_code) {
  CLI::App* command =
      kube.add_subcommand("rbac", "Print the roles and bindings that allow exactly what a manifest grants");
  const auto options = std::make_shared<KubeRbacOptions>();
  command->add_option("MANIFEST", options->file, "The manifest")->required();
  command->add_option("--service-account", options->account, "Who gets them: NAMESPACE/NAME")
      ->capture_default_str();
  command->footer(
      "Example:\n  berth kube rbac applications/gather/berth.yaml --service-account gather/gather");
  command->callback([&exit_code, options] { exit_code = print_roles(*options); });
}

}  // namespace berth::cli
