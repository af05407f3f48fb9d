// berth kube: what has to do with Kubernetes besides running: clients for guests, roles for the host.
#include "cli/kube.h"

#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace berth::cli {

void add_kube(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("kube", "Make what Kubernetes needs: clients for guests, roles for the host");
  command->require_subcommand(1);
  add_kube_bindings(*command, exit_code);
  add_kube_rbac(*command, exit_code);
}

}  // namespace berth::cli
