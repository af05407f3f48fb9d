// Archive report: one walk through the entries.
#include "applications/gather/native/archive_report.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "applications/gather/native/gathering.h"
#include "applications/gather/native/json_bounds.h"
#include "applications/gather/native/limits.h"
#include "applications/gather/native/paths.h"
#include "base/file_system.h"
#include "manifest/problems.h"

namespace berth::gather {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kReadBlockBytes = 64 * 1024;

struct ArchiveFree {
  void operator()(archive* a) const { archive_read_free(a); }
};

// "config/pod" of "config/pod/ns/p.json".
std::string folder_of(const std::string& path) {
  const std::size_t first = path.find('/');
  if (first == std::string::npos) return ".";
  const std::size_t second = path.find('/', first + 1);
  return path.substr(0, second == std::string::npos ? first : second);
}

// One file's walk. One thread at a time.
class Reading final {
 public:
  explicit Reading(const std::filesystem::path& file) : file_(file) {}

  Result<ArchiveReport> read() {
    const File opened(::open(file_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK), file_);
    if (opened.fd() < 0) return fail(system_error(errno, "reading", file_));
    struct stat info{};
    if (::fstat(opened.fd(), &info) != 0 || !S_ISREG(info.st_mode)) return wrong("it is no file");
    report_.file_bytes = static_cast<std::uint64_t>(info.st_size);
    archive_.reset(archive_read_new());
    archive* const a = archive_.get();
    if (a == nullptr) return fail(Code::kResourceExhausted, "no memory for an archive");
    archive_read_support_filter_gzip(a);
    archive_read_support_format_tar(a);
    if (archive_read_open_fd(a, opened.fd(), kReadBlockBytes) != ARCHIVE_OK) return broken();
    if (archive_filter_code(a, 0) != ARCHIVE_FILTER_GZIP) return wrong("it is not compressed with gzip");
    for (;;) {
      archive_entry* entry = nullptr;
      const int next = archive_read_next_header(a, &entry);
      if (next == ARCHIVE_EOF) break;
      if (next != ARCHIVE_OK) return broken();
      BERTH_TRY(one(entry));
    }
    if (report_.records == 0) return wrong("it is empty");
    BERTH_TRY(conclude());
    return std::move(report_);
  }

 private:
  [[nodiscard]] std::unexpected<Error> wrong(std::string_view why) const {
    return fail(Code::kInvalidArgument, fmt::format("{}: {}", file_.string(), why));
  }
  [[nodiscard]] std::unexpected<Error> broken() const {
    const char* const text = archive_error_string(archive_.get());
    return wrong(fmt::format("not a whole .tar.gz: {}", text != nullptr ? text : "cut off"));
  }

  Result<> one(archive_entry* entry) {
    if (++entries_ > kMaxRecords) return wrong(fmt::format("more than {} entries", kMaxRecords));
    const char* const name = archive_entry_pathname(entry);
    if (name == nullptr) return wrong("an entry without a name");
    const std::string_view path(name);
    const auto checked = checked_path(path);
    if (!checked)
      return wrong(fmt::format("the entry {}: {}", manifest::shown(path), checked.error().message()));
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr)
      return wrong(fmt::format("the entry {} is no file", manifest::shown(path)));
    const bool is_metadata = path == kMetadataPath;
    std::uint64_t bytes = 0;
    std::array<char, kReadBlockBytes> block;
    for (;;) {
      const la_ssize_t n = archive_read_data(archive_.get(), block.data(), block.size());
      if (n < 0) return broken();
      if (n == 0) break;
      bytes += static_cast<std::uint64_t>(n);
      if (report_.bytes + bytes > kMaxReportedBytes)
        return wrong(fmt::format("more than {} bytes unpacked", kMaxReportedBytes));
      if (!is_metadata) continue;
      if (bytes > kMaxMetadataBytes)
        return wrong(fmt::format("{}: more than {} bytes", kMetadataPath, kMaxMetadataBytes));
      metadata_.append(block.data(), static_cast<std::size_t>(n));
    }
    if (!seen_.insert(*checked).second) {
      if (report_.remarks.size() < kMaxNotes) report_.remarks.push_back(*checked + " is in it twice");
      if (is_metadata) return wrong(fmt::format("{} is in it twice", kMetadataPath));
    }
    count(*checked, bytes, archive_entry_mtime(entry));
    return {};
  }

