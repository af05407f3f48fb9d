// Archives: reading the folder, removing.
#include "applications/gather/native/archives.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "applications/gather/native/gathering.h"
#include "applications/gather/native/limits.h"
#include "base/file_system.h"

namespace berth::gather {

Result<> make_archive_folder(const std::filesystem::path& folder) {
  std::error_code error;
  if (folder.has_parent_path()) std::filesystem::create_directories(folder.parent_path(), error);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(system_error(errno, "making", folder));
  return {};
}

Result<std::vector<ArchiveFile>> list_archives(const std::filesystem::path& folder) {
  std::vector<ArchiveFile> out;
  std::error_code error;
  auto it = std::filesystem::directory_iterator(folder, error);
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    const auto time = time_of_archive(it->path().filename().string());
    std::error_code gone;
    if (!time || !it->is_regular_file(gone) || it->is_symlink(gone)) continue;
    const auto bytes = it->file_size(gone);
    if (gone) continue;
    if (out.size() >= kMaxArchives)
      return fail(Code::kResourceExhausted,
                  folder.string() + ": more archives than anybody keeps; remove some");
    out.push_back({it->path(), *time, bytes});
  }
  if (error) return fail(system_error(error.value(), "reading", folder));
  std::ranges::sort(out, {}, [](const ArchiveFile& a) { return std::pair(a.time, a.path); });
  return out;
}

Result<std::size_t> prune(const std::filesystem::path& folder, Time now, std::chrono::milliseconds keep,
                          std::uint64_t max_bytes) {
  const auto archives = BERTH_TRY(list_archives(folder));
  std::uint64_t bytes = 0;
  for (const ArchiveFile& a : archives) bytes += a.bytes;
  std::size_t removed = 0;
  for (const ArchiveFile& a : archives) {
    const bool newest = &a == &archives.back();
    const bool old = now - a.time > keep;
    if (!old && (bytes <= max_bytes || newest)) continue;
    if (::unlink(a.path.c_str()) != 0 && errno != ENOENT)
      return fail(system_error(errno, "removing", a.path));
    bytes -= a.bytes;
    ++removed;
  }
  return removed;
}

}  // namespace berth::gather
