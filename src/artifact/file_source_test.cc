// FileSource: what is read, what is refused, and what counts as unchanged.
#include "artifact/file_source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

namespace berth::artifact {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

class TextSink final : public ByteSink {
 public:
  Result<> write(std::span<const std::uint8_t> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return on_write ? on_write() : Result<>{};
  }
  std::string text;
  std::function<Result<>()> on_write;
};

class Files : public ::testing::Test {
 protected:
  Files() {
    std::string name = ::testing::TempDir() + "/berth-file-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~Files() override { fs::remove_all(folder_); }
  fs::path file(std::string_view name, std::string_view content) {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }
  // Written long ago, as far as can be set; the status time cannot, so the file system's clock ticks at least
  // once.
  static void age(const fs::path& path) {
    const timespec old[] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), old, 0), 0);
    std::this_thread::sleep_for(50ms);
  }
  Result<FetchOutcome> fetch(const fs::path& path, FetchRequest request = {},
                             ByteSink* sink = nullptr) const {
    if (request.max_bytes == 0) request.max_bytes = 1 << 20;
    TextSink unused;
    return FileSource(path, sure_after_).fetch(request, sink == nullptr ? unused : *sink, {});
  }
  Code code_of(const fs::path& path, FetchRequest request = {}) const {
    const auto outcome = fetch(path, request);
    return outcome ? Code::kInternal : outcome.error().code();
  }
  fs::path folder_;
  std::chrono::seconds sure_after_ = kTimesAreSure;
};

