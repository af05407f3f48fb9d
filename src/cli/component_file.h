// A file on the command line as a component: components, preview-1 modules and component text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "abi/component.h"
#include "base/error.h"

namespace berth::cli {

enum class FileKind : std::uint8_t { kComponent, kModule, kText };
[[nodiscard]] std::string_view kind_name(FileKind kind);

struct ComponentFile {
  FileKind kind = FileKind::kComponent;
  std::size_t size = 0;                 // of the file
  std::string digest;                   // of the file
  std::vector<std::uint8_t> component;  // what is compiled: the file, or what was made of it
};

// Reads the file and, where needed, wraps a module with the preview-1 adapter or assembles text.
// Blocks. As artifact::read_artifact; kInvalidArgument when it is none of the three.
[[nodiscard]] Result<ComponentFile> open_component(const std::filesystem::path& file);

// A component whose imports and exports are asked for, not its code. Blocks for the compile time.
// kInvalidArgument.
[[nodiscard]] Result<std::shared_ptr<const abi::Component>> compile_for_shape(
    std::span<const std::uint8_t> component);

}  // namespace berth::cli
