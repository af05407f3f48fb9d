// The world check.
#include "host/component/world.h"

#include <fmt/format.h>

#include <algorithm>

namespace berth::host {
namespace {

// An interface of types only is satisfied by the types themselves.
bool needs_code(const abi::Item& import) {
  if (import.kind == abi::ItemKind::kType) return false;
  if (import.kind != abi::ItemKind::kInterface) return true;
  return std::ranges::any_of(import.items,
                             [](const abi::Item& item) { return item.kind != abi::ItemKind::kType; });
}

std::string how_to_allow(const abi::Item& import, std::span<const CapabilityInfo> offered,
                         std::string_view workload) {
  if (import.kind == abi::ItemKind::kComponent || import.kind == abi::ItemKind::kModule) {
    return "a component that imports code cannot be run; compose it first (`wac plug`)";
  }
  for (const CapabilityInfo& capability : offered) {
    if (capability.covers(import.name)) {
      return fmt::format("to allow it, write under workloads.{}.{}: {}", workload, capability.section,
                         capability.grant_line);
    }
  }
  return "no capability of this program provides it, so no grant can allow it; build the component without "
         "it, "
         "or compose it with a component that exports it (`wac plug`)";
}

}  // namespace

bool is_wasi_io(std::string_view interface) { return interface.starts_with("wasi:io/"); }

std::vector<std::string> imports_of(const abi::Shape& shape) {
  std::vector<std::string> out;
  for (const abi::Item& import : shape.imports) {
    if (needs_code(import) && !is_wasi_io(import.name)) out.emplace_back(import.name);
  }
  return out;
}

bool imports_wasi(const abi::Shape& shape) {
  return std::ranges::any_of(shape.imports,
                             [](const abi::Item& item) { return item.name.starts_with("wasi:"); });
}

std::vector<Uncovered> uncovered_imports(const abi::Shape& shape,
                                         const std::function<bool(std::string_view interface)>& covered,
                                         std::span<const CapabilityInfo> offered, std::string_view workload) {
  std::vector<Uncovered> out;
  for (const abi::Item& import : shape.imports)
    if (needs_code(import) && !is_wasi_io(import.name) && !covered(import.name))
      out.push_back({import.name, how_to_allow(import, offered, workload)});
  return out;
}

Result<Grants> grants_for(const abi::Shape& shape, const Grants& grants,
                          std::span<const CapabilityInfo> offered, std::string_view workload) {
  std::vector<bool> used(grants.size(), false);
  const auto covered = [&](std::string_view interface) {
    const auto grant = std::ranges::find_if(grants, [&](const auto& g) { return g->covers(interface); });
    if (grant == grants.end()) return false;
    used[static_cast<std::size_t>(grant - grants.begin())] = true;
    return true;
  };
  const std::vector<Uncovered> uncovered = uncovered_imports(shape, covered, offered, workload);
  if (!uncovered.empty()) {
    std::string all;
    for (const Uncovered& one : uncovered)
      all += fmt::format("{}{}: {}", all.empty() ? "" : "\n", one.import, one.how_to_allow);
    return fail(
        Error(Code::kPermissionDenied,
              fmt::format("the component imports {}, which is not granted ({} such imports in all); {}",
                          uncovered.front().import, uncovered.size(), uncovered.front().how_to_allow))
            .with_detail(std::move(all)));
  }
  Grants needed;
  for (std::size_t i = 0; i < grants.size(); ++i) {
    if (used[i]) needed.push_back(grants[i]);
  }
  return needed;
}

}  // namespace berth::host
