// Leftovers: a name, and a lock that says whether somebody writes.
#include "applications/gather/native/leftovers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

namespace berth::gather {

namespace {

constexpr std::string_view kPrefix = ".gathering-";

}  // namespace

Result<File> create_partial(const std::filesystem::path& folder) {
  std::string name = (folder / (std::string(kPrefix) + "XXXXXX")).string();
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return fail(system_error(errno, "creating a file in", folder));
  File file(fd, name);
  // Between these two somebody may take it for a leftover: then it has no name, and publishing it fails.
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) return fail(system_error(errno, "locking", name));
  if (::fchmod(fd, 0640) != 0) return fail(system_error(errno, "setting the mode of", name));
  return file;
}

void remove_leftovers(const std::filesystem::path& folder) {
  std::error_code error;
  for (auto it = std::filesystem::directory_iterator(folder, error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    if (!it->path().filename().string().starts_with(kPrefix)) continue;
    const int fd = ::open(it->path().c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) continue;
    const File file(fd, it->path());
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) ::unlink(it->path().c_str());
  }
}

}  // namespace berth::gather
