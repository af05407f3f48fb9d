// Loader: kind check, compilation, world check, linking.
#include "host/component/loader.h"

#include <fmt/format.h>

#include <utility>

#include "abi/linker.h"
#include "host/component/world.h"

namespace berth::host {
namespace {

constexpr std::string_view kCoreModule =
    "it is a core module, not a component, and {}; make it a component with `wasm-tools component new`";

Error with_source(Error error, const artifact::Artifact& artifact) {
  return std::move(error).context("loading " + artifact.source);
}

// The limits of a workload must fit into the engine's pool, or they would silently be smaller.
Result<void> check_limits(const LoadRequest& request, const abi::EngineOptions& engine) {
  if (request.limits.memory_bytes > engine.max_memory_bytes) {
    return fail(Code::kInvalidArgument,
                fmt::format("workloads.{}.limits.memory is {} bytes; this program's engine allows at most {}",
                            request.workload, request.limits.memory_bytes, engine.max_memory_bytes));
  }
  if (request.limits.table_elements > engine.max_table_elements) {
    return fail(Code::kInvalidArgument,
                fmt::format("workloads.{}.limits.tables is {}; this program's engine allows at most {}",
                            request.workload, request.limits.table_elements, engine.max_table_elements));
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const abi::Component>> Loader::compile(const artifact::Artifact& artifact) const {
  const abi::BinaryKind kind = abi::binary_kind(artifact.bytes);
  if (kind == abi::BinaryKind::kUnknown) {
    return fail(
        with_source(Error(Code::kInvalidArgument,
                          "it is not WebAssembly: the file does not begin with its magic number; give a "
                          "component (.wasm) or a preview-1 module"),
                    artifact));
  }
  if (kind == abi::BinaryKind::kComponent) {
    auto component = abi::Component::compile(engine_, artifact.bytes);
    if (!component) return fail(with_source(std::move(component).error(), artifact));
    return component;
  }
  auto adapted = abi::adapt_module(artifact.bytes);
  if (!adapted) {
    return fail(with_source(
        std::move(adapted).error().context(fmt::format(kCoreModule, "is no preview-1 command either")),
        artifact));
  }
  auto component = abi::Component::compile(engine_, *adapted);
  if (!component)
    return fail(with_source(std::move(component).error().context("adapting its core module"), artifact));
  return component;
}

Result<std::shared_ptr<const ComponentVersion>> Loader::link(const artifact::Artifact& artifact,
                                                             std::shared_ptr<const abi::Component> component,
                                                             const LoadRequest& request) const {
  const auto linked = [&]() -> Result<std::shared_ptr<const ComponentVersion>> {
    BERTH_TRY(check_limits(request, engine_->options()));
    const abi::Shape& shape = component->shape();
    ComponentParts parts{.grants = BERTH_TRY(grants_for(shape, request.grants, offered_, request.workload)),
                         .binder = request.binder,
                         .needs_wasi = imports_wasi(shape),
                         .limits = request.limits,
                         .executor = &executor_};
    WasiSettings settings;
    settings.args = request.args;
    settings.env = request.env;
    settings.inherit_stdio = request.inherit_stdio;
    settings.version = artifact.digest.to_string();
    abi::Linker linker = BERTH_TRY(abi::Linker::create(engine_));
    if (parts.needs_wasi) BERTH_TRY(linker.add_wasi("io"));
    for (const auto& grant : parts.grants) {
      BERTH_TRY(grant->link(linker));
      grant->configure(settings);
    }
    parts.wasi.args = settings.args;
    parts.wasi.env = settings.env;
    for (const Preopen& open : settings.preopens) {
      parts.wasi.preopens.push_back(
          {.host_path = open.host_path,
           .guest_path = open.guest_path,
           .access = open.write ? abi::Access::kReadWrite : abi::Access::kReadOnly});
    }
    parts.wasi.stdio = settings.inherit_stdio ? abi::Stdio::kInherit : abi::Stdio::kPolicy;
    parts.wasi.extra_ca_pem = settings.extra_ca_pem;
    parts.outside = std::make_shared<const WasiSettings>(std::move(settings));
    parts.pre = BERTH_TRY(linker.link(component));
    if (auto bound = request.binder.check(*parts.pre); !bound) {
      // Whatever a module exports, its adapted form exports a command at most.
      return fail(abi::binary_kind(artifact.bytes) == abi::BinaryKind::kModule
                      ? std::move(bound).error().context(fmt::format(kCoreModule, "only runs as a command"))
                      : std::move(bound).error());
    }
    parts.lifecycle = BERTH_TRY(Lifecycle::find(*parts.pre));
    Version::About about{.digest = artifact.digest.to_string(),
                         .source = artifact.source,
                         .exports = request.binder.exports,
                         .fibre = parts.pre->is_async(),
                         .probe = parts.lifecycle.has_probe(),
                         .handover = parts.lifecycle.has_handover()};
    return std::make_shared<const ComponentVersion>(std::move(about), std::move(parts));
  };
  auto version = linked();
  if (!version) return fail(with_source(std::move(version).error(), artifact));
  return version;
}

Result<std::shared_ptr<const ComponentVersion>> Loader::load(const artifact::Artifact& artifact,
                                                             const LoadRequest& request) const {
  return link(artifact, BERTH_TRY(compile(artifact)), request);
}

}  // namespace berth::host
