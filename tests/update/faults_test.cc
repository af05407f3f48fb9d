// Every step of an update fails once: the version that serves goes on, the next look succeeds, the store is
// consistent, and a host that starts then serves.
#include <cerrno>
#include <string>

#include "net/scripted_server.h"
#include "yard.h"

namespace berth::update {
namespace {

class FaultsTest : public UpdateTest {
 protected:
  // One update from version 1 to version 2 with a fault, in a folder of its own; whether the fault came.
  bool update(std::uint64_t nth, FailingFiles::How how, int error) {
    const TestFolder own(TestFolder::Where::kInMemory);
    const fs::path source = own.path() / "a.wasm";
    artifact::copy_store(before_->path() / "store", own.path() / "store");
    replace_file(source, second_.bytes);
    bool reached = false;
    {
      FailingFiles files(files_);
      Yard yard(own.path(), files);
      const auto started = yard.start();
      EXPECT_TRUE(started) << started.error().to_string();
      EXPECT_EQ(yard.digest(), first_.digest.to_string());
      files.arm(nth, how, error);
      yard.begin();
      const std::string state = yard.settled();
      reached = files.disarm();
      const auto answer = yard.ask();
      EXPECT_TRUE(answer) << answer.error().to_string();
      if (state == "refused") {
        EXPECT_EQ(yard.digest(), first_.digest.to_string());
        EXPECT_FALSE(yard.status()["reason"].get<std::string>().empty());
        EXPECT_EQ(yard.look(), "good") << yard.logged();
      }
      EXPECT_EQ(yard.digest(), second_.digest.to_string()) << yard.logged();
    }
    artifact::expect_consistent(own.path() / "store");
    fs::remove(source);
    Yard offline(own.path(), files_);
    const auto started = offline.start();
    EXPECT_TRUE(started) << started.error().to_string();
    if (started) EXPECT_TRUE(offline.ask());
    return reached;
  }

  void each_step(FailingFiles::How how, int error) {
    before_ = std::make_unique<TestFolder>(TestFolder::Where::kInMemory);
    replace_file(before_->path() / "a.wasm", first_.bytes);
    {
      Yard yard(before_->path(), files_);
      ASSERT_TRUE(yard.start());
    }
    std::uint64_t nth = 1;
    while (update(nth, how, error)) {
      ASSERT_FALSE(HasFailure()) << "step " << nth;
      ASSERT_LT(++nth, 500u);
    }
    EXPECT_GT(nth, 20u) << "an update has more steps than that";
    RecordProperty("steps", static_cast<int>(nth - 1));
  }

  const artifact::Artifact first_ = version(1);
  const artifact::Artifact second_ = version(2);
  std::unique_ptr<TestFolder> before_;  // with a store that has version 1
};

TEST_F(FaultsTest, EachStepOnTheDiskFailsOnce) { each_step(FailingFiles::How::kFail, EIO); }

TEST_F(FaultsTest, TheDiskIsFullFromEachStepOn) { each_step(FailingFiles::How::kFailFromThen, ENOSPC); }

// What a web server does to the Nth connection, once.
enum class Fault : std::uint8_t { kClosed, kHalfAnAnswer, kError };

TEST_F(FaultsTest, EachConnectionAndAnswerFailsOnce) {
  const artifact::Artifact first = version(1);
  const artifact::Artifact second = version(2);
  for (const Fault fault : {Fault::kClosed, Fault::kHalfAnAnswer, Fault::kError}) {
    std::atomic<const artifact::Artifact*> offered = &first;
    std::atomic<int> connections = 0;
    std::atomic<int> bad = -1;
    net::ScriptedServer server([&](net::ScriptedConnection& connection) {
      const bool failing = connections++ == bad;
      if (failing && fault == Fault::kClosed) return;
      while (!connection.request().empty()) {
        const artifact::Artifact& now = *offered.load();
        const std::string body(now.bytes.begin(), now.bytes.end());
        const std::string headers = "ETag: \"" + now.digest.hex() + "\"\r\nConnection: close\r\n";
        if (failing && fault == Fault::kError) {
          connection.reply("503 Service Unavailable", "Connection: close\r\n", "");
        } else if (failing) {
          connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                          body.substr(0, body.size() / 2));
        } else {
          connection.reply("200 OK", headers, body);
        }
        return;
      }
    });
    const fs::path own = folder() / std::to_string(static_cast<int>(fault));
    fs::create_directory(own);
    Yard yard(own, files_);
    yard.spec.source = {.kind = manifest::Source::Kind::kHttp,
                        .text = "http://127.0.0.1:" + std::to_string(server.port()) + "/a.wasm",
                        .path = {},
                        .mark = {}};
    const auto started = yard.start();
    ASSERT_TRUE(started) << started.error().to_string();
    yard.begin();
    offered = &second;
    bad = connections.load();
    EXPECT_EQ(yard.look(), "refused") << static_cast<int>(fault);
    EXPECT_THAT(yard.status()["reason"].get<std::string>(), testing::HasSubstr("127.0.0.1"));
    EXPECT_EQ(*yard.ask(), 1u);
    EXPECT_TRUE(yard.status().contains("next_look")) << "it is tried again without being asked";
    EXPECT_EQ(yard.look(), "good");
    EXPECT_EQ(*yard.ask(), 2u);
    yard.served.reset();
    artifact::expect_consistent(own / "store");
  }
}

}  // namespace
}  // namespace berth::update
