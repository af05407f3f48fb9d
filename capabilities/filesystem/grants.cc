// filesystem: reading the section, directories held open, and saying which line would have allowed it.
#include "capabilities/filesystem/grants.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "capabilities/filesystem/limits.h"
#include "capabilities/grants/denials.h"
#include "capabilities/grants/section.h"
#include "capabilities/grants/wasi_grant.h"
#include "manifest/reader.h"

namespace berth::filesystem {
namespace {

constexpr std::string_view kNames[] = {"preopens", "types"};
constexpr grants::InterfaceSet kSet{"wasi:filesystem", grants::kWasiVersion, kNames};
constexpr std::string_view kExample = "filesystem: [{ host: ./data, guest: /data, access: read-only }]";
constexpr manifest::Key kKeys[] = {
    {"host", "path", "required", "./data",
     "A directory of the host; relative paths start at the manifest's folder."},
    {"guest", "path", "required", "/data", "Where the guest finds it: an absolute path."},
    {"access", "read-only or read-write", "read-only", "read-write", "What the guest may do below it."},
};
constexpr manifest::Section kSection{
    .path = "grants.filesystem",
    .text =
        "A list of directories that the guest may use. The empty list lets a guest link that imports "
        "wasi:filesystem; it finds no directory.",
    .keys = kKeys};

// A directory of the host, open for as long as this lives. Immutable.
class OpenDirectory {
 public:
  explicit OpenDirectory(int fd) : fd_(fd) {}
  OpenDirectory(OpenDirectory&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OpenDirectory& operator=(OpenDirectory&&) = delete;
  ~OpenDirectory() {
    if (fd_ >= 0) ::close(fd_);
  }
  // A path that leads to this very directory even after it was renamed, or its old path was made a
  // symbolic link: a guest that may write above it could otherwise lead the next instance astray.
  [[nodiscard]] std::string path() const { return fmt::format("/proc/self/fd/{}", fd_); }

 private:
  int fd_;
};

// A YAML text in quotes, whatever stands in a path.
std::string yaml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

void report(grants::Denials& denials, const std::vector<Directory>& directories,
            const abi::FileDenial& denial) {
  if (denial.why == abi::FileRefusal::kOutside)
    return denials.report(
        text_of(denial),
        "nothing; no path leaves a granted directory, so grant the folder that it leads to: "
        "filesystem: [{ host: ./folder, guest: /folder }]");
  const auto granted = std::ranges::find(directories, denial.directory, &Directory::guest);
  denials.report(text_of(denial),
                 fmt::format("filesystem: [{{ host: {}, guest: {}, access: read-write }}]",
                             yaml_text(granted == directories.end() ? "./folder" : granted->written),
                             yaml_text(denial.directory)));
}

// The same directories, of which nothing is written.
class ReadOnly final : public grants::WasiGrant {
 public:
  // `open` holds the directories open.
  ReadOnly(std::shared_ptr<const host::Grant> open, std::vector<host::Preopen> preopens)
      : WasiGrant("filesystem", kSet), open_(std::move(open)), preopens_(std::move(preopens)) {
    for (host::Preopen& preopen : preopens_) preopen.write = false;
  }
  void configure(host::WasiSettings& settings) const override {
    settings.preopens.insert(settings.preopens.end(), preopens_.begin(), preopens_.end());
  }
  std::shared_ptr<const host::Grant> shadow() const override {
    return std::make_shared<ReadOnly>(open_, preopens_);
  }

 private:
  std::shared_ptr<const host::Grant> open_;
  std::vector<host::Preopen> preopens_;
};

class FilesystemGrant final : public grants::WasiGrant, public std::enable_shared_from_this<FilesystemGrant> {
 public:
  FilesystemGrant(std::vector<Directory> directories, grants::Services services)
      : WasiGrant("filesystem", kSet),
        directories_(std::make_shared<const std::vector<Directory>>(std::move(directories))),
        services_(std::move(services)) {}

  Result<void> open() {
    for (const Directory& directory : *directories_) BERTH_TRY(open(directory));
    return {};
  }

  void configure(host::WasiSettings& settings) const override {
    settings.preopens.insert(settings.preopens.end(), preopens_.begin(), preopens_.end());
    settings.file_denied.push_back(
        [directories = directories_,
         denials = std::make_shared<grants::Denials>(services_, "filesystem", settings.version)](
            const abi::FileDenial& denial) { report(*denials, *directories, denial); });
  }
  std::shared_ptr<const host::Grant> shadow() const override {
    return std::make_shared<ReadOnly>(shared_from_this(), preopens_);
  }

