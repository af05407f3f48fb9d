// Opening a file as a component.
#include "cli/component_file.h"

#include <fmt/format.h>

#include <utility>

#include "abi/engine.h"
#include "artifact/file_source.h"

namespace berth::cli {

std::string_view kind_name(FileKind kind) {
  switch (kind) {
    case FileKind::kComponent: return "component";
    case FileKind::kModule: return "module (preview 1)";
    case FileKind::kText: return "component text";
  }
  return "unknown";
}

Result<ComponentFile> open_component(const std::filesystem::path& file) {
  artifact::Artifact artifact = BERTH_TRY(artifact::read_artifact(file));
  std::vector<std::uint8_t>& bytes = artifact.bytes;
  ComponentFile out;
  out.size = bytes.size();
  out.digest = artifact.digest.to_string();
  const auto named = [&](Error error) { return fail(std::move(error).context(file.string())); };
  switch (abi::binary_kind(bytes)) {
    case abi::BinaryKind::kComponent: out.component = std::move(bytes); return out;
    case abi::BinaryKind::kModule: {
      out.kind = FileKind::kModule;
      auto adapted = abi::adapt_module(bytes);
      if (!adapted) return named(std::move(adapted).error());
      out.component = std::move(*adapted);
      return out;
    }
    case abi::BinaryKind::kUnknown: break;
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool looks_like_text =
      first != std::string_view::npos && (text[first] == '(' || text.substr(first).starts_with(";;"));
  if (!looks_like_text) {
    return fail(Code::kInvalidArgument,
                fmt::format("{} is no WebAssembly: neither a component, nor a module, nor component text",
                            file.string()));
  }
  out.kind = FileKind::kText;
  auto assembled = abi::parse_text(text);
  if (!assembled) return named(std::move(assembled).error());
  out.component = std::move(*assembled);
  return out;
}

Result<std::shared_ptr<const abi::Component>> compile_for_shape(std::span<const std::uint8_t> component) {
  // Only the shape is wanted. The baseline compiler is several times faster; what it cannot compile,
  // the other one judges.
  abi::EngineOptions options;
  options.allocation = abi::Allocation::kOnDemand;
  options.compiler = abi::Compiler::kWinch;
  auto quick = abi::Component::compile(BERTH_TRY(abi::Engine::create(options)), component);
  if (quick) return quick;
  options.compiler = abi::Compiler::kCranelift;
  return abi::Component::compile(BERTH_TRY(abi::Engine::create(options)), component);
}

}  // namespace berth::cli
