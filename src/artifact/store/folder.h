// StoreFolder: the opened folder of a store, with what keeps its users apart.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "artifact/store/seal.h"
#include "artifact/store/store.h"
#include "base/file_system.h"

namespace berth::artifact {

// Proof that this thread alone, of all processes, changes names in the store. Released at its end.
class StoreLock final {
 private:
  friend class StoreFolder;
  explicit StoreLock(File file) : file_(std::move(file)) {}
  File file_;
};

// An entry's place. `byte` stands for it in the file "leases".
struct Place {
  enum class Kind : std::uint8_t { kBlob, kCompiled };
  Kind kind = Kind::kBlob;
  std::string name;
  Digest component;
  std::uint64_t byte = 0;
};
[[nodiscard]] Place blob_place(const Digest& digest);
[[nodiscard]] Result<Place> compiled_place(const CompiledKey& key);
// What a file in a folder of entries is; nothing when it is none of ours.
[[nodiscard]] std::optional<Place> find_place(Place::Kind kind, std::string_view name);

// Thread-safe.
class StoreFolder final : public std::enable_shared_from_this<StoreFolder> {
 public:
  [[nodiscard]] static Result<std::shared_ptr<StoreFolder>> open(StoreOptions options, FileSystem& files);

  [[nodiscard]] FileSystem& files() const { return files_; }
  [[nodiscard]] const StoreOptions& options() const { return options_; }
  [[nodiscard]] const SealKey& seal_key() const { return seal_key_; }
  [[nodiscard]] const File& entries(Place::Kind kind) const {
    return kind == Place::Kind::kBlob ? blobs_ : compiled_;
  }
  [[nodiscard]] const File& histories() const { return histories_; }
  [[nodiscard]] const File& temporary() const { return temporary_; }
  void notice(const Error& error) const { options_.notice(error); }

  // kBusy after StoreOptions::lock_wait.
  [[nodiscard]] Result<StoreLock> lock() const;
  // From now until the lease's end nobody removes these to make room. They need not be there yet.
  [[nodiscard]] Result<Lease> lease(std::initializer_list<std::uint64_t> bytes);
  // Removes until `need` bytes more fit. `replaced`: an entry that is about to be replaced, not counted.
  [[nodiscard]] Result<> make_room(const StoreLock& lock, std::uint64_t need, const Place* replaced) const;
  // Removes the entry if it still is the file that `info` is of. Says how that went, for a message.
  [[nodiscard]] std::string remove_damaged(const Place& place, const FileInfo& info) const;

  struct Entry {
    Place place;
    FileInfo info;
  };
  [[nodiscard]] Result<std::vector<Entry>> scan() const;

 private:
  friend class Lease;
  StoreFolder(StoreOptions options, FileSystem& files) : options_(std::move(options)), files_(files) {}
  [[nodiscard]] Result<> open_root();
  [[nodiscard]] Result<> check_format(const StoreLock& lock) const;
  [[nodiscard]] Result<File> open_part(const std::string& name) const;
  [[nodiscard]] Result<> read_seal_key(const StoreLock& lock);
  void remove_left_over(const StoreLock& lock) const;
  void release(const std::vector<std::uint64_t>& bytes);
  void release_locked(const std::vector<std::uint64_t>& bytes);  // mutex_ is held
  [[nodiscard]] Result<> wait_for(std::string_view what, const std::function<Result<bool>()>& attempt) const;

  StoreOptions options_;
  FileSystem& files_;
  File root_;
  File blobs_;
  File compiled_;
  File histories_;
  File temporary_;
  SealKey seal_key_{};
  std::mutex mutex_;
  File leases_;                                            // its locks are this process's leases
  std::unordered_map<std::uint64_t, std::size_t> leased_;  // how many leases share one lock; under mutex_
};

// Reads a whole file of at most `max_bytes`. kResourceExhausted beyond.
[[nodiscard]] Result<std::vector<std::uint8_t>> read_whole(FileSystem& files, const File& file,
                                                           std::uint64_t size);

// The digests that a history keeps from being removed.
[[nodiscard]] std::vector<Digest> kept_by(const History& history);
[[nodiscard]] Result<std::vector<std::string>> history_names(const StoreFolder& folder);
[[nodiscard]] Result<History> read_history(const StoreFolder& folder, std::string_view name);

}  // namespace berth::artifact
