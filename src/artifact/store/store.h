// Store: components, their compiled code and the history of each workload, on disk.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/digest.h"
#include "artifact/store/history.h"
#include "base/byte_sink.h"
#include "base/error.h"
#include "base/file_system.h"

namespace berth::artifact {

struct StoreOptions {
  // Made where it is missing, with 0700. An existing one must be empty or a store, belong to the user, and be
  // closed to everybody else. Only on a local file system do its locks and its durability mean anything.
  std::filesystem::path folder;
  // Of blobs and compiled code together. Files that are being written and histories are not counted.
  std::uint64_t cap_bytes = std::uint64_t{4} << 30;
  // How long a call waits while another process changes the store, before it fails with kBusy.
  std::chrono::milliseconds lock_wait = std::chrono::seconds(10);
  // Told what went wrong and was survived: a damaged entry was removed, a use could not be noted, a temporary
  // file could not be removed. Called on the calling thread, from several at once; it must not use the store.
  std::function<void(const Error&)> notice = [](const Error&) {};
};

// <cache>/berth/store: in `xdg_cache_home` where that is an absolute path, else in /var/cache for root, else
// in `home`/.cache. kFailedPrecondition when none of them is known.
[[nodiscard]] Result<std::filesystem::path> default_store_folder(std::string_view xdg_cache_home,
                                                                 std::string_view home, bool is_root);

class StoreFolder;  // the opened folder; internal

// Keeps entries from being removed to make room, in every process that shares the store, until it is gone or
// its process is (and what that forked without exec). Movable. One thread at a time; different leases on any
// threads.
class Lease final {
 public:
  Lease() = default;
  Lease(Lease&& other) noexcept : folder_(std::move(other.folder_)), bytes_(std::move(other.bytes_)) {
    other.bytes_.clear();
  }
  Lease& operator=(Lease&& other) noexcept {
    folder_.swap(other.folder_);
    bytes_.swap(other.bytes_);
    return *this;
  }
  ~Lease();

 private:
  friend class StoreFolder;
  std::shared_ptr<StoreFolder> folder_;
  std::vector<std::uint64_t> bytes_;  // of the file "leases", one for each entry
};

// A component's bytes, as they were when their digest was checked. Plain value.
struct Blob {
  std::vector<std::uint8_t> bytes;
  Lease lease;
};

// A compiled file that was checked from its first byte to its last. Plain value.
struct Compiled {
  // Open for reading, at the file's beginning. The engine's part comes first; what follows it is the seal.
  File file;
  std::uint64_t size = 0;  // of the engine's part
  Lease lease;             // of this file and of the blob it was compiled from

  // To map exactly the file that was checked, whatever has its name by now. As long as `file` is open.
  [[nodiscard]] std::filesystem::path path() const;
};

// Which compiled code. `compatibility` is the engine's text about its version and settings, opaque here.
struct CompiledKey {
  Digest component;
  std::string compatibility;
};

class PendingEntry;  // a file that is being written; internal

// Takes a component's bytes. Without commit() nothing of them stays. One thread at a time.
class BlobWriter final : public ByteSink {
 public:
  BlobWriter(BlobWriter&&) noexcept;
  ~BlobWriter() override;

  // kResourceExhausted: over kMaxEntryBytes, or the disk is full. After a failure: give up.
  [[nodiscard]] Result<> write(std::span<const std::uint8_t> bytes) override;

  struct Stored {
    Digest digest;
    Lease lease;
  };
  // Once. The blob is in the store, whole and durable, when it returns; one that was there is replaced.
  // Removes what was used least recently where the cap asks for it.
  //  kFailedPrecondition: the bytes have another digest than `expected`. kResourceExhausted: the disk is
  //  full, or all that is in the store is in use or to be kept. kBusy.
  [[nodiscard]] Result<Stored> commit(const std::optional<Digest>& expected = {});

