// For tests: failing, killing, and the loss of power.
#include "artifact/store/test_files.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

namespace berth {

namespace fs = std::filesystem;

void FailingFiles::arm(std::uint64_t nth, How how, int error) {
  const std::scoped_lock guard(mutex_);
  left_ = nth;
  reached_ = false;
  how_ = how;
  error_ = error;
}

bool FailingFiles::disarm() {
  const std::scoped_lock guard(mutex_);
  left_ = 0;
  return std::exchange(reached_, false);
}

Result<> FailingFiles::step(std::string_view operation, const fs::path& path,
                            const std::function<void()>& before_end) {
  const std::scoped_lock guard(mutex_);
  const bool now = left_ != 0 && --left_ == 0;
  if (!now && !(reached_ && how_ == How::kFailFromThen)) return {};
  if (now) before_end();
  if (how_ == How::kKill) ::raise(SIGKILL);
  reached_ = true;
  ++failed_[std::string(operation)];
  return fail(system_error(error_, operation, path));
}

Result<File> FailingFiles::open(const File& folder, const std::string& name, OpenMode mode) {
  BERTH_TRY(step("open", folder.path() / name));
  return files_.open(folder, name, mode);
}
Result<std::size_t> FailingFiles::read(const File& file, std::span<std::uint8_t> into, std::uint64_t offset) {
  BERTH_TRY(step("read", file.path()));
  return files_.read(file, into.first(std::min(into.size(), max_transfer_)), offset);
}
Result<std::size_t> FailingFiles::write(const File& file, std::span<const std::uint8_t> bytes) {
  BERTH_TRY(step("write", file.path(), [&] { (void)files_.write(file, bytes.first(bytes.size() / 2)); }));
  return files_.write(file, bytes.first(std::min(bytes.size(), max_transfer_)));
}
Result<> FailingFiles::sync(const File& file) {
  BERTH_TRY(step("sync", file.path()));
  return files_.sync(file);
}
Result<> FailingFiles::rename(const File& from, const std::string& name, const File& to,
                              const std::string& new_name) {
  BERTH_TRY(step("rename", to.path() / new_name));
  return files_.rename(from, name, to, new_name);
}
Result<> FailingFiles::remove(const File& folder, const std::string& name) {
  BERTH_TRY(step("remove", folder.path() / name));
  return files_.remove(folder, name);
}
Result<> FailingFiles::make_folder(const File& folder, const std::string& name) {
  BERTH_TRY(step("make folder", folder.path() / name));
  return files_.make_folder(folder, name);
}
Result<FileInfo> FailingFiles::info(const File& file) {
  BERTH_TRY(step("info", file.path()));
  return files_.info(file);
}
Result<FileInfo> FailingFiles::info(const File& folder, const std::string& name) {
  BERTH_TRY(step("info", folder.path() / name));
  return files_.info(folder, name);
}
Result<std::vector<std::string>> FailingFiles::list(const File& folder) {
  BERTH_TRY(step("list", folder.path()));
  return files_.list(folder);
}
Result<> FailingFiles::touch(const File& file) {
  BERTH_TRY(step("touch", file.path()));
  return files_.touch(file);
}
Result<bool> FailingFiles::try_lock(const File& file) {
  BERTH_TRY(step("lock", file.path()));
  return files_.try_lock(file);
}
Result<bool> FailingFiles::try_lock(const File& file, std::uint64_t byte, ByteLock lock) {
  BERTH_TRY(step("lock a byte", file.path()));
  return files_.try_lock(file, byte, lock);
}

void PowerCutFiles::changed(const fs::path& path, std::function<void()> undo) {
  const auto info = files_.info(File(), path.parent_path().string());
  if (info) changes_.push_back({.folder = info->inode, .undo = std::move(undo)});
}

fs::path PowerCutFiles::stash(const fs::path& path) {
  const fs::path kept = stash_ / std::to_string(stashed_++);
  return ::link(path.c_str(), kept.c_str()) == 0 ? kept : fs::path();
}

Result<File> PowerCutFiles::open(const File& folder, const std::string& name, OpenMode mode) {
  const fs::path path = folder.path() / name;
  const bool made = (mode == OpenMode::kCreate || mode == OpenMode::kLock) && !fs::exists(path);
  File file = BERTH_TRY(files_.open(folder, name, mode));
  if (made) {
    changed(path, [path] { ::unlink(path.c_str()); });
    durable_[BERTH_TRY(files_.info(file)).inode] = 0;
  }
  return file;
}
Result<std::size_t> PowerCutFiles::write(const File& file, std::span<const std::uint8_t> bytes) {
  const FileInfo before = BERTH_TRY(files_.info(file));
  durable_.try_emplace(before.inode, before.size);
  return files_.write(file, bytes);
}
Result<> PowerCutFiles::sync(const File& file) {
  BERTH_TRY(files_.sync(file));
  const FileInfo info = BERTH_TRY(files_.info(file));
  if (info.kind == FileInfo::Kind::kFile) {
    durable_[info.inode] = info.size;
  } else {
    std::erase_if(changes_, [&](const Change& change) { return change.folder == info.inode; });
  }
  return {};
}
Result<> PowerCutFiles::rename(const File& from, const std::string& name, const File& to,
                               const std::string& new_name) {
  const fs::path old_path = from.path() / name;
  const fs::path new_path = to.path() / new_name;
  const fs::path kept = stash(new_path);
  BERTH_TRY(files_.rename(from, name, to, new_name));
  changed(new_path, [old_path, new_path, kept] {
    ::rename(new_path.c_str(), old_path.c_str());
    if (!kept.empty()) ::rename(kept.c_str(), new_path.c_str());
  });
  return {};
}
Result<> PowerCutFiles::remove(const File& folder, const std::string& name) {
  const fs::path path = folder.path() / name;
  const fs::path kept = stash(path);
  BERTH_TRY(files_.remove(folder, name));
  changed(path, [path, kept] { ::rename(kept.c_str(), path.c_str()); });
  return {};
}
Result<> PowerCutFiles::make_folder(const File& folder, const std::string& name) {
  const fs::path path = folder.path() / name;
  BERTH_TRY(files_.make_folder(folder, name));
  changed(path, [path] {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  });
  return {};
}

void PowerCutFiles::cut(const fs::path& folder) {
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) change->undo();
  changes_.clear();
  if (!fs::exists(folder)) return;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const auto info = files_.info(File(), entry.path().string());
    if (!info) continue;
    const auto durable = durable_.find(info->inode);
    if (durable != durable_.end() && durable->second < info->size)
      fs::resize_file(entry.path(), durable->second);
  }
  durable_.clear();
}

TestFolder::TestFolder(Where where) {
  const fs::path memory = "/dev/shm";
  const bool there = where == Where::kInMemory && ::access(memory.c_str(), W_OK | X_OK) == 0;
  std::string name = ((there ? memory : fs::temp_directory_path()) / "berth-store-XXXXXX").string();
  path_ = ::mkdtemp(name.data());
}
TestFolder::~TestFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace berth
