// FileWatch: every usual way to replace a file is seen once, when it is complete.
#include "artifact/file_watch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace berth::artifact {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Event = FileWatch::Event;

// Files settle quickly here, and what is not notified is not seen.
constexpr FileWatch::Times kTimes{.settled = 40ms, .look = 600s};
// Longer than a file takes to settle.
constexpr auto kPause = 120ms;

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
  auto watch = FileWatch::create(file_, kTimes);
  ASSERT_TRUE(watch);
  write(folder_ / "other.wasm", "x");
  EXPECT_EQ(watch->wait(kPause), Event::kTimeout);
}

TEST_F(Watch, SeesARewriteAndARenameOnceEach) {
  auto watch = FileWatch::create(file_, kTimes);
  write(file_, "two");
  EXPECT_EQ(watch->wait(5s), Event::kChanged);
  EXPECT_EQ(watch->wait(kPause), Event::kTimeout);
  write(folder_ / "new", "three");
  fs::rename(folder_ / "new", file_);
  EXPECT_EQ(watch->wait(5s), Event::kChanged);
  EXPECT_EQ(watch->wait(kPause), Event::kTimeout);
}

TEST_F(Watch, SeesAChangeFromBeforeTheWait) {
  auto watch = FileWatch::create(file_, kTimes);
  write(file_, "two");
  std::this_thread::sleep_for(kPause);
  EXPECT_EQ(watch->wait(5s), Event::kChanged);
}

TEST_F(Watch, WaitsUntilASlowWriterIsDone) {
  auto watch = FileWatch::create(file_, kTimes);
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

// Ways in which a file is written slowly, each with pauses longer than a file takes to settle.
class SlowWriter : public Watch, public ::testing::WithParamInterface<const char*> {
 protected:
  static constexpr int kPieces = 4;
  void write_slowly() {
    const std::string how = GetParam();
    if (how == "new") fs::remove(file_);
    std::ofstream out(how == "link" ? folder_ / "elsewhere" / "target" : file_, std::ios::binary);
    for (int i = 0; i < kPieces; ++i) {
      out << std::string(1000, 'x') << std::flush;
      std::this_thread::sleep_for(kPause);
    }
  }
};

TEST_P(SlowWriter, IsWaitedForWhileItPauses) {
  fs::create_directory(folder_ / "elsewhere");
  write(folder_ / "elsewhere" / "target", "one");
  fs::path file = file_;
  if (GetParam() == std::string("link")) {
    file = folder_ / "link";
    fs::create_symlink("elsewhere/target", file);
  }
  auto watch = FileWatch::create(file, kTimes);
  std::jthread writer([&] { write_slowly(); });
  EXPECT_EQ(watch->wait(10s), Event::kChanged);
  EXPECT_EQ(fs::file_size(file), kPieces * 1000u);
  EXPECT_EQ(watch->wait(kPause), Event::kTimeout);
}
INSTANTIATE_TEST_SUITE_P(All, SlowWriter, ::testing::Values("in place", "new", "link"),
                         [](const auto& info) { return std::string(info.param).substr(0, 2); });

TEST_F(Watch, AWriterThatNeverClosesIsNotWaitedForForEver) {
  auto watch = FileWatch::create(file_, {.settled = 40ms, .writer = 300ms});
  std::ofstream out(file_, std::ios::binary);
  out << "two" << std::flush;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(watch->wait(10s), Event::kChanged);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 250ms);
}

TEST_F(Watch, AWriterOfTheReplacedFileDoesNotHoldBackTheNewOne) {
  auto watch = FileWatch::create(file_, {.settled = 40ms, .writer = 60s});
  std::ofstream old(file_, std::ios::binary);
  std::jthread writer([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      old << "old" << std::flush;
      std::this_thread::sleep_for(20ms);
    }
  });
  std::this_thread::sleep_for(100ms);
  write(folder_ / "new", "new");
  fs::rename(folder_ / "new", file_);
  EXPECT_EQ(watch->wait(5s), Event::kChanged);
}

TEST_F(Watch, AnEmptyFileIsNotComplete) {
  auto watch = FileWatch::create(file_, kTimes);
  write(file_, "");
  EXPECT_EQ(watch->wait(kPause), Event::kTimeout);
  write(file_, "two");
  EXPECT_EQ(watch->wait(5s), Event::kChanged);
}

// As the kubelet mounts a ConfigMap: the file is a link into ..data, which is a link to a folder with a new
// name for each version; a rename of ..data changes all files at once.
TEST_F(Watch, SeesAMountedConfigMapChange) {
  const auto publish = [&](const std::string& version, std::string_view text) {
    fs::create_directory(folder_ / (".." + version));
    write(folder_ / (".." + version) / "b.wasm", text);
    fs::create_symlink(".." + version, folder_ / "..data_tmp");
    fs::rename(folder_ / "..data_tmp", folder_ / "..data");
  };
  publish("v1", "one");
  fs::create_symlink("..data/b.wasm", folder_ / "b.wasm");
  auto watch = FileWatch::create(folder_ / "b.wasm", kTimes);
  for (int i = 2; i < 5; ++i) {
    publish("v" + std::to_string(i), "more");
    EXPECT_EQ(watch->wait(10s), Event::kChanged) << i << ", by notification, not by looking";
    EXPECT_EQ(watch->wait(kPause), Event::kTimeout);
    fs::remove_all(folder_ / ("..v" + std::to_string(i - 1)));
  }
}

TEST_F(Watch, ARemovedFileIsNoChangeUntilItIsBack) {
  auto watch = FileWatch::create(file_, kTimes);
  fs::remove(file_);
  EXPECT_EQ(watch->wait(kPause), Event::kTimeout);
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
  auto watch = FileWatch::create(file_, kTimes);
  std::jthread stopper([&] {
    std::this_thread::sleep_for(50ms);
    watch->stop();
  });
  EXPECT_EQ(watch->wait(10s), Event::kStopped);
}

}  // namespace
}  // namespace berth::artifact
