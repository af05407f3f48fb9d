// StoreFolder: opening and checking the folder, its lock, leases.
#include "artifact/store/folder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <thread>

#include "artifact/store/limits.h"
#include "artifact/store/pending_entry.h"

namespace berth::artifact {
namespace {

constexpr std::string_view kFormat = "berth store 1\n";
constexpr const char* kFormatName = "format";
constexpr const char* kNewFormatName = "format.new";
constexpr const char* kLockName = "lock";
constexpr const char* kKeyName = "key";

// What berth runs is in there: whoever could write it, or read the key, could make berth run his code.
Result<> check_private(const File& file, const FileInfo& info, std::string_view advice) {
  const std::string path = file.path().string();
  if (info.owner != ::geteuid()) {
    return fail(Code::kPermissionDenied, fmt::format("{} belongs to user {}, and berth runs as user {}: {}",
                                                     path, info.owner, ::geteuid(), advice));
  }
  if ((info.permissions & 077) != 0) {
    return fail(
        Code::kPermissionDenied,
        fmt::format(
            "{} is open to others (mode {:04o}); berth runs compiled code from its store, so only its "
            "owner may reach it: {}",
            path, info.permissions, advice));
  }
  return {};
}

Result<bool> exists(FileSystem& files, const File& folder, const std::string& name) {
  const auto info = files.info(folder, name);
  if (info) return true;
  if (info.error().code() == Code::kNotFound) return false;
  return fail(info.error());
}

// Makes the folder and those above it where they are missing, durably.
Result<> make_folders(FileSystem& files, const std::filesystem::path& path) {
  const std::filesystem::path above = path.parent_path();
  if (!above.empty() && above != path) {
    if (!BERTH_TRY(exists(files, File(), above.string()))) BERTH_TRY(make_folders(files, above));
  }
  if (auto made = files.make_folder(File(), path.string()); !made) {
    if (made.error().code() == Code::kAlreadyExists) return {};
    return made;
  }
  const File parent = BERTH_TRY(files.open(File(), above.empty() ? "." : above.string(), OpenMode::kFolder));
  return files.sync(parent);
}

}  // namespace

Result<std::vector<std::uint8_t>> read_whole(FileSystem& files, const File& file, std::uint64_t size) {
  std::vector<std::uint8_t> bytes(size);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const std::span<std::uint8_t> rest(bytes.data() + done,
                                       std::min(bytes.size() - done, std::size_t{1} << 20));
    const std::size_t n = BERTH_TRY(files.read(file, rest, done));
    if (n == 0) break;
    done += n;
  }
  bytes.resize(done);
  return bytes;
}

Result<std::shared_ptr<StoreFolder>> StoreFolder::open(StoreOptions options, FileSystem& files) {
  const auto folder = std::shared_ptr<StoreFolder>(new StoreFolder(std::move(options), files));
  const auto named = [&](Error error) {
    return fail(std::move(error).context("opening the store " + folder->options_.folder.string()));
  };
  if (auto opened = folder->open_root(); !opened) return named(std::move(opened).error());
  return folder;
}

Result<> StoreFolder::open_root() {
  const std::filesystem::path& path = options_.folder;
  if (path.empty()) return fail(Code::kInvalidArgument, "it has no name");
  BERTH_TRY(make_folders(files_, path));
  root_ = BERTH_TRY(files_.open(File(), path.string(), OpenMode::kFolder));
  BERTH_TRY(check_private(root_, BERTH_TRY(files_.info(root_)),
                          "chmod 700 it, or name a folder below it, which berth makes"));
  // Before the first file is made in it. "format" is made before all else, so whoever sees anything else and
  // no "format" even then looks at a folder that never was a store.
  if (!BERTH_TRY(exists(files_, root_, kFormatName))) {
    for (const std::string& name : BERTH_TRY(files_.list(root_))) {
      if (name == kLockName || name == kNewFormatName) continue;
      if (BERTH_TRY(exists(files_, root_, kFormatName))) break;
      return fail(Code::kInvalidArgument,
                  fmt::format("it is no store: it holds \"{}\"; name an empty or a new folder", name));
    }
  }
  const StoreLock held = BERTH_TRY(lock());
  BERTH_TRY(check_format(held));
  blobs_ = BERTH_TRY(open_part("blobs"));
  compiled_ = BERTH_TRY(open_part("compiled"));
  histories_ = BERTH_TRY(open_part("histories"));
  temporary_ = BERTH_TRY(open_part("temporary"));
  leases_ = BERTH_TRY(files_.open(root_, "leases", OpenMode::kLock));
  BERTH_TRY(read_seal_key(held));
  remove_left_over(held);
  return {};
}

Result<> StoreFolder::check_format(const StoreLock&) const {
  if (BERTH_TRY(exists(files_, root_, kFormatName))) {
    const File file = BERTH_TRY(files_.open(root_, kFormatName, OpenMode::kRead));
    const auto bytes = BERTH_TRY(read_whole(files_, file, kFormat.size() + 1));
    if (std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()) == kFormat) return {};
    return fail(
        Code::kFailedPrecondition,
        fmt::format("{} is not that of this berth: a newer berth made the store, or it is damaged; name "
                    "another folder",
                    file.path().string()));
  }
  if (auto removed = files_.remove(root_, kNewFormatName);
      !removed && removed.error().code() != Code::kNotFound) {
    return removed;
  }
  const File file = BERTH_TRY(files_.open(root_, kNewFormatName, OpenMode::kCreate));
  std::span<const std::uint8_t> rest(reinterpret_cast<const std::uint8_t*>(kFormat.data()), kFormat.size());
  while (!rest.empty()) rest = rest.subspan(BERTH_TRY(files_.write(file, rest)));
  BERTH_TRY(files_.sync(file));
  BERTH_TRY(files_.rename(root_, kNewFormatName, root_, kFormatName));
  return files_.sync(root_);
}

