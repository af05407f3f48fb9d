// Each step of each operation fails once, or the power goes there: the store stays whole, and what was good
// starts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <iostream>

#include "artifact/store/test_store.h"

namespace berth::artifact {
namespace {

namespace fs = std::filesystem;

// Enough for two versions of about 6 KB with their code, and little else.
constexpr std::uint64_t kFullAt = 16'000;

Result<> record_good(const Store& store, unsigned number) {
  BERTH_TRY(store.update_history("w", [&](History& history) -> Result<> {
    history.running = digest_of(number);
    history.remember_good({.digest = digest_of(number), .reference = "v1", .since = at(0)}, 1);
    return {};
  }));
  return {};
}

// What an update does after it has fetched. The leases go at the end, as when the process ends.
Result<> put_version(const Store& store, unsigned number) {
  const auto blob = BERTH_TRY(store.put_blob(content(number), digest_of(number)));
  const auto compiled = BERTH_TRY(put_compiled(store, key_of(number), code(number)));
  return record_good(store, number);
}

// An operation that is broken at each of its steps. `before` makes what it needs.
struct Operation {
  std::string name;
  std::function<Result<>(const Store&)> run;
  std::function<void(const fs::path&)> before = [](const fs::path&) {};
};

void damage(const fs::path& file) {
  auto bytes = read_file(file);
  bytes[bytes.size() / 2] ^= 1;
  write_file(file, bytes);
}
fs::path compiled_file(const fs::path& root, unsigned number) {
  for (const auto& entry : fs::directory_iterator(root / "compiled")) {
    if (entry.path().filename().string().starts_with(digest_of(number).hex())) return entry.path();
  }
  return {};
}

// Version 1 is good; 2 is in the store, and nobody needs it.
std::vector<Operation> operations() {
  const auto dropped = [](auto result) -> Result<> {
    BERTH_TRY(std::move(result));
    return {};
  };
  return {
      {"put-blob", [=](const Store& store) { return dropped(store.put_blob(content(3), digest_of(3))); }},
      {"put-blob-again",
       [=](const Store& store) { return dropped(store.put_blob(content(1), digest_of(1))); }},
      {"put-compiled", [=](const Store& store) { return dropped(put_compiled(store, key_of(2), code(2))); }},
      {"put-compiled-again",
       [=](const Store& store) { return dropped(put_compiled(store, key_of(1), code(1))); }},
      {"record-history", [](const Store& store) { return record_good(store, 1); },
       [](const fs::path& root) {
         SystemFiles files;
         const auto store = Store::open({.folder = root}, files);
         ASSERT_TRUE(store->update_history("w", [](History& history) -> Result<> {
           history.running.reset();
           return {};
         }));
       }},
      {"first-history",
       [=](const Store& store) {
         return dropped(store.update_history("x", [](History& history) -> Result<> {
           history.running = digest_of(1);
           return {};
         }));
       }},
      {"forget-history", [](const Store& store) { return store.forget_history("y"); },
       [](const fs::path& root) {
         SystemFiles files;
         const auto store = Store::open({.folder = root}, files);
         ASSERT_TRUE(store->update_history("y", [](History&) -> Result<> { return {}; }));
       }},
      {"evict", [=](const Store& store) { return dropped(store.put_blob(content(4, 9'000))); }},
      {"make-room", [](const Store& store) { return store.make_room(); },
       [](const fs::path& root) {
         const auto bytes = content(9, 20'000);
         write_file(root / "blobs" / Digest::of(bytes)->hex(), bytes);
       }},
      {"read-blob", [=](const Store& store) { return dropped(store.read_blob(digest_of(1), 1 << 20)); }},
      {"open-compiled", [=](const Store& store) { return dropped(store.open_compiled(key_of(1))); }},
      {"remove-damaged-blob",
       [](const Store& store) -> Result<> {
         const auto blob = store.read_blob(digest_of(2), 1 << 20);
         return blob ? fail(Code::kInternal, "a damaged blob was read") : Result<>(fail(blob.error()));
       },
       [](const fs::path& root) { damage(root / "blobs" / digest_of(2).hex()); }},
      {"remove-damaged-compiled",
       [](const Store& store) -> Result<> {
         const auto compiled = store.open_compiled(key_of(2));
         return compiled ? fail(Code::kInternal, "damaged code was opened")
                         : Result<>(fail(compiled.error()));
       },
       [](const fs::path& root) {
         SystemFiles files;
         const auto store = Store::open({.folder = root}, files);
         ASSERT_TRUE(put_compiled(*store, key_of(2), code(2)));
         damage(compiled_file(root, 2));
       }},
  };
}

void make_base(const fs::path& root) {
  SystemFiles files;
  const auto store = Store::open({.folder = root, .cap_bytes = kFullAt}, files);
  ASSERT_TRUE(store) << store.error().to_string();
  ASSERT_TRUE(put_version(*store, 1));
  ASSERT_TRUE(store->put_blob(content(2)));
}

// A store of its own for each attempt.
fs::path copy_base(const TestFolder& folder, const Operation& operation) {
  const fs::path root = folder.path() / "store";
  copy_store(folder.path() / "base", root);
  operation.before(root);
  return root;
}

void print(const std::string& name, const std::map<std::string, int>& failed) {
  int total = 0;
  std::string text;
  for (const auto& [operation, count] : failed) {
    total += count;
    text += (text.empty() ? "" : ", ") + operation + " " + std::to_string(count);
  }
  std::cout << "fail the Nth: " << name << ": " << total << " (" << text << ")\n";
  ::testing::Test::RecordProperty(name, text);
}

TEST(FailTheNth, EachStepOfEachOperation) {
  const TestFolder folder(TestFolder::Where::kInMemory);
  make_base(folder.path() / "base");
  SystemFiles files;
  for (const Operation& operation : operations()) {
    FailingFiles failing(files);
    int survived = 0;
    for (std::uint64_t nth = 1;; ++nth) {
      SCOPED_TRACE(operation.name + ", step " + std::to_string(nth));
      const fs::path root = copy_base(folder, operation);
      Notices notices;
      Result<> result;
      {
        const auto store =
            Store::open({.folder = root, .cap_bytes = kFullAt, .notice = notices.collect()}, failing);
        ASSERT_TRUE(store) << store.error().to_string();
        failing.arm(nth, FailingFiles::How::kFail, nth % 2 == 0 ? ENOSPC : EIO);
        result = operation.run(*store);
        const bool reached = failing.disarm();
        const bool removes = operation.name.starts_with("remove-");
        if (!reached) {
          EXPECT_EQ(result.has_value(), !removes) << (result ? "" : result.error().to_string());
          break;
        }
        // Either the caller is told, or whoever listens to what was survived.
        if (result) {
          EXPECT_FALSE(notices.texts.empty());
          ++survived;
        }
        // The same store goes on.
        const Result<> again = operation.run(*store);
        EXPECT_EQ(again.has_value(), !removes) << (again ? "" : again.error().to_string());
        expect_starts(*store, 1);
      }
      expect_consistent(root);
      ASSERT_LT(nth, 200);
    }
    EXPECT_GT(failing.failed().size(), 1);
    print(operation.name, failing.failed());
    std::cout << "  survived with a notice: " << survived << "\n";
  }
}

TEST(FailTheNth, OpeningAndMaking) {
  const TestFolder folder(TestFolder::Where::kInMemory);
  const Operation nothing{.name = "", .run = {}};
  make_base(folder.path() / "base");
  SystemFiles files;
  for (const bool fresh : {true, false}) {
    FailingFiles failing(files);
    for (std::uint64_t nth = 1;; ++nth) {
      SCOPED_TRACE("step " + std::to_string(nth));
      fs::path root = folder.path() / "new" / "folders" / "store";
      fs::remove_all(folder.path() / "new");
      if (!fresh) {
        root = copy_base(folder, nothing);
        write_file(root / "temporary" / "left-over", content(1));
      }
      Notices notices;
      failing.arm(nth, FailingFiles::How::kFail, EIO);
      const auto failed = Store::open({.folder = root, .notice = notices.collect()}, failing);
      if (!failing.disarm()) {
        EXPECT_TRUE(failed);
        break;
      }
      EXPECT_TRUE(!failed || !notices.texts.empty());
      const auto store = Store::open({.folder = root}, files);
      ASSERT_TRUE(store) << store.error().to_string();
      if (fresh) {
        ASSERT_TRUE(put_version(*store, 1));
      }
      expect_starts(*store, 1);
      expect_consistent(root);
      ASSERT_LT(nth, 200);
    }
    print(fresh ? "make-store" : "open-store", failing.failed());
  }
}

// The machine stops at each step, and what was not durable is gone: what was acknowledged before is not.
TEST(PowerCut, AtEachStepOfAnUpdate) {
  const TestFolder folder(TestFolder::Where::kInMemory);
  SystemFiles files;
  std::uint64_t nth = 1;
  for (;; ++nth) {
    SCOPED_TRACE("step " + std::to_string(nth));
    const fs::path root = folder.path() / "at" / "store";
    const fs::path stash = folder.path() / "stash";
    fs::remove_all(folder.path() / "at");
    fs::remove_all(stash);
    fs::create_directory(stash);
    PowerCutFiles power(stash);
    FailingFiles failing(power);
    bool reached = false;
    unsigned acknowledged = 0;
    {
      failing.arm(nth, FailingFiles::How::kFailFromThen, EIO);
      const auto store = Store::open({.folder = root, .cap_bytes = kFullAt}, failing);
      for (unsigned number = 1; store && number <= 4; ++number) {
        if (!put_version(*store, number)) break;
        acknowledged = number;
      }
      reached = failing.disarm();
    }
    power.cut(folder.path() / "at");
    const auto store = Store::open({.folder = root, .cap_bytes = kFullAt}, files);
    ASSERT_TRUE(store) << store.error().to_string();
    expect_consistent(root);
    const auto history = store->history("w");
    if (acknowledged == 0 && !history) {
      EXPECT_EQ(history.error().code(), Code::kNotFound) << history.error().to_string();
    } else {
      ASSERT_TRUE(history) << history.error().to_string();
      const unsigned found = history->running == digest_of(acknowledged) ? acknowledged : acknowledged + 1;
      EXPECT_EQ(history->running, digest_of(found));
      expect_starts(*store, found);
    }
    if (!reached) break;
    ASSERT_LT(nth, 2'000);
  }
  std::cout << "power cut: " << nth << " steps\n";
  ::testing::Test::RecordProperty("power cuts", std::to_string(nth));
}

}  // namespace
}  // namespace berth::artifact
