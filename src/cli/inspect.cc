// berth inspect: what a component is, imports and exports; of a file, or of an artifact in a registry.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "abi/component.h"
#include "artifact/oci/wasm_artifact.h"
#include "cli/commands.h"
#include "cli/component_file.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/registry_flags.h"

namespace berth::cli {
namespace {

using OrderedJson = nlohmann::ordered_json;

namespace oci = artifact::oci;

struct InspectOptions {
  std::string file;
  bool json = false;
  RegistryFlags registry;
};

std::string_view kind_of(abi::ItemKind kind) {
  switch (kind) {
    case abi::ItemKind::kInterface: return "interface";
    case abi::ItemKind::kFunc: return "func";
    case abi::ItemKind::kResource: return "resource";
    case abi::ItemKind::kType: return "type";
    case abi::ItemKind::kComponent: return "component";
    case abi::ItemKind::kModule: return "module";
  }
  return "unknown";
}

OrderedJson items_json(const std::vector<abi::Item>& items) {
  OrderedJson out = OrderedJson::array();
  for (const abi::Item& item : items) {
    OrderedJson entry = {{"name", item.name}, {"kind", kind_of(item.kind)}};
    if (item.kind == abi::ItemKind::kFunc) entry["type"] = item.type;
    if (item.kind == abi::ItemKind::kInterface) entry["items"] = items_json(item.items);
    out.push_back(std::move(entry));
  }
  return out;
}

void print_items(const std::vector<abi::Item>& items, const std::string& indent) {
  for (const abi::Item& item : items) {
    switch (item.kind) {
      case abi::ItemKind::kInterface:
        print_line(stdout, indent + item.name);
        print_items(item.items, indent + "  ");
        break;
      case abi::ItemKind::kFunc:
        print_line(stdout, fmt::format("{}{}: {}", indent, item.name, item.type));
        break;
      default: print_line(stdout, fmt::format("{}{} {}", indent, kind_of(item.kind), item.name));
    }
  }
}

void print_names(std::string_view title, const std::vector<std::string>& names) {
  print_line(stdout, names.empty() ? fmt::format("{}  nothing", title) : std::string(title));
  for (const std::string& name : names) print_line(stdout, "  " + name);
}

// What the publisher says about an artifact; the component itself is not fetched.
Result<int> inspect_artifact(const InspectOptions& options, net::IoContext& io, const std::stop_token& stop) {
  const artifact::OciReference reference = BERTH_TRY(artifact::parse_oci_reference(options.file));
  const OpenRegistry registry = BERTH_TRY(OpenRegistry::open(io, reference, options.registry));
  const oci::WasmArtifact artifact =
      BERTH_TRY(oci::inspect(registry.repository(reference), reference.tag_or_digest(), stop));
  const oci::WasmConfig& config = artifact.config;
  const oci::Descriptor& layer = artifact.parts.layer;
  if (options.json) {
    OrderedJson report = {{"reference", reference.to_string()},
                          {"manifest", artifact.manifest.digest.to_string()},
                          {"digest", layer.digest.to_string()},
                          {"size", layer.size},
                          {"os", config.os},
                          {"created", config.created}};
    if (config.author) report["author"] = *config.author;
    if (config.component) {
      report["imports"] = config.component->imports;
      report["exports"] = config.component->exports;
      if (config.component->target) report["target"] = *config.component->target;
    }
    if (!artifact.annotations.empty()) report["annotations"] = artifact.annotations;
    print_text(report.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
    return kOk;
  }
  print_line(stdout, fmt::format("manifest {}", artifact.manifest.digest.to_string()));
  print_line(stdout, fmt::format("digest   {}", layer.digest.to_string()));
  print_line(stdout, fmt::format("size     {} bytes", layer.size));
  if (!config.os.empty()) print_line(stdout, fmt::format("os       {}", config.os));
  if (!config.created.empty()) print_line(stdout, fmt::format("created  {}", config.created));
  if (config.author) print_line(stdout, fmt::format("author   {}", *config.author));
  if (config.component) {
    if (config.component->target) print_line(stdout, fmt::format("target   {}", *config.component->target));
    print_names("imports", config.component->imports);
    print_names("exports", config.component->exports);
  }
  return kOk;
}

Result<int> inspect(const InspectOptions& options) {
  const ComponentFile file = BERTH_TRY(open_component(options.file));
  auto component = compile_for_shape(file.component);
  if (!component) return fail(std::move(component).error().context(options.file));
  const abi::Shape& shape = (*component)->shape();
  if (options.json) {
    const OrderedJson report = {{"file", options.file},
                                {"kind", kind_name(file.kind)},
                                {"size", file.size},
                                {"digest", file.digest},
                                {"imports", items_json(shape.imports)},
                                {"exports", items_json(shape.exports)}};
    print_text(report.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
    return kOk;
  }
  print_line(stdout, fmt::format("kind     {}", kind_name(file.kind)));
  print_line(stdout, fmt::format("size     {} bytes", file.size));
  print_line(stdout, fmt::format("digest   {}", file.digest));
  print_line(stdout, shape.imports.empty() ? "imports  nothing" : "imports");
  print_items(shape.imports, "  ");
  print_line(stdout, shape.exports.empty() ? "exports  nothing" : "exports");
  print_items(shape.exports, "  ");
  return kOk;
}

}  // namespace

void add_inspect(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("inspect", "Show a component's kind, size, digest, imports and exports");
  const auto options = std::make_shared<InspectOptions>();
  command
      ->add_option(
          "FILE", options->file,
          "A component, a preview-1 module or component text; or oci://host/name:tag, of which the component "
          "itself is not fetched")
      ->required();
  command->add_flag("--json", options->json, "Print JSON");
  add_registry_flags(*command, options->registry);
  command->footer(
      "Example:\n  berth inspect guest.wasm\n  berth inspect oci://127.0.0.1:5000/gather/core:v1\n" +
      std::string(kRegistryHelp));
  command->callback([&exit_code, options] {
    if (options->file.starts_with("oci://")) {
      exit_code =
          run_with_registry([&](auto& io, const auto& stop) { return inspect_artifact(*options, io, stop); });
      return;
    }
    const Result<int> code = inspect(*options);
    if (!code) print_error(code.error());
    exit_code = code ? *code : berth::cli::exit_code(code.error().code());
  });
}

}  // namespace berth::cli