 private:
  friend class Store;
  explicit BlobWriter(std::unique_ptr<PendingEntry> entry);
  std::unique_ptr<PendingEntry> entry_;
  Hasher hasher_;
};

// Takes compiled code, which must come from this machine's own engine. As BlobWriter.
class CompiledWriter final : public ByteSink {
 public:
  CompiledWriter(CompiledWriter&&) noexcept;
  ~CompiledWriter() override;
  [[nodiscard]] Result<> write(std::span<const std::uint8_t> bytes) override;
  [[nodiscard]] Result<Lease> commit();

 private:
  friend class Store;
  class State;
  explicit CompiledWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What is in a store. Plain value.
struct StoreUsage {
  std::size_t blobs = 0;
  std::size_t compiled = 0;
  std::uint64_t bytes = 0;
  std::uint64_t cap_bytes = 0;
};

// A folder that several processes of one user share. Each step leaves it consistent, whenever the process or
// the machine stops: an entry is there whole or not at all.
//
// Any failed read of an entry means: get it again (fetch, compile) and put it; that replaces what is there.
// Reading waits for nobody who writes.
// Thread-safe. Writers, leases and open entries may outlive it; the FileSystem outlives them all.
class Store final {
 public:
  // Blocks. Removes what processes that died were writing.
  //  kPermissionDenied: the folder or its key belongs to somebody else or is open to others.
  //  kInvalidArgument: it is something else than a store. kFailedPrecondition: made by a newer berth. kBusy.
  [[nodiscard]] static Result<Store> open(StoreOptions options, FileSystem& files);
  Store(Store&&) noexcept;
  ~Store();

  [[nodiscard]] Result<BlobWriter> write_blob() const;
  // All at once. As BlobWriter.
  [[nodiscard]] Result<BlobWriter::Stored> put_blob(std::span<const std::uint8_t> bytes,
                                                    const std::optional<Digest>& expected = {}) const;
  // kNotFound, also where it was damaged: then it is removed, and the message says so. kResourceExhausted: it
  // has more than `max_bytes`.
  [[nodiscard]] Result<Blob> read_blob(const Digest& digest, std::uint64_t max_bytes) const;
  // Keeps a blob without reading it. kNotFound.
  [[nodiscard]] Result<Lease> keep_blob(const Digest& digest) const;

  // kInvalidArgument: `compatibility` is over kMaxCompatibilityBytes.
  [[nodiscard]] Result<CompiledWriter> write_compiled(const CompiledKey& key) const;
  // Reads and checks all of it: about 7 ms for 40 MB that the system has in memory. kNotFound, also where it
  // was damaged or made with another store's key: then it is removed, and the message says so.
  [[nodiscard]] Result<Compiled> open_compiled(const CompiledKey& key) const;

  // A workload's record; `name` is one to kMaxHistoryNameBytes of [a-z0-9.-], beginning with a letter or
  // digit. kNotFound: it has none. kFailedPrecondition: damaged, and the message names the file.
  [[nodiscard]] Result<History> history(std::string_view name) const;
  // Reads the record (an empty one where there is none), lets `change` change it, and writes it where it did;
  // nobody else changes any record meanwhile, so `change` must not block or use the
  // store. Its error is returned, and
  // nothing written. Returns the record as it is now.
  [[nodiscard]] Result<History> update_history(std::string_view name,
                                               const std::function<Result<>(History&)>& change) const;
  // What the record kept may be removed from now on. Not an error where there is none.
  [[nodiscard]] Result<> forget_history(std::string_view name) const;
  // Names, sorted.
  [[nodiscard]] Result<std::vector<std::string>> histories() const;

  // Removes what was used least recently until the cap is kept; committing does the same.
  [[nodiscard]] Result<> make_room() const;
  [[nodiscard]] Result<StoreUsage> usage() const;

 private:
  explicit Store(std::shared_ptr<StoreFolder> folder) : folder_(std::move(folder)) {}
  std::shared_ptr<StoreFolder> folder_;
};

}  // namespace berth::artifact