TEST_F(Files, AreReadAndNamedByTheirDigest) {
  TextSink sink;
  const auto outcome = fetch(file("a.wasm", "abc"), {}, &sink);
  ASSERT_TRUE(outcome) << outcome.error().message();
  const auto& fetched = std::get<Fetched>(*outcome);
  EXPECT_EQ(sink.text, "abc");
  EXPECT_EQ(fetched.bytes, 3u);
  EXPECT_EQ(fetched.digest.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");

  const auto artifact = read_artifact(folder_ / "a.wasm");
  EXPECT_EQ(artifact->digest, fetched.digest);
  EXPECT_EQ(artifact->bytes, (std::vector<std::uint8_t>{'a', 'b', 'c'}));
  EXPECT_EQ(artifact->source, folder_ / "a.wasm");
  EXPECT_TRUE(read_artifact(file("empty", ""))->bytes.empty());
}

TEST_F(Files, WhatIsNoFileIsRefusedAtOnce) {
  EXPECT_EQ(code_of(folder_ / "none.wasm"), Code::kNotFound);
  EXPECT_THAT(fetch(folder_ / "none.wasm").error().message(), HasSubstr("none.wasm"));
  EXPECT_EQ(code_of(folder_ / "a" / "b"), Code::kNotFound);
  EXPECT_EQ(code_of(folder_), Code::kInvalidArgument);
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(code_of(folder_ / "fifo"), Code::kInvalidArgument) << "and does not wait for a writer";
  for (const char* device : {"/dev/zero", "/dev/null", "/dev/tty", "/dev/stdin"}) {
    EXPECT_NE(code_of(device), Code::kInternal) << device;
  }
  fs::create_symlink("/dev/zero", folder_ / "link");
  EXPECT_EQ(code_of(folder_ / "link"), Code::kInvalidArgument) << "what a link leads to counts";
  fs::create_symlink("loop", folder_ / "loop");
  EXPECT_EQ(code_of(folder_ / "loop"), Code::kInvalidArgument);
  fs::create_symlink("none", folder_ / "dangling");
  EXPECT_EQ(code_of(folder_ / "dangling"), Code::kNotFound);
}

TEST_F(Files, AreBounded) {
  const fs::path path = file("large", "");
  fs::resize_file(path, kMaxArtifactBytes + 1);
  const auto refused = read_artifact(path);
  EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(refused.error().message(), HasSubstr(std::to_string(kMaxArtifactBytes)));
  fs::resize_file(path, 1000);
  EXPECT_TRUE(fetch(path, {.max_bytes = 1000}));
  EXPECT_EQ(code_of(path, {.max_bytes = 999}), Code::kResourceExhausted);
  // A file that says it is empty and is not.
  EXPECT_EQ(code_of("/proc/self/maps", {.max_bytes = 100}), Code::kResourceExhausted);
}

TEST_F(Files, OtherBytesThanExpectedAreRefused) {
  const fs::path path = file("a", "abc");
  EXPECT_EQ(code_of(path, {.expected = Digest()}), Code::kFailedPrecondition);
  const Digest right = read_artifact(path)->digest;
  EXPECT_TRUE(fetch(path, {.expected = right}));
}

TEST_F(Files, UnchangedOnesAreNotRead) {
  const fs::path path = file("a", "one");
  sure_after_ = 600s;
  const auto young = std::get<Fetched>(*fetch(path));
  EXPECT_EQ(young.validators, Validators()) << "its times may still hide a second write";
  sure_after_ = 0s;
  age(path);
  const auto first = std::get<Fetched>(*fetch(path));
  const Known known{first.digest, first.validators};
  TextSink sink;
  EXPECT_TRUE(std::holds_alternative<Unchanged>(*fetch(path, {.known = known}, &sink)));
  EXPECT_EQ(sink.text, "");
  EXPECT_TRUE(std::holds_alternative<Fetched>(*fetch(path, {.known = Known{first.digest, {}}})));
  EXPECT_EQ(code_of(path, {.known = known, .expected = Digest()}), Code::kFailedPrecondition)
      << "the known bytes are not the expected ones";

  // The same size and the same modification time, in another file.
  const fs::path other = file("b", "two");
  age(other);
  fs::rename(other, path);
  const auto second = std::get<Fetched>(*fetch(path, {.known = known}));
  EXPECT_NE(second.digest, first.digest);
  // Written in place, with the time set back.
  file("a", "six");
  age(path);
  EXPECT_NE(std::get<Fetched>(*fetch(path, {.known = Known{second.digest, second.validators}})).digest,
            second.digest);
}

TEST_F(Files, OneThatIsWrittenMeanwhileIsNotTaken) {
  for (const bool grow : {true, false}) {
    const fs::path path = file("a", std::string(1 << 20, 'x'));
    TextSink sink;
    bool once = false;
    sink.on_write = [&]() -> Result<> {
      if (std::exchange(once, true)) return {};
      if (grow) {
        std::ofstream(path, std::ios::app) << "more";
      } else {
        std::fstream(path).seekp(0).write("y", 1);
      }
      return {};
    };
    const auto outcome = fetch(path, {.max_bytes = 10 << 20}, &sink);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code(), Code::kAborted) << outcome.error().message();
  }
}

TEST_F(Files, OneThatIsReplacedMeanwhileIsTheOldOneWhole) {
  const fs::path path = file("a", std::string(1 << 20, 'x'));
  TextSink sink;
  bool once = false;
  sink.on_write = [&]() -> Result<> {
    if (!std::exchange(once, true)) fs::rename(file("new", "new"), path);
    return {};
  };
  ASSERT_TRUE(fetch(path, {}, &sink));
  EXPECT_EQ(sink.text, std::string(1 << 20, 'x'));
}

TEST_F(Files, TheSinkAndTheCallerMayEndIt) {
  const fs::path path = file("a", "abc");
  TextSink sink;
  sink.on_write = [] { return fail(Code::kResourceExhausted, "disk full"); };
  EXPECT_EQ(fetch(path, {}, &sink).error().message(), "disk full");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(FileSource(path).fetch({.max_bytes = 10}, sink, stop.get_token()).error().code(),
            Code::kCancelled);
}

}  // namespace
}  // namespace berth::artifact
