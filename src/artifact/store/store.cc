// Store: blobs and compiled code.
#include "artifact/store/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "artifact/store/folder.h"
#include "artifact/store/limits.h"
#include "artifact/store/pending_entry.h"
#include "artifact/store/seal.h"

namespace berth::artifact {
namespace {

// Gives a whole file its place. The lease is taken first, so that nobody who makes room can take it for
// unused.
Result<Lease> publish(PendingEntry& entry, const Place& place) {
  StoreFolder& folder = *entry.folder();
  BERTH_TRY(entry.sync());
  Lease lease = BERTH_TRY(folder.lease({place.byte, blob_place(place.component).byte}));
  {
    const StoreLock lock = BERTH_TRY(folder.lock());
    BERTH_TRY(folder.make_room(lock, entry.size(), &place));
    BERTH_TRY(entry.publish(lock, folder.entries(place.kind), place.name));
  }
  BERTH_TRY(folder.files().sync(folder.entries(place.kind)));
  return lease;
}

Result<File> open_entry(const StoreFolder& folder, const Place& place, std::string_view what) {
  auto file = folder.files().open(folder.entries(place.kind), place.name, OpenMode::kRead);
  if (file) return file;
  if (file.error().code() != Code::kNotFound) return fail(std::move(file).error());
  return fail(Code::kNotFound, fmt::format("the store has no {} {}", what, place.component.to_string()));
}

void note_use(const StoreFolder& folder, const File& file) {
  // At worst it goes too early the next time room is made.
  if (auto noted = folder.files().touch(file); !noted) folder.notice(noted.error());
}

std::unexpected<Error> damaged(const StoreFolder& folder, const Place& place, const FileInfo& info,
                               std::string_view what, std::string_view advice) {
  const Error error(Code::kNotFound, fmt::format("{} {} in the store is damaged ({}): {}; {}", what,
                                                 place.component.to_string(),
                                                 (folder.entries(place.kind).path() / place.name).string(),
                                                 folder.remove_damaged(place, info), advice));
  folder.notice(error);
  return fail(error);
}

// Whether the last bytes of the file are the seal of those before them.
Result<bool> is_sealed(const StoreFolder& folder, const File& file, std::uint64_t body,
                       const CompiledKey& key) {
  SealBytes found;
  std::span<std::uint8_t> rest(reinterpret_cast<std::uint8_t*>(&found), sizeof found);
  while (!rest.empty()) {
    const std::size_t n = BERTH_TRY(folder.files().read(file, rest, body + sizeof found - rest.size()));
    if (n == 0) return false;
    rest = rest.subspan(n);
  }
  Seal seal = BERTH_TRY(Seal::begin(folder.seal_key(), found.salt, key));
  std::vector<std::uint8_t> chunk(kReadChunkBytes);
  for (std::uint64_t done = 0; done < body;) {
    const std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size(), body - done));
    const std::size_t n = BERTH_TRY(folder.files().read(file, {chunk.data(), want}, done));
    if (n == 0) return false;
    seal.update({chunk.data(), n});
    done += n;
  }
  return same(BERTH_TRY(seal.finish()), found);
}

}  // namespace

Result<std::filesystem::path> default_store_folder(std::string_view xdg_cache_home, std::string_view home,
                                                   bool is_root) {
  std::filesystem::path cache;
  if (xdg_cache_home.starts_with('/')) {
    cache = xdg_cache_home;
  } else if (is_root) {
    cache = "/var/cache";
  } else if (home.starts_with('/')) {
    cache = std::filesystem::path(home) / ".cache";
  } else {
    return fail(
        Code::kFailedPrecondition,
        "there is no place for the store: neither XDG_CACHE_HOME nor HOME is an absolute path; set one of "
        "them, or name the store's folder");
  }
  return cache / "berth" / "store";
}

std::filesystem::path Compiled::path() const { return fmt::format("/proc/self/fd/{}", file.fd()); }

BlobWriter::BlobWriter(std::unique_ptr<PendingEntry> entry) : entry_(std::move(entry)) {}
BlobWriter::BlobWriter(BlobWriter&&) noexcept = default;
BlobWriter::~BlobWriter() = default;

Result<> BlobWriter::write(std::span<const std::uint8_t> bytes) {
  BERTH_TRY(entry_->write(bytes));
  hasher_.update(bytes);
  return {};
}

Result<BlobWriter::Stored> BlobWriter::commit(const std::optional<Digest>& expected) {
  const Digest digest = BERTH_TRY(hasher_.finish());
  if (expected && digest != *expected) {
    return fail(Code::kFailedPrecondition, fmt::format("the bytes have the digest {}, not the expected {}",
                                                       digest.to_string(), expected->to_string()));
  }
  return Stored{.digest = digest, .lease = BERTH_TRY(publish(*entry_, blob_place(digest)))};
}

