// berth new: a project to begin with.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>

#include "applications/statestore/templates/templates.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace berth::cli {
namespace {

namespace fs = std::filesystem;

struct NewOptions {
  std::string language;
  std::string name = "statestore";
};

std::set<std::string> languages() {
  std::set<std::string> out;
  for (const auto& file : statestore::template_files()) out.emplace(file.language);
  return out;
}

// As a workload is named, because the manifest does.
std::string check_name(const std::string& name) {
  const bool fits = !name.empty() && name.size() <= 63 && name.front() != '-' && name.back() != '-' &&
                    name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  return fits ? std::string() : "\"" + name + "\" is no name: 1 to 63 small letters, digits and, inside, -";
}

std::string with_name(std::string_view text, std::string_view name) {
  constexpr std::string_view kMark = "{{name}}";
  std::string out;
  for (std::size_t at = 0; (at = text.find(kMark)) != text.npos; text.remove_prefix(at + kMark.size())) {
    out.append(text.substr(0, at)).append(name);
  }
  return out.append(text);
}

Result<void> write(const fs::path& path, std::string_view text, bool executable) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (error || !file.flush())
    return fail(Code::kUnavailable, fmt::format("{} cannot be written", path.string()));
  using fs::perms;
  if (executable)
    fs::permissions(path, perms::owner_exec | perms::group_exec | perms::others_exec, fs::perm_options::add,
                    error);
  return {};
}

Result<int> new_store(const NewOptions& options) {
  const fs::path folder = options.name;
  std::error_code error;
  if (!fs::create_directory(folder, error)) {
    if (error)
      return fail(Code::kUnavailable, fmt::format("the folder {}: {}", options.name, error.message()));
    return fail(Code::kAlreadyExists,
                fmt::format("{} is there already; give another name, or move it away", options.name));
  }
  for (const statestore::TemplateFile& file : statestore::template_files()) {
    if (file.language != options.language) continue;
    const std::string text = file.named ? with_name(file.text, options.name) : std::string(file.text);
    BERTH_TRY(write(folder / file.path, text, file.executable));
  }
  print_line(stdout, fmt::format("{}/ holds a store in {}; README.md says how it is built, tested and served",
                                 options.name, options.language));
  return kOk;
}

}  // namespace

void add_new(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("new", "Make a project to begin with");
  command->require_subcommand(1);
  constexpr const char* kExample = "Example:\n  berth new store --lang rust basket";
  command->footer(kExample);
  CLI::App* store = command->add_subcommand("store", "A state store that keeps its entries in memory");
  const auto options = std::make_shared<NewOptions>();
  store->add_option("--lang", options->language, "The language it is written in")
      ->required()
      ->check(CLI::IsMember(languages()));
  store->add_option("NAME", options->name, "Of the folder and of the store; by default statestore")
      ->check([](const std::string& name) { return check_name(name); });
  store->footer(kExample);
  store->callback([&exit_code, options] {
    const Result<int> code = new_store(*options);
    if (!code) print_error(code.error());
    exit_code = code ? *code : berth::cli::exit_code(code.error().code());
  });
}

}  // namespace berth::cli