 private:
  Result<void> open(const Directory& directory) {
    const int fd = ::open(directory.host.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
      const int error = errno;
      const std::string what =
          fmt::format("filesystem: cannot open directory {} for the guest's {}: {}", directory.host,
                      directory.guest, std::generic_category().message(error));
      if (error == ENOENT) return fail(Code::kNotFound, fmt::format("{}; create it or correct `host`", what));
      if (error == EACCES)
        return fail(Code::kPermissionDenied, fmt::format("{}; let this user enter it", what));
      if (error == ENOTDIR)
        return fail(Code::kInvalidArgument, fmt::format("{}; grant the folder of a file", what));
      return fail(Code::kUnavailable, what);
    }
    open_.emplace_back(fd);
    preopens_.push_back({.host_path = open_.back().path(),
                         .guest_path = directory.guest,
                         .write = directory.access == Access::kReadWrite});
    return {};
  }

  std::shared_ptr<const std::vector<Directory>> directories_;
  grants::Services services_;
  std::vector<OpenDirectory> open_;
  std::vector<host::Preopen> preopens_;
};

std::optional<Directory> read_directory(const manifest::Value& value, const std::string& path,
                                        manifest::Problems& problems) {
  const std::size_t before = grants::count(problems);
  manifest::MapReader reader(value, kSection, path, problems);
  (void)reader.require("host");
  (void)reader.require("guest");
  const auto host = reader.text("host");
  const auto guest = reader.text("guest");
  const auto access = reader.one_of("access", {"read-only", "read-write"});
  if (!host || !guest) return std::nullopt;
  for (const auto& [key, text] : {std::pair("host", &*host), std::pair("guest", &*guest)})
    if (text->empty() || text->size() > kMaxPathBytes || text->contains('\0'))
      reader.problem(reader.get(key)->mark(), key, fmt::format("is no path of 1 to {} bytes", kMaxPathBytes));
  const std::filesystem::path inside(*guest);
  if (!inside.is_absolute() ||
      std::ranges::any_of(inside, [](const auto& part) { return part == ".." || part == "."; }))
    reader.problem(reader.get("guest")->mark(), "guest",
                   "must be an absolute path without . and .., such as /data");
  if (grants::count(problems) > before) return std::nullopt;

  Directory directory{.host = {},
                      .written = *host,
                      .guest = inside.lexically_normal().string(),
                      .access = access.value_or(0) == 1 ? Access::kReadWrite : Access::kReadOnly};
  if (directory.guest.size() > 1 && directory.guest.ends_with('/')) directory.guest.pop_back();
  directory.host = (std::filesystem::path(problems.file()).parent_path() / *host).lexically_normal().string();
  return directory;
}

}  // namespace

std::optional<std::vector<Directory>> read(const manifest::Value& value, const std::string& path,
                                           manifest::Problems& problems) {
  const std::size_t before = grants::count(problems);
  const auto items = grants::read_list(value, path, kMaxDirectories, kExample, problems);
  std::vector<Directory> directories;
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto directory = read_directory(items[i], fmt::format("{}[{}]", path, i), problems);
    if (!directory) continue;
    if (std::ranges::find(directories, directory->guest, &Directory::guest) != directories.end())
      problems.add(items[i].mark(),
                   fmt::format("{}[{}].guest: {} is used twice; each directory needs its own path", path, i,
                               directory->guest));
    directories.push_back(std::move(*directory));
  }
  if (grants::count(problems) > before) return std::nullopt;
  return directories;
}

Result<std::shared_ptr<const host::Grant>> make(std::vector<Directory> directories,
                                                const grants::Services& services) {
  auto grant = std::make_shared<FilesystemGrant>(std::move(directories), services);
  BERTH_TRY(grant->open());
  return grant;
}

std::string text_of(const abi::FileDenial& denial) {
  return fmt::format("{} of {} below {}{}", denial.operation,
                     denial.path.empty() ? "an open file" : fmt::format("\"{}\"", grants::shown(denial.path)),
                     denial.directory,
                     denial.why == abi::FileRefusal::kReadOnly
                         ? ", which is read-only"
                         : ": the path leads out of the directory that it starts in");
}

grants::Capability capability() {
  return grants::wasi_capability("filesystem", "[]", kSet, kSection, read, make);
}

}  // namespace berth::filesystem
