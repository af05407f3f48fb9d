// Store: what goes in comes out, what is damaged never does, and what is used stays.
#include "artifact/store/store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "artifact/store/limits.h"
#include "artifact/store/test_store.h"

namespace berth::artifact {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StoreTest : public ::testing::Test {
 protected:
  [[nodiscard]] fs::path root() const { return folder_.path() / "store"; }
  Store open(std::uint64_t cap = std::uint64_t{1} << 30) {
    auto store = Store::open({.folder = root(),
                              .cap_bytes = cap,
                              .lock_wait = std::chrono::milliseconds(200),
                              .notice = notices_.collect()},
                             files_);
    EXPECT_TRUE(store) << store.error().to_string();
    return std::move(store).value();
  }
  [[nodiscard]] Error open_error() {
    auto store = Store::open({.folder = root()}, files_);
    EXPECT_FALSE(store);
    return store ? Error(Code::kInternal, "it was opened") : store.error();
  }
  [[nodiscard]] fs::path blob_file(unsigned number) const {
    return root() / "blobs" / digest_of(number).hex();
  }
  // The only one.
  [[nodiscard]] fs::path compiled_file() const {
    fs::path found;
    for (const auto& entry : fs::directory_iterator(root() / "compiled")) found = entry.path();
    return found;
  }
  // Makes it look as if it was used `age` seconds ago.
  static void set_age(const fs::path& path, int age) {
    const timespec times[2] = {{.tv_sec = ::time(nullptr) - age, .tv_nsec = 0},
                               {.tv_sec = 0, .tv_nsec = UTIME_OMIT}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  static void put(const Store& store, unsigned number) {
    const auto stored = store.put_blob(content(number));
    ASSERT_TRUE(stored) << stored.error().to_string();
    EXPECT_EQ(stored->digest, digest_of(number));
  }
  static bool has(const Store& store, unsigned number) {
    return store.read_blob(digest_of(number), 1 << 20).has_value();
  }

  TestFolder folder_;
  SystemFiles files_;
  Notices notices_;
};

TEST_F(StoreTest, BlobsComeBack) {
  const Store store = open();
  for (unsigned number = 0; number < 10; ++number) put(store, number);
  for (unsigned number = 0; number < 10; ++number) {
    const auto blob = store.read_blob(digest_of(number), 1 << 20);
    ASSERT_TRUE(blob) << blob.error().to_string();
    EXPECT_EQ(blob->bytes, content(number));
  }
  const auto none = store.read_blob(digest_of(99), 1 << 20);
  EXPECT_EQ(none.error().code(), Code::kNotFound);
  EXPECT_THAT(none.error().message(), HasSubstr(digest_of(99).to_string()));
  EXPECT_EQ(store.keep_blob(digest_of(99)).error().code(), Code::kNotFound);
  EXPECT_EQ(store.read_blob(digest_of(1), 10).error().code(), Code::kResourceExhausted);
  EXPECT_EQ(store.usage()->blobs, 10);
  expect_consistent(root());
}

TEST_F(StoreTest, AnEmptyBlobIsABlob) {
  const Store store = open();
  const auto stored = store.put_blob({});
  ASSERT_TRUE(stored) << stored.error().to_string();
  EXPECT_THAT(store.read_blob(stored->digest, 0)->bytes, IsEmpty());
}

TEST_F(StoreTest, PiecesOfAnySizeAndShortTransfers) {
  FailingFiles slow(files_);
  slow.set_max_transfer(7);
  auto store = Store::open({.folder = root()}, slow);
  ASSERT_TRUE(store) << store.error().to_string();
  auto blob = store->write_blob();
  auto compiled = store->write_compiled(key_of(3));
  ASSERT_TRUE(blob && compiled);
  const auto bytes = content(3);
  for (std::size_t done = 0; done < bytes.size();) {
    const std::size_t n = std::min<std::size_t>(bytes.size() - done, 1 + done % 97);
    ASSERT_TRUE(blob->write({bytes.data() + done, n}));
    done += n;
  }
  ASSERT_TRUE(blob->commit(digest_of(3)));
  const auto body = code(3);
  for (std::size_t done = 0; done < body.size();) {
    const std::size_t n = std::min<std::size_t>(body.size() - done, 1 + done % 97);
    ASSERT_TRUE(compiled->write({body.data() + done, n}));
    done += n;
  }
  ASSERT_TRUE(compiled->commit());
  expect_starts(*store, 3);
}

TEST_F(StoreTest, OtherBytesThanExpectedAreRefused) {
  const Store store = open();
  const auto stored = store.put_blob(content(1), digest_of(2));
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(stored.error().message(), HasSubstr(digest_of(1).to_string()));
  EXPECT_EQ(store.usage()->blobs, 0);
  expect_consistent(root());
}

TEST_F(StoreTest, AWriterThatGivesUpLeavesNothing) {
  const Store store = open();
  {
    auto writer = store.write_blob();
    ASSERT_TRUE(writer->write(content(1)));
    EXPECT_FALSE(fs::is_empty(root() / "temporary"));
  }
  EXPECT_TRUE(fs::is_empty(root() / "temporary"));
  EXPECT_FALSE(has(store, 1));
}

TEST_F(StoreTest, OpeningRemovesWhatTheDeadWroteAndLeavesTheLiving) {
  const Store store = open();
  auto writer = store.write_blob();
  ASSERT_TRUE(writer->write(content(1)));
  write_file(root() / "temporary" / "left-over", content(2));
  open();
  EXPECT_FALSE(fs::exists(root() / "temporary" / "left-over"));
  EXPECT_TRUE(writer->commit(digest_of(1)));
  EXPECT_TRUE(has(store, 1));
}

TEST_F(StoreTest, ADamagedBlobIsRemovedAndTakenAgain) {
  const Store store = open();
  put(store, 1);
  auto bytes = content(1);
  bytes[500] ^= 1;
  write_file(blob_file(1), bytes);
  const auto blob = store.read_blob(digest_of(1), 1 << 20);
  ASSERT_FALSE(blob);
  EXPECT_EQ(blob.error().code(), Code::kNotFound);
  EXPECT_THAT(blob.error().message(), HasSubstr("damaged"));
  EXPECT_THAT(blob.error().message(), HasSubstr("removed; fetch it again"));
  EXPECT_THAT(notices_.texts, ElementsAre(blob.error().message()));
  EXPECT_FALSE(fs::exists(blob_file(1)));
  put(store, 1);
  EXPECT_TRUE(has(store, 1));
}

TEST_F(StoreTest, PuttingReplacesADamagedBlobToo) {
  const Store store = open();
  put(store, 1);
  write_file(blob_file(1), {});
  put(store, 1);
  EXPECT_TRUE(has(store, 1));
}

TEST_F(StoreTest, CompiledCodeComesBackForItsKeyOnly) {
  const Store store = open();
  ASSERT_TRUE(put_compiled(store, key_of(1), code(1)));
  ASSERT_TRUE(put_compiled(store, key_of(1, "engine 48, winch"), code(2)));
  const auto compiled = store.open_compiled(key_of(1));
  ASSERT_TRUE(compiled) << compiled.error().to_string();
  EXPECT_EQ(compiled->size, code(1).size());
  EXPECT_EQ(mapped(*compiled), code(1));
  EXPECT_EQ(mapped(*store.open_compiled(key_of(1, "engine 48, winch"))), code(2));
  EXPECT_EQ(store.open_compiled(key_of(1, "engine 49")).error().code(), Code::kNotFound);
  EXPECT_EQ(store.open_compiled(key_of(2)).error().code(), Code::kNotFound);
  const std::string longest(kMaxCompatibilityBytes, 'x');
  ASSERT_TRUE(put_compiled(store, key_of(1, longest), code(3)));
  EXPECT_EQ(mapped(*store.open_compiled(key_of(1, longest))), code(3));
  EXPECT_EQ(store.open_compiled(key_of(1, longest + "x")).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(store.write_compiled(key_of(1, longest + "x")).error().code(), Code::kInvalidArgument);
}

// Each bit of a small file and each length it could be cut to: none is given to the engine.
TEST_F(StoreTest, NoDamageOfCompiledCodePasses) {
  const Store store = open();
  const std::vector<std::uint8_t> body = content(7, 100);
  ASSERT_TRUE(put_compiled(store, key_of(1), body));
  const fs::path file = compiled_file();
  const std::vector<std::uint8_t> whole = read_file(file);
  std::size_t refused = 0;
  const auto refuses = [&](const std::vector<std::uint8_t>& bytes) {
    write_file(file, bytes);
    const auto compiled = store.open_compiled(key_of(1));
    ASSERT_FALSE(compiled) << bytes.size();
    EXPECT_EQ(compiled.error().code(), Code::kNotFound);
    EXPECT_THAT(compiled.error().message(), HasSubstr("removed; compile it again"));
    EXPECT_FALSE(fs::exists(file));
    ++refused;
  };
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    auto bytes = whole;
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    refuses(bytes);
  }
  for (std::size_t size = 0; size < whole.size(); ++size) refuses({whole.begin(), whole.begin() + size});
  auto longer = whole;
  longer.push_back(0);
  refuses(longer);
  EXPECT_EQ(refused, whole.size() * 9 + 1);
  EXPECT_EQ(notices_.texts.size(), refused);
  write_file(file, whole);
  EXPECT_EQ(mapped(*store.open_compiled(key_of(1))), body);
}

TEST_F(StoreTest, CompiledCodeFromElsewhereIsRefused) {
  const Store store = open();
  ASSERT_TRUE(put_compiled(store, key_of(1), code(1)));
  const auto sealed = read_file(compiled_file());
  // Under another component's name.
  ASSERT_TRUE(put_compiled(store, key_of(2), code(2)));
  for (const auto& entry : fs::directory_iterator(root() / "compiled")) write_file(entry.path(), sealed);
  EXPECT_TRUE(store.open_compiled(key_of(1)));
  EXPECT_FALSE(store.open_compiled(key_of(2)));
  // From another store: its key is another one.
  const auto other = Store::open({.folder = folder_.path() / "other"}, files_);
  ASSERT_TRUE(put_compiled(*other, key_of(1), code(1)));
  fs::path others;
  for (const auto& entry : fs::directory_iterator(folder_.path() / "other" / "compiled"))
    others = entry.path();
  write_file(compiled_file(), read_file(others));
  const auto foreign = store.open_compiled(key_of(1));
  ASSERT_FALSE(foreign);
  EXPECT_THAT(foreign.error().message(), HasSubstr("damaged"));
}

TEST_F(StoreTest, ALostOrDamagedKeyMeansToCompileAgain) {
  {
    const Store store = open();
    ASSERT_TRUE(put_compiled(store, key_of(1), code(1)));
  }
  for (const bool lost : {true, false}) {
    if (lost) {
      fs::remove(root() / "key");
    } else {
      write_file(root() / "key", {1, 2, 3});
    }
    const Store store = open();
    EXPECT_FALSE(store.open_compiled(key_of(1)));
    ASSERT_TRUE(put_compiled(store, key_of(1), code(1)));
    EXPECT_TRUE(open().open_compiled(key_of(1)));
  }
  EXPECT_THAT(notices_.texts, Contains(HasSubstr("key is damaged")));
  struct stat about{};
  ASSERT_EQ(::stat((root() / "key").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600);
  EXPECT_EQ(about.st_size, 32);
}

TEST_F(StoreTest, AFileThatIsOpenOutlivesItsName) {
  const Store store = open(12'000);
  ASSERT_TRUE(put_compiled(store, key_of(1), code(1)));
  auto compiled = store.open_compiled(key_of(1));
  ASSERT_TRUE(compiled);
  fs::remove(compiled_file());
  EXPECT_EQ(mapped(*compiled), code(1));
  // Replaced by other code under the same name: we still have what was checked.
  ASSERT_TRUE(put_compiled(store, key_of(1), code(2)));
  EXPECT_EQ(mapped(*compiled), code(1));
  EXPECT_EQ(mapped(*store.open_compiled(key_of(1))), code(2));
}

TEST_F(StoreTest, TheLeastRecentlyUsedGoesFirst) {
  const Store store = open(4'000);  // three blobs of about 1 KB
  for (unsigned number : {0u, 7u, 14u}) put(store, number);
  set_age(blob_file(0), 300);
  set_age(blob_file(7), 200);
  set_age(blob_file(14), 100);
  EXPECT_TRUE(has(store, 0));  // used now
  put(store, 21);
  put(store, 28);
  EXPECT_TRUE(has(store, 0));
  EXPECT_FALSE(has(store, 7));
  EXPECT_TRUE(has(store, 14));
  EXPECT_LE(store.usage()->bytes, 4'000);
  EXPECT_EQ(store.put_blob(content(1, 5'000)).error().code(), Code::kResourceExhausted);
  EXPECT_EQ(store.usage()->cap_bytes, 4'000);
  expect_consistent(root());
}

TEST_F(StoreTest, ReplacingNeedsNoRoom) {
  const Store store = open(1'000);
  const auto first = store.put_blob(content(0));
  ASSERT_TRUE(first) << first.error().to_string();
  EXPECT_TRUE(store.put_blob(content(0)));
}

TEST_F(StoreTest, WhatRunsStays) {
  const Store store = open(8'000);
  auto running = store.put_blob(content(0));
  ASSERT_TRUE(running);
  auto code_running = put_compiled(store, key_of(0), code(0));
  ASSERT_TRUE(code_running);
  set_age(blob_file(0), 1000);
  set_age(compiled_file(), 1000);
  // Also where another process makes room: another opening of the store stands for it.
  const Store other = open(8'000);
  put(other, 7);
  put(other, 14);
  expect_starts(store, 0);
  const auto full = other.put_blob(content(1, 3'000));
  EXPECT_EQ(full.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(full.error().message(), HasSubstr("raise the cap"));
  expect_starts(store, 0);
  {
    const Lease dropped = std::move(running->lease);
  }
  {
    const Lease dropped = std::move(code_running).value();
  }
  EXPECT_TRUE(other.put_blob(content(1, 3'000)));
  EXPECT_FALSE(has(store, 0));
}

TEST_F(StoreTest, LeasesOfOneEntryAreCounted) {
  const Store store = open(2'500);
  put(store, 0);
  auto first = store.keep_blob(digest_of(0));
  auto second = store.keep_blob(digest_of(0));
  ASSERT_TRUE(first && second);
  {
    const Lease dropped = std::move(first).value();
  }
  EXPECT_FALSE(store.put_blob(content(1, 2'000)));
  Lease moved = std::move(second).value();
  Lease again;
  again = std::move(moved);
  EXPECT_FALSE(store.put_blob(content(1, 2'000)));
  again = Lease();
  EXPECT_TRUE(store.put_blob(content(1, 2'000)));
}

TEST_F(StoreTest, GoodVersionsStayWithTheirLatestCode) {
  const Store store = open(20'000);
  put(store, 0);
  ASSERT_TRUE(put_compiled(store, key_of(0, "winch"), code(1)));
  set_age(compiled_file(), 500);
  ASSERT_TRUE(put_compiled(store, key_of(0), code(0)));
  ASSERT_TRUE(store.update_history("w", [](History& history) -> Result<> {
    history.remember_good({.digest = digest_of(0), .reference = "file:a.wasm", .since = at(0)}, 2);
    return {};
  }));
  ASSERT_TRUE(store.put_blob(content(1, 13'000)));
  expect_starts(store, 0);
  EXPECT_EQ(store.open_compiled(key_of(0, "winch")).error().code(), Code::kNotFound);
  EXPECT_EQ(store.put_blob(content(2, 15'000)).error().code(), Code::kResourceExhausted);
  expect_starts(store, 0);
  ASSERT_TRUE(store.forget_history("w"));
  ASSERT_TRUE(store.put_blob(content(2, 15'000)));
  EXPECT_FALSE(has(store, 0));
}

TEST_F(StoreTest, WithADamagedHistoryNothingIsRemoved) {
  const Store store = open(2'500);
  put(store, 0);
  write_file(root() / "histories" / "w.json", content(0, 10));
  const auto stored = store.put_blob(content(1, 2'000));
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(stored.error().message(), HasSubstr("w.json"));
  EXPECT_TRUE(has(store, 0));
}

TEST_F(StoreTest, ALoweredCapIsKept) {
  {
    const Store store = open();
    for (unsigned number = 0; number < 10; ++number) put(store, number);
  }
  const Store store = open(3'000);
  ASSERT_TRUE(store.make_room());
  EXPECT_LE(store.usage()->bytes, 3'000);
}

TEST_F(StoreTest, AnEntryHasAMaximum) {
  const Store store = open();
  // Never read: the size is refused first.
  void* map = ::mmap(nullptr, kMaxEntryBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(map, MAP_FAILED);
  const std::span<const std::uint8_t> huge(static_cast<const std::uint8_t*>(map), kMaxEntryBytes);
  auto blob = store.write_blob();
  auto compiled = store.write_compiled(key_of(1));
  ASSERT_TRUE(blob && compiled);
  ASSERT_TRUE(blob->write(content(1)));
  ASSERT_TRUE(compiled->write(content(1)));
  for (const Result<>& written : {blob->write(huge), compiled->write(huge)}) {
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code(), Code::kResourceExhausted);
    EXPECT_THAT(written.error().message(), HasSubstr("1024 MiB"));
  }
  ::munmap(map, kMaxEntryBytes);
}

TEST_F(StoreTest, AFolderThatOthersMayReachIsRefused) {
  open();
  for (const char* part : {"", "blobs", "compiled", "histories", "temporary"}) {
    for (const mode_t mode : {0755, 0710, 0702, 0720}) {
      ASSERT_EQ(::chmod((root() / part).c_str(), mode), 0);
      const Error error = open_error();
      EXPECT_EQ(error.code(), Code::kPermissionDenied) << part;
      EXPECT_THAT(error.message(), HasSubstr("chmod 700")) << part;
    }
    ASSERT_EQ(::chmod((root() / part).c_str(), 0700), 0);
  }
  ASSERT_EQ(::chmod((root() / "key").c_str(), 0640), 0);
  EXPECT_THAT(open_error().message(), HasSubstr("somebody may know it"));
  ASSERT_EQ(::chmod((root() / "key").c_str(), 0600), 0);
  open();
  for (const auto& entry : fs::recursive_directory_iterator(root())) {
    struct stat about{};
    ASSERT_EQ(::lstat(entry.path().c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 077, 0) << entry.path();
  }
}

TEST_F(StoreTest, AFolderOfAnotherUserIsRefused) {
  open();
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(root().c_str(), 12345, -1), 0);
    EXPECT_EQ(open_error().code(), Code::kPermissionDenied);
    EXPECT_THAT(open_error().message(), HasSubstr("belongs to user 12345"));
  } else {
    // Only root can give a folder away; "/" belongs to somebody else.
    const auto store = Store::open({.folder = "/"}, files_);
    ASSERT_FALSE(store);
    EXPECT_THAT(store.error().message(), HasSubstr("belongs to user 0"));
  }
}

TEST_F(StoreTest, AFolderOfSomethingElseIsRefusedAndNotTouched) {
  fs::create_directory(root());
  fs::permissions(root(), fs::perms::owner_all);
  write_file(root() / "thesis.txt", content(1));
  const Error error = open_error();
  EXPECT_EQ(error.code(), Code::kInvalidArgument);
  EXPECT_THAT(error.message(), HasSubstr("thesis.txt"));
  EXPECT_EQ(std::distance(fs::directory_iterator(root()), {}), 1);
}

TEST_F(StoreTest, AStoreOfANewerBerthIsRefused) {
  open();
  const std::string format = "berth store 2\n";
  write_file(root() / "format", {format.begin(), format.end()});
  EXPECT_EQ(open_error().code(), Code::kFailedPrecondition);
}

TEST_F(StoreTest, AStoreMadeHalfwayIsFinished) {
  fs::create_directory(root());
  fs::permissions(root(), fs::perms::owner_all);
  write_file(root() / "lock", {});
  write_file(root() / "format.new", content(1, 5));
  put(open(), 1);
  EXPECT_TRUE(has(open(), 1));
}

TEST_F(StoreTest, ALockThatIsHeldIsWaitedForAndNotForever) {
  const Store store = open();
  put(store, 1);
  const File held = files_.open(File(), (root() / "lock").string(), OpenMode::kLock).value();
  ASSERT_TRUE(files_.try_lock(held).value());
  // Readers need it not.
  EXPECT_TRUE(has(store, 1));
  const auto stored = store.put_blob(content(2));
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().code(), Code::kBusy);
  EXPECT_THAT(stored.error().message(), HasSubstr("another process has had"));
}

TEST_F(StoreTest, AMapOfCheckedCodeIsThatCode) {
  const Store store = open();
  ASSERT_TRUE(put_compiled(store, key_of(1), code(1)));
  const auto compiled = store.open_compiled(key_of(1));
  ASSERT_TRUE(compiled);
  const int fd = ::open(compiled->path().c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  void* map = ::mmap(nullptr, compiled->size, PROT_READ, MAP_PRIVATE, fd, 0);
  ::close(fd);
  ASSERT_NE(map, MAP_FAILED);
  fs::remove(compiled_file());
  EXPECT_EQ(std::memcmp(map, code(1).data(), compiled->size), 0);
  ::munmap(map, compiled->size);
}

TEST(StoreFolderName, Default) {
  EXPECT_EQ(default_store_folder("/x", "/home/ada", false).value(), "/x/berth/store");
  EXPECT_EQ(default_store_folder("", "/home/ada", false).value(), "/home/ada/.cache/berth/store");
  EXPECT_EQ(default_store_folder("relative", "/home/ada", false).value(), "/home/ada/.cache/berth/store");
  EXPECT_EQ(default_store_folder("", "/root", true).value(), "/var/cache/berth/store");
  EXPECT_EQ(default_store_folder("", "", true).value(), "/var/cache/berth/store");
  EXPECT_EQ(default_store_folder("", "", false).error().code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace berth::artifact