class CompiledWriter::State final {
 public:
  State(std::unique_ptr<PendingEntry> pending, Place at, Seal begun)
      : entry(std::move(pending)), place(std::move(at)), seal(std::move(begun)) {}
  std::unique_ptr<PendingEntry> entry;
  Place place;
  Seal seal;
};

CompiledWriter::CompiledWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
CompiledWriter::CompiledWriter(CompiledWriter&&) noexcept = default;
CompiledWriter::~CompiledWriter() = default;

Result<> CompiledWriter::write(std::span<const std::uint8_t> bytes) {
  BERTH_TRY(state_->entry->write(bytes));
  state_->seal.update(bytes);
  return {};
}

Result<Lease> CompiledWriter::commit() {
  const SealBytes seal = BERTH_TRY(state_->seal.finish());
  BERTH_TRY(state_->entry->write({reinterpret_cast<const std::uint8_t*>(&seal), sizeof seal}));
  return publish(*state_->entry, state_->place);
}

Store::Store(Store&&) noexcept = default;
Store::~Store() = default;

Result<Store> Store::open(StoreOptions options, FileSystem& files) {
  return Store(BERTH_TRY(StoreFolder::open(std::move(options), files)));
}

Result<BlobWriter> Store::write_blob() const { return BlobWriter(BERTH_TRY(PendingEntry::create(folder_))); }

Result<BlobWriter::Stored> Store::put_blob(std::span<const std::uint8_t> bytes,
                                           const std::optional<Digest>& expected) const {
  BlobWriter writer = BERTH_TRY(write_blob());
  BERTH_TRY(writer.write(bytes));
  return writer.commit(expected);
}

Result<Blob> Store::read_blob(const Digest& digest, std::uint64_t max_bytes) const {
  const Place place = blob_place(digest);
  Lease lease = BERTH_TRY(folder_->lease({place.byte}));
  const File file = BERTH_TRY(open_entry(*folder_, place, "blob"));
  const FileInfo info = BERTH_TRY(folder_->files().info(file));
  if (info.size > max_bytes) {
    return fail(Code::kResourceExhausted, fmt::format("{} has {} bytes; at most {} are read",
                                                      digest.to_string(), info.size, max_bytes));
  }
  std::vector<std::uint8_t> bytes = BERTH_TRY(read_whole(folder_->files(), file, info.size));
  if (BERTH_TRY(Digest::of(bytes)) != digest) {
    return damaged(*folder_, place, info, "the blob", "fetch it again");
  }
  note_use(*folder_, file);
  return Blob{.bytes = std::move(bytes), .lease = std::move(lease)};
}

Result<Lease> Store::keep_blob(const Digest& digest) const {
  const Place place = blob_place(digest);
  Lease lease = BERTH_TRY(folder_->lease({place.byte}));
  note_use(*folder_, BERTH_TRY(open_entry(*folder_, place, "blob")));
  return lease;
}

Result<CompiledWriter> Store::write_compiled(const CompiledKey& key) const {
  Place place = BERTH_TRY(compiled_place(key));
  std::array<std::uint8_t, 16> salt{};
  BERTH_TRY(fill_random(salt));
  Seal seal = BERTH_TRY(Seal::begin(folder_->seal_key(), salt, key));
  return CompiledWriter(std::make_unique<CompiledWriter::State>(BERTH_TRY(PendingEntry::create(folder_)),
                                                                std::move(place), std::move(seal)));
}

Result<Compiled> Store::open_compiled(const CompiledKey& key) const {
  const Place place = BERTH_TRY(compiled_place(key));
  Lease lease = BERTH_TRY(folder_->lease({place.byte, blob_place(key.component).byte}));
  File file = BERTH_TRY(open_entry(*folder_, place, "compiled code of"));
  const FileInfo info = BERTH_TRY(folder_->files().info(file));
  const bool whole = info.kind == FileInfo::Kind::kFile && info.size > kSealBytes &&
                     BERTH_TRY(is_sealed(*folder_, file, info.size - kSealBytes, key));
  if (!whole) return damaged(*folder_, place, info, "the compiled code of", "compile it again");
  note_use(*folder_, file);
  return Compiled{.file = std::move(file), .size = info.size - kSealBytes, .lease = std::move(lease)};
}

Result<> Store::make_room() const {
  const StoreLock lock = BERTH_TRY(folder_->lock());
  return folder_->make_room(lock, 0, nullptr);
}

Result<StoreUsage> Store::usage() const {
  StoreUsage usage{.cap_bytes = folder_->options().cap_bytes};
  for (const StoreFolder::Entry& entry : BERTH_TRY(folder_->scan())) {
    ++(entry.place.kind == Place::Kind::kBlob ? usage.blobs : usage.compiled);
    usage.bytes += entry.info.size;
  }
  return usage;
}

}  // namespace berth::artifact
