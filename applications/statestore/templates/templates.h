// The files of a new store project, as `berth new store` writes them: this repository's own stores, put into
// the program by the build.
#pragma once

#include <span>
#include <string_view>

namespace berth::statestore {

struct TemplateFile {
  std::string_view language;  // "cpp", "go", "js", "python", "rust"
  std::string_view path;      // inside the project
  // {{name}} stands for the project's name, where the file is one of `named`.
  std::string_view text;
  bool executable = false;
  bool named = false;
};

// By language. Lives as long as the program.
[[nodiscard]] std::span<const TemplateFile> template_files();

}  // namespace berth::statestore