Result<File> StoreFolder::open_part(const std::string& name) const {
  if (auto made = files_.make_folder(root_, name); made) {
    BERTH_TRY(files_.sync(root_));
  } else if (made.error().code() != Code::kAlreadyExists) {
    return fail(std::move(made).error());
  }
  File part = BERTH_TRY(files_.open(root_, name, OpenMode::kFolder));
  BERTH_TRY(check_private(part, BERTH_TRY(files_.info(part)), "chmod 700 it"));
  return part;
}

Result<> StoreFolder::read_seal_key(const StoreLock& held) {
  if (BERTH_TRY(exists(files_, root_, kKeyName))) {
    const File file = BERTH_TRY(files_.open(root_, kKeyName, OpenMode::kRead));
    BERTH_TRY(check_private(file, BERTH_TRY(files_.info(file)),
                            "somebody may know it: remove it, and all code is compiled again"));
    const auto bytes = BERTH_TRY(read_whole(files_, file, seal_key_.size() + 1));
    if (bytes.size() == seal_key_.size()) {
      std::ranges::copy(bytes, seal_key_.begin());
      return {};
    }
    notice(
        Error(Code::kInternal, fmt::format("{} is damaged: a new one is made, and all code is compiled again",
                                           file.path().string())));
  }
  SealKey made{};
  BERTH_TRY(fill_random(made));
  const auto entry = BERTH_TRY(PendingEntry::create(shared_from_this(), held));
  BERTH_TRY(entry->write(made));
  BERTH_TRY(entry->sync());
  BERTH_TRY(entry->publish(held, root_, kKeyName));
  BERTH_TRY(files_.sync(root_));
  seal_key_ = made;
  return {};
}

// A writer makes and locks its file under the store's lock, which we hold: one that is not locked has no
// writer.
void StoreFolder::remove_left_over(const StoreLock&) const {
  const auto names = files_.list(temporary_);
  if (!names) return notice(names.error());
  for (const std::string& name : *names) {
    auto removed = [&]() -> Result<> {
      const File file = BERTH_TRY(files_.open(temporary_, name, OpenMode::kRead));
      if (!BERTH_TRY(files_.try_lock(file))) return {};
      return files_.remove(temporary_, name);
    }();
    // Its writer may have given it its name meanwhile, or given up.
    if (!removed && removed.error().code() != Code::kNotFound) {
      notice(std::move(removed).error().context("removing what a writer that died left"));
    }
  }
}

Result<> StoreFolder::wait_for(std::string_view what, const std::function<Result<bool>()>& attempt) const {
  const auto deadline = std::chrono::steady_clock::now() + options_.lock_wait;
  for (;;) {
    if (BERTH_TRY(attempt())) return {};
    if (std::chrono::steady_clock::now() >= deadline) {
      return fail(Code::kBusy,
                  fmt::format("another process has had {} for {} ms: try again, or see with lslocks "
                              "which one it is",
                              (root_.path() / what).string(), options_.lock_wait.count()));
    }
    std::this_thread::sleep_for(kLockPause);
  }
}

Result<StoreLock> StoreFolder::lock() const {
  // An opening of its own, so that threads of one process exclude each other.
  File file = BERTH_TRY(files_.open(root_, kLockName, OpenMode::kLock));
  BERTH_TRY(wait_for(kLockName, [&] { return files_.try_lock(file); }));
  return StoreLock(std::move(file));
}

Result<Lease> StoreFolder::lease(std::initializer_list<std::uint64_t> bytes) {
  Lease lease;
  lease.folder_ = shared_from_this();
  const std::scoped_lock guard(mutex_);
  for (const std::uint64_t byte : bytes) {
    std::size_t& count = leased_[byte];
    if (count == 0) {
      // Taken for a moment only, by whoever is removing the entry.
      auto taken = wait_for("leases", [&] { return files_.try_lock(leases_, byte, ByteLock::kShared); });
      if (!taken) {
        leased_.erase(byte);
        // ~Lease must not find the mutex locked.
        const std::vector<std::uint64_t> undone = std::exchange(lease.bytes_, {});
        release_locked(undone);
        return fail(std::move(taken).error());
      }
    }
    ++count;
    lease.bytes_.push_back(byte);
  }
  return lease;
}

void StoreFolder::release(const std::vector<std::uint64_t>& bytes) {
  const std::scoped_lock guard(mutex_);
  release_locked(bytes);
}

void StoreFolder::release_locked(const std::vector<std::uint64_t>& bytes) {
  for (const std::uint64_t byte : bytes) {
    const auto found = leased_.find(byte);
    if (--found->second != 0) continue;
    leased_.erase(found);
    // Kept too long, at worst until the process ends.
    if (auto freed = files_.try_lock(leases_, byte, ByteLock::kNone); !freed) notice(freed.error());
  }
}

Lease::~Lease() {
  if (folder_) folder_->release(bytes_);
}

std::string StoreFolder::remove_damaged(const Place& place, const FileInfo& info) const {
  const auto removed = [&]() -> Result<> {
    const StoreLock held = BERTH_TRY(lock());
    const FileInfo now = BERTH_TRY(files_.info(entries(place.kind), place.name));
    // Otherwise somebody has replaced it already.
    if (now.device != info.device || now.inode != info.inode) return {};
    return files_.remove(entries(place.kind), place.name);
  }();
  if (removed || removed.error().code() == Code::kNotFound) return "it has been removed";
  return "it could not be removed: " + removed.error().message();
}

}  // namespace berth::artifact
