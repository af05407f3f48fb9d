// The control socket and its protocol: permissions, who is alive, bounds, errors that keep their code.
#include "cli/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "cli/limits.h"

namespace berth::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Control : public ::testing::Test {
 protected:
  Control() {
    std::string name = testing::TempDir() + "/berth-control-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    socket_ = folder_ / "run" / "control.sock";
  }
  ~Control() override { fs::remove_all(folder_); }

  std::unique_ptr<ControlServer> serve(
      std::map<std::string, ControlServer::Handler, std::less<>> handlers = {}) {
    handlers.emplace("echo", [](const Json& params) -> Result<Json> { return params; });
    auto server = ControlServer::start(socket_, std::move(handlers));
    EXPECT_TRUE(server) << server.error().to_string();
    return std::move(*server);
  }
  // Sends raw bytes, returns the first line of the answer.
  std::string raw(const std::string& bytes) {
    auto socket = connect_to(socket_);
    EXPECT_TRUE(socket) << socket.error().to_string();
    // The server may have answered and closed already.
    (void)socket->write_line(bytes, std::chrono::seconds(5));
    return socket->read_line(kMaxResponseBytes, std::chrono::seconds(5)).value_or("(closed)");
  }

  fs::path folder_;
  fs::path socket_;
};

TEST_F(Control, AnswersManyRequestsOnOneConnection) {
  const auto server = serve();
  auto client = ControlClient::connect(socket_);
  ASSERT_TRUE(client);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(client->call("echo", {{"i", i}}).value()["i"], i);
}

