// FileWatch: every usual way to replace a file is seen once, when it is complete.
#include "cli/file_watch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace berth::cli {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Event = FileWatch::Event;

class Watch : public ::testing::Test {
 protected:
  Watch() {
    std::string name = testing::TempDir() + "/berth-watch-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    file_ = folder_ / "a.wasm";
    write(file_, "one");
  }
  ~Watch() override { fs::remove_all(folder_); }

  static void write(const fs::path& file, std::string_view text) {
    std::ofstream(file, std::ios::binary) << text;
  }

  fs::path folder_;
  fs::path file_;
};

TEST_F(Watch, ReportsNothingWhenNothingChanges) {
  auto watch = FileWatch::create(file_);
  ASSERT_TRUE(watch);
  write(folder_ / "other.wasm", "x");
  EXPECT_EQ(watch->wait(400ms), Event::kTimeout);
}

TEST_F(Watch, SeesARewriteAndARenameOnceEach) {
  auto watch = FileWatch::create(file_);
  write(file_, "two");
  EXPECT_EQ(watch->wait(5s), Event::kChanged);
  EXPECT_EQ(watch->wait(400ms), Event::kTimeout);
  write(folder_ / "new", "three");
  fs::rename(folder_ / "new", file_);
  EXPECT_EQ(watch->wait(5s), Event::kChanged);
  EXPECT_EQ(watch->wait(400ms), Event::kTimeout);
}

TEST_F(Watch, SeesAChangeFromBeforeTheWait) {
  auto watch = FileWatch::create(file_);
  write(file_, "two");
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(watch->wait(5s), Event::kChanged);
}

TEST_F(Watch, WaitsUntilASlowWriterIsDone) {
  auto watch = FileWatch::create(file_);
  std::jthread writer([&] {
    std::ofstream out(file_, std::ios::binary);
    for (int i = 0; i < 20; ++i) {
      out << std::string(1000, 'x') << std::flush;
      std::this_thread::sleep_for(30ms);
    }
  });
  EXPECT_EQ(watch->wait(10s), Event::kChanged);
  EXPECT_EQ(fs::file_size(file_), 20'000);
}

TEST_F(Watch, ARemovedFileIsNoChangeUntilItIsBack) {
  auto watch = FileWatch::create(file_);
  fs::remove(file_);
  EXPECT_EQ(watch->wait(400ms), Event::kTimeout);
  write(file_, "two");
  EXPECT_EQ(watch->wait(5s), Event::kChanged);
}

TEST_F(Watch, SeesASymbolicLinkThatPointsElsewhere) {
  write(folder_ / "v2", "two");
  fs::create_symlink("a.wasm", folder_ / "link");
  auto watch = FileWatch::create(folder_ / "link");
  fs::create_symlink("v2", folder_ / "link2");
  fs::rename(folder_ / "link2", folder_ / "link");
  EXPECT_EQ(watch->wait(5s), Event::kChanged);
}

TEST_F(Watch, SeesAFolderThatWasReplaced) {
  fs::create_directory(folder_ / "d");
  write(folder_ / "d" / "a", "one");
  auto watch = FileWatch::create(folder_ / "d" / "a");
  fs::create_directory(folder_ / "d2");
  write(folder_ / "d2" / "a", "two");
  fs::rename(folder_ / "d", folder_ / "old");
  fs::rename(folder_ / "d2", folder_ / "d");
  EXPECT_EQ(watch->wait(10s), Event::kChanged);
}

TEST_F(Watch, StopsFromAnotherThread) {
  auto watch = FileWatch::create(file_);
  std::jthread stopper([&] {
    std::this_thread::sleep_for(50ms);
    watch->stop();
  });
  EXPECT_EQ(watch->wait(10s), Event::kStopped);
}

}  // namespace
}  // namespace berth::cli
