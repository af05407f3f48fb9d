// Loader: kind check, compilation, world check, linking.
#include "host/component/loader.h"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "abi/linker.h"
#include "host/component/binary.h"
#include "host/component/world.h"

namespace berth::host {
namespace {

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

Result<abi::Shape> read_shape(const artifact::Artifact& artifact) {
  const auto read = [&]() -> Result<abi::Shape> {
    std::vector<std::uint8_t> adapted;
    return abi::read_shape(BERTH_TRY(component_in(artifact.bytes, adapted)));
  };
  auto shape = read();
  if (!shape) return fail(with_source(std::move(shape).error(), artifact));
  return shape;
}

Result<Compiled> Loader::compile_here(const artifact::Artifact& artifact) const {
  std::vector<std::uint8_t> adapted;
  const std::span<const std::uint8_t> bytes = BERTH_TRY(component_in(artifact.bytes, adapted));
  return Compiled{
      .component = BERTH_TRY(abi::Component::compile(engine_, bytes)),
      .tier = engine_->options().compiler == abi::Compiler::kWinch ? Tier::kWinch : Tier::kCranelift};
}

Result<ComponentParts> Loader::parts_of(const artifact::Artifact& artifact, Compiled code,
                                        const LoadRequest& request) const {
  BERTH_TRY(check_limits(request, engine_->options()));
  const abi::Shape& shape = code.component->shape();
  ComponentParts parts{.keep = std::move(code.keep),
                       .grants = BERTH_TRY(grants_for(shape, request.grants, offered_, request.workload)),
                       .binder = request.binder,
                       .needs_wasi = imports_wasi(shape),
                       .limits = request.limits,
                       .executor = &executor_};
  WasiSettings settings;
  settings.args = request.args;
  settings.env = request.env;
  settings.inherit_stdio = request.inherit_stdio;
  settings.version = artifact.digest.to_string();
  // The engine of its compiler, which need not be ours.
  abi::Linker linker = BERTH_TRY(abi::Linker::create(code.component->engine()));
  if (parts.needs_wasi) BERTH_TRY(linker.add_wasi("io"));
  for (const auto& grant : parts.grants) {
    BERTH_TRY(grant->link(linker));
    grant->configure(settings);
  }
  parts.wasi.args = settings.args;
  parts.wasi.env = settings.env;
  for (const Preopen& open : settings.preopens) {
    parts.wasi.preopens.push_back({.host_path = open.host_path,
                                   .guest_path = open.guest_path,
                                   .access = open.write ? abi::Access::kReadWrite : abi::Access::kReadOnly});
  }
  parts.wasi.stdio = settings.inherit_stdio ? abi::Stdio::kInherit : abi::Stdio::kPolicy;
  parts.wasi.extra_ca_pem = settings.extra_ca_pem;
  parts.outside = std::make_shared<const WasiSettings>(std::move(settings));
  parts.pre = BERTH_TRY(linker.link(code.component));
  if (auto bound = request.binder.check(*parts.pre); !bound) {
    // Whatever a module exports, its adapted form exports a command at most.
    return fail(abi::binary_kind(artifact.bytes) == abi::BinaryKind::kModule
                    ? std::move(bound).error().context(fmt::format(kCoreModule, "only runs as a command"))
                    : std::move(bound).error());
  }
  parts.lifecycle = BERTH_TRY(Lifecycle::find(*parts.pre));
  return parts;
}

Result<std::shared_ptr<const ComponentVersion>> Loader::link(const artifact::Artifact& artifact,
                                                             Result<Compiled> code,
                                                             const LoadRequest& request) const {
  if (!code) return fail(with_source(std::move(code).error(), artifact));
  const Tier tier = code->tier;
  auto parts = parts_of(artifact, std::move(*code), request);
  if (!parts) return fail(with_source(std::move(parts).error(), artifact));
  Version::About about{.digest = artifact.digest.to_string(),
                       .source = artifact.source,
                       .exports = request.binder.exports,
                       .fibre = parts->pre->is_async(),
                       .probe = parts->lifecycle.has_probe(),
                       .handover = parts->lifecycle.has_handover(),
                       .tier = tier};
  return std::make_shared<const ComponentVersion>(std::move(about), std::move(*parts));
}

Result<std::shared_ptr<const ComponentVersion>> Loader::load(const artifact::Artifact& artifact,
                                                             const LoadRequest& request,
                                                             const std::stop_token& stop) const {
  return link(artifact, tiers_ != nullptr ? tiers_->quick(artifact, stop) : compile_here(artifact), request);
}

Result<std::shared_ptr<const ComponentVersion>> Loader::load_best(const artifact::Artifact& artifact,
                                                                  const LoadRequest& request,
                                                                  const std::stop_token& stop) const {
  return link(artifact, tiers_ != nullptr ? tiers_->best(artifact, stop) : compile_here(artifact), request);
}

Result<std::shared_ptr<const ComponentVersion>> Loader::load_stored(const artifact::Artifact& artifact,
                                                                    const LoadRequest& request) const {
  if (tiers_ == nullptr) return fail(Code::kNotFound, "this program has no store of compiled code");
  return link(artifact, tiers_->stored(artifact.digest.to_string()), request);
}

}  // namespace berth::host