  void count(const std::string& path, std::uint64_t bytes, std::time_t captured) {
    ++report_.records;
    report_.bytes += bytes;
    auto& group = groups_[folder_of(path)];
    ++group.records;
    group.bytes += bytes;
    if (bytes > report_.largest_bytes || report_.largest.empty()) {
      report_.largest = path;
      report_.largest_bytes = bytes;
    }
    const Time time = std::chrono::system_clock::from_time_t(captured);
    if (!report_.first || time < *report_.first) report_.first = time;
    if (!report_.last || time > *report_.last) report_.last = time;
  }

  Result<> conclude() {
    for (auto& [folder, group] : groups_) {
      group.folder = folder;
      report_.groups.push_back(std::move(group));
    }
    std::ranges::sort(report_.groups, [](const auto& a, const auto& b) {
      return std::pair(b.bytes, a.folder) < std::pair(a.bytes, b.folder);
    });
    if (metadata_.empty()) {
      report_.remarks.push_back(fmt::format("it has no {}", kMetadataPath));
      return {};
    }
    const auto no = [this](std::string_view why) { return wrong(fmt::format("{}: {}", kMetadataPath, why)); };
    if (const auto depth = check_json_depth(metadata_, kMaxJsonDepth); !depth)
      return no(depth.error().message());
    const Json json = Json::parse(metadata_, nullptr, false);
    if (!json.is_object()) return no("no JSON object");
    const auto status = json.find("status_reports");
    if (status == json.end() || !status->is_array()) return no("no list status_reports");
    if (status->size() > kMaxReports) return no(fmt::format("more than {} status_reports", kMaxReports));
    for (std::size_t i = 0; i < status->size(); ++i) {
      auto report = one_report((*status)[i]);
      if (!report) return no(fmt::format("status_reports[{}]: {}", i, report.error().message()));
      report_.gatherers.push_back(*std::move(report));
    }
    if (const auto v = json.find("memory_alloc_bytes"); v != json.end() && v->is_number_unsigned())
      report_.memory_bytes = v->get<std::uint64_t>();
    if (const auto v = json.find("uptime_seconds"); v != json.end() && v->is_number())
      report_.uptime_seconds = v->get<double>();
    if (const auto v = json.find("is_global_obfuscation_enabled"); v != json.end() && v->is_boolean())
      report_.obfuscated = v->get<bool>();
    return {};
  }

  static Result<Report> one_report(const Json& json) {
    const auto no = [](std::string_view why) { return fail(Code::kInvalidArgument, std::string(why)); };
    if (!json.is_object()) return no("no object");
    Report out;
    const auto number = [&](const char* key, auto& into) {
      const auto v = json.find(key);
      if (v == json.end() || !v->is_number_unsigned() || v->get<std::uint64_t>() > kMaxNumber) return false;
      into = static_cast<std::remove_reference_t<decltype(into)>>(v->get<std::uint64_t>());
      return true;
    };
    const auto texts = [&](const char* key, std::vector<std::string>& into) {
      const auto v = json.find(key);
      if (v == json.end() || v->is_null()) return true;
      if (!v->is_array()) return false;
      for (const Json& text : *v) {
        if (!text.is_string()) return false;
        into.push_back(text.get<std::string>());
      }
      return true;
    };
    const auto name = json.find("name");
    if (name == json.end() || !name->is_string()) return no("no text name");
    out.name = name->get<std::string>();
    std::uint64_t duration = 0;
    if (!number("duration_in_ms", duration)) return no("no number duration_in_ms");
    out.duration = std::chrono::milliseconds(duration);
    if (!number("records_count", out.records)) return no("no number records_count");
    if (!texts("errors", out.errors)) return no("errors is no list of texts");
    if (!texts("warnings", out.warnings)) return no("warnings is no list of texts");
    if (const auto panic = json.find("panic"); panic != json.end() && !panic->is_null())
      out.panic = panic->is_string() ? panic->get<std::string>()
                                     : panic->dump(-1, ' ', false, Json::error_handler_t::replace);
    return out;
  }

  static constexpr std::uint64_t kMaxNumber = std::uint64_t{1} << 53U;

  const std::filesystem::path file_;
  std::unique_ptr<archive, ArchiveFree> archive_;
  ArchiveReport report_;
  std::map<std::string, ArchiveReport::Group> groups_;
  std::set<std::string> seen_;
  std::string metadata_;
  std::size_t entries_ = 0;
};

}  // namespace

Result<ArchiveReport> report_archive(const std::filesystem::path& file) { return Reading(file).read(); }

}  // namespace berth::gather
