// Small files: bounds, modes, and that nothing half written is left.
#include "artifact/signature/small_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>

namespace berth::artifact::signature {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class SmallFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "berth-small-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(folder_); }
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  fs::path folder_;
};

TEST_F(SmallFile, IsReadUpToItsBound) {
  const fs::path file = folder_ / "a";
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{65536}, std::size_t{200'000}}) {
    const std::string text(size, 'x');
    ASSERT_TRUE(replace_whole(file, text));
    EXPECT_EQ(read_whole(file, size).value(), text);
    EXPECT_EQ(read_whole(file, size + 1).value(), text);
    if (size > 0) EXPECT_EQ(read_whole(file, size - 1).error().code(), Code::kResourceExhausted);
  }
  EXPECT_EQ(read_whole("/dev/zero", 1000).error().code(), Code::kResourceExhausted);
  EXPECT_EQ(read_whole(folder_ / "none", 10).error().code(), Code::kNotFound);
  EXPECT_EQ(read_whole(folder_, 10).error().code(), Code::kInvalidArgument);
}

TEST_F(SmallFile, MayBeAPipe) {
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::jthread writer([&] { std::ofstream(pipe) << "key"; });
  EXPECT_EQ(read_whole(pipe, 100).value(), "key");
}

TEST_F(SmallFile, IsNewAndHasItsMode) {
  const fs::path file = folder_ / "key";
  const mode_t before = ::umask(0);
  ASSERT_TRUE(create_whole(file, "secret", 0600));
  ::umask(before);
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(create_whole(file, "other", 0600).error().code(), Code::kAlreadyExists);
  EXPECT_EQ(read_whole(file, 100).value(), "secret");
  EXPECT_EQ(create_whole(folder_ / "none" / "key", "x", 0600).error().code(), Code::kNotFound);
}

// A file system that is full, by the limit of a file's size.
TEST_F(SmallFile, AWriteThatFailsLeavesNothing) {
  const fs::path file = folder_ / "kept";
  ASSERT_TRUE(replace_whole(file, "old"));
  struct rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small = {.rlim_cur = 10, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto created = create_whole(folder_ / "new", std::string(100, 'x'), 0600);
  const auto replaced = replace_whole(file, std::string(100, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);
  EXPECT_FALSE(created);
  EXPECT_THAT(replaced.error().message(), HasSubstr("File too large"));
  EXPECT_EQ(read_whole(file, 100).value(), "old");
  EXPECT_EQ(entries(), 1);
}

}  // namespace
}  // namespace berth::artifact::signature
