// berth pull: a component from a registry into a file.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>

#include "artifact/oci/wasm_artifact.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/registry_flags.h"

namespace berth::cli {
namespace {

namespace fs = std::filesystem;
namespace oci = artifact::oci;

struct PullOptions {
  std::string reference;
  std::string file;
  bool json = false;
  RegistryFlags registry;
};

std::unexpected<Error> system_error(const std::string& doing) {
  const int error = errno;
  const Code code = error == ENOENT || error == ENOTDIR ? Code::kNotFound
                    : error == EACCES || error == EPERM ? Code::kPermissionDenied
                                                        : Code::kUnavailable;
  return fail(code, fmt::format("{}: {}", doing, std::generic_category().message(error)));
}

// A new file beside `target` that takes its place in one step, or is removed. One thread at a time.
class NewFile final : public ByteSink {
 public:
  static Result<std::unique_ptr<NewFile>> create(const fs::path& target) {
    std::string name = target.string() + ".XXXXXX";
    const int fd = ::mkostemp(name.data(), O_CLOEXEC);
    if (fd < 0) return system_error("writing beside " + target.string());
    return std::unique_ptr<NewFile>(new NewFile(fd, target, name));
  }
  ~NewFile() override {
    if (fd_ >= 0) ::close(fd_);
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  Result<> write(std::span<const std::uint8_t> bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_error("writing " + name_);
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return {};
  }
  Result<> publish() {
    // As any new file, not as a secret one.
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (::fchmod(fd_, 0666 & ~mask) != 0 || ::fsync(fd_) != 0) return system_error("writing " + name_);
    if (::close(std::exchange(fd_, -1)) != 0) return system_error("writing " + name_);
    if (::rename(name_.c_str(), target_.c_str()) != 0) return system_error("writing " + target_.string());
    name_.clear();
    return {};
  }

 private:
  NewFile(int fd, fs::path target, std::string name)
      : fd_(fd), target_(std::move(target)), name_(std::move(name)) {}
  int fd_;
  fs::path target_;
  std::string name_;
};

Result<int> pull(const PullOptions& options, net::IoContext& io, const std::stop_token& stop) {
  const artifact::OciReference reference = BERTH_TRY(artifact::parse_oci_reference(options.reference));
  const fs::path file = options.file.empty()
                            ? fs::path(fs::path(reference.repository).filename().string() + ".wasm")
                            : fs::path(options.file);
  const OpenRegistry registry = BERTH_TRY(OpenRegistry::open(io, reference, options.registry));
  const oci::Repository repository = registry.repository(reference);
  const oci::WasmArtifact artifact = BERTH_TRY(oci::inspect(repository, reference.tag_or_digest(), stop));
  const auto out = BERTH_TRY(NewFile::create(file));
  ProgressLine progress("pulling", options.json);
  BERTH_TRY(oci::pull(repository, artifact, oci::kMaxLayerBytes, *out, progress.callback(), stop));
  progress.end();
  BERTH_TRY(out->publish());
  const std::string manifest = artifact.manifest.digest.to_string();
  if (options.json) {
    print_text(nlohmann::ordered_json{{"file", file.string()},
                                      {"manifest", manifest},
                                      {"digest", artifact.parts.layer.digest.to_string()},
                                      {"size", artifact.parts.layer.size}}
                   .dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
               "\n");
  } else {
    print_line(stdout, fmt::format("pulled {}@{} into {}", repository.shown(), manifest, file.string()));
  }
  return kOk;
}

}  // namespace

void add_pull(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("pull", "Fetch a component from a registry into a file");
  const auto options = std::make_shared<PullOptions>();
  command
      ->add_option("REF", options->reference,
                   "What to fetch, oci://host/name:tag or oci://host/name@sha256:...")
      ->required();
  command->add_option("-o,--output", options->file,
                      "The file; by default the last part of the name, with .wasm");
  command->add_flag("--json", options->json, "Print JSON");
  add_registry_flags(*command, options->registry);
  command->footer("Example:\n  berth pull oci://127.0.0.1:5000/gather/core:v1 -o core.wasm\n" +
                  std::string(kRegistryHelp));
  command->callback([&exit_code, options] {
    exit_code = run_with_registry([&](auto& io, const auto& stop) { return pull(*options, io, stop); });
  });
}

}  // namespace berth::cli
