// berth inspect: what a component is, imports and exports.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "abi/component.h"
#include "abi/engine.h"
#include "cli/commands.h"
#include "cli/component_file.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace berth::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string file;
  bool json = false;
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

Json items_json(const std::vector<abi::Item>& items) {
  Json out = Json::array();
  for (const abi::Item& item : items) {
    Json entry = {{"name", item.name}, {"kind", kind_of(item.kind)}};
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

Result<std::shared_ptr<const abi::Component>> compile(const ComponentFile& file) {
  // Only the shape is wanted. The baseline compiler is several times faster; what it cannot compile,
  // the other one judges.
  abi::EngineOptions options;
  options.allocation = abi::Allocation::kOnDemand;
  options.compiler = abi::Compiler::kWinch;
  auto quick = abi::Component::compile(BERTH_TRY(abi::Engine::create(options)), file.component);
  if (quick) return quick;
  options.compiler = abi::Compiler::kCranelift;
  return abi::Component::compile(BERTH_TRY(abi::Engine::create(options)), file.component);
}

Result<int> inspect(const Options& options) {
  const ComponentFile file = BERTH_TRY(open_component(options.file));
  auto component = compile(file);
  if (!component) return fail(std::move(component).error().context(options.file));
  const abi::Shape& shape = (*component)->shape();
  if (options.json) {
    const Json report = {{"file", options.file},
                         {"kind", kind_name(file.kind)},
                         {"size", file.size},
                         {"digest", file.digest},
                         {"imports", items_json(shape.imports)},
                         {"exports", items_json(shape.exports)}};
    print_text(report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
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
  const auto options = std::make_shared<Options>();
  command->add_option("FILE", options->file, "A component, a preview-1 module or component text")->required();
  command->add_flag("--json", options->json, "Print JSON");
  command->footer("Example:\n  berth inspect guest.wasm");
  command->callback([&exit_code, options] {
    const Result<int> code = inspect(*options);
    if (!code) print_error(code.error());
    exit_code = code ? *code : berth::cli::exit_code(code.error().code());
  });
}

}  // namespace berth::cli
