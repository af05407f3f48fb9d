// The sub-commands of `berth kube`; one file each.
#pragma once

namespace CLI {
class App;
}

namespace berth::cli {

// As in commands.h; `kube` is the sub-command they belong to.
void add_kube_bindings(CLI::App& kube, int& exit_code);
void add_kube_rbac(CLI::App& kube, int& exit_code);

}  // namespace berth::cli