TEST_F(Control, SocketAndFolderAreClosedToOthers) {
  const auto server = serve();
  struct stat status{};
  ASSERT_EQ(::stat(socket_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600);
  ASSERT_EQ(::stat(socket_.parent_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700);
}

TEST_F(Control, RefusesAFolderThatOthersCanChange) {
  fs::create_directories(socket_.parent_path());
  ASSERT_EQ(::chmod(socket_.parent_path().c_str(), 0777), 0);
  const auto server = ControlServer::start(socket_, {});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code(), Code::kPermissionDenied);
  EXPECT_THAT(server.error().message(), HasSubstr("mode 0700"));
}

TEST_F(Control, RefusesWhenAnotherHostIsAlive) {
  const auto first = serve();
  const auto second = ControlServer::start(socket_, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::kAlreadyExists);
  // The first one was not harmed.
  EXPECT_TRUE(ControlClient::connect(socket_)->call("echo", 1));
}

TEST_F(Control, ReplacesAStaleSocket) {
  fs::create_directories(socket_.parent_path());
  fs::permissions(socket_.parent_path(), fs::perms::owner_all);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  socket_.native().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
  EXPECT_EQ(ControlClient::connect(socket_).error().code(), Code::kUnavailable);
  const auto server = serve();
  EXPECT_TRUE(ControlClient::connect(socket_)->call("echo", 1));
}

TEST_F(Control, KeepsAFileThatIsNoSocket) {
  fs::create_directories(socket_.parent_path());
  fs::permissions(socket_.parent_path(), fs::perms::owner_all);
  std::ofstream(socket_) << "precious";
  EXPECT_EQ(ControlServer::start(socket_, {}).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(fs::file_size(socket_), 8);
}

TEST_F(Control, RefusesAPathTooLongForASocket) {
  EXPECT_THAT(ControlServer::start(folder_ / std::string(120, 'x'), {}).error().message(),
              HasSubstr("choose a shorter one"));
}

TEST_F(Control, RemovesItsSocketAndCanStartAgain) {
  serve().reset();
  EXPECT_FALSE(fs::exists(socket_));
  EXPECT_EQ(ControlClient::connect(socket_).error().code(), Code::kUnavailable);
  const auto again = serve();
  EXPECT_TRUE(ControlClient::connect(socket_)->call("echo", 1));
}

TEST_F(Control, ErrorsKeepCodeMessageAndDetail) {
  const auto server = serve({{"fail", [](const Json&) -> Result<Json> {
                                return fail(Error(Code::kBusy, "full").with_detail("line 1\nline 2"));
                              }}});
  const auto answer = ControlClient::connect(socket_)->call("fail", Json::object());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Code::kBusy);
  EXPECT_EQ(answer.error().message(), "full");
  EXPECT_EQ(answer.error().detail(), "line 1\nline 2");
}

TEST_F(Control, AnswersNonsenseWithAnError) {
  const auto server = serve();
  for (const char* line : {"", "x", "[]", "1", "{}", "{\"method\": 3}", "{\"method\"", "\xff\xfe"}) {
    EXPECT_THAT(raw(line), HasSubstr("\"code\":\"invalid-argument\"")) << line;
  }
  EXPECT_THAT(raw("{\"method\":\"nope\"}"), HasSubstr("\"code\":\"not-found\""));
  EXPECT_THAT(raw(std::string(60'000, '[')), HasSubstr("invalid-argument"));
}

TEST_F(Control, RefusesALineThatIsTooLong) {
  const auto server = serve();
  EXPECT_THAT(raw("{\"method\":\"echo\",\"params\":\"" + std::string(kMaxRequestBytes - 40, 'x') + "\"}"),
              HasSubstr("xxx"));
  EXPECT_THAT(raw(std::string(kMaxRequestBytes + 1, 'x')), HasSubstr("resource-exhausted"));
}

TEST_F(Control, RefusesAnAnswerThatIsTooLong) {
  const auto server =
      serve({{"big", [](const Json&) -> Result<Json> { return Json(std::string(kMaxResponseBytes, 'x')); }}});
  EXPECT_EQ(ControlClient::connect(socket_)->call("big", Json::object()).error().code(),
            Code::kResourceExhausted);
}

TEST_F(Control, RefusesMoreConnectionsThanItHasThreadsFor) {
  const auto server = serve();
  std::vector<ControlClient> open;
  for (std::size_t i = 0; i < kMaxControlConnections; ++i) {
    open.push_back(std::move(*ControlClient::connect(socket_)));
    ASSERT_TRUE(open.back().call("echo", 1));
  }
  EXPECT_THAT(raw("{\"method\":\"echo\"}"), HasSubstr("\"code\":\"busy\""));
  EXPECT_EQ(ControlClient::connect(socket_)->call("echo", 1).error().code(), Code::kBusy);
  open.clear();
  // A closed connection makes room.
  for (int i = 0; i < 100; ++i) {
    if (raw("{\"method\":\"echo\"}").find("busy") == std::string::npos) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  FAIL() << "closed connections still count";
}

TEST_F(Control, ASlowRequestHoldsBackNoOther) {
  std::atomic<bool> go = false;
  const auto server = serve({{"slow", [&](const Json&) -> Result<Json> {
                                while (!go) std::this_thread::yield();
                                return Json("done");
                              }}});
  Json answer;
  std::jthread slow([&] { answer = ControlClient::connect(socket_)->call("slow", Json::object()).value(); });
  EXPECT_TRUE(ControlClient::connect(socket_)->call("echo", 1));
  go = true;
  slow.join();
  EXPECT_EQ(answer, "done");
}

TEST_F(Control, StopsWithIdleConnectionsOpen) {
  auto server = serve();
  auto idle = ControlClient::connect(socket_);
  ASSERT_TRUE(idle->call("echo", 1));
  const auto begin = std::chrono::steady_clock::now();
  server.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  EXPECT_EQ(idle->call("echo", 1).error().code(), Code::kUnavailable);
}

TEST(ControlParams, AreChecked) {
  const Json params = Json::parse(R"({"text": "b", "number": 3, "negative": -3})");
  EXPECT_EQ(text_param(params, "text").value(), "b");
  EXPECT_FALSE(text_param(params, "number"));
  EXPECT_FALSE(text_param(Json::array(), "text"));
  EXPECT_EQ(number_param(params, "number", 7).value(), 3);
  EXPECT_EQ(number_param(params, "missing", 7).value(), 7);
  EXPECT_FALSE(number_param(params, "negative", 7));
}

}  // namespace
}  // namespace berth::cli
