// Tests of the HTTP server over real sockets: order, limits, timeouts, late replies, stop.
#include "net/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <deque>
#include <filesystem>
#include <mutex>
#include <random>
#include <thread>

#include "net/http_router.h"
#include "net/raw_client.h"

namespace berth::net {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

// Answers "METHOD target body"; keeps replies to /late until told to send them.
class Echo final : public HttpHandler {
 public:
  void handle(const HttpRequest& request, HttpReply reply) override {
    ++calls;
    std::string body = std::string(request.method_text()) + " " + std::string(request.target()) + " " +
                       std::string(request.body());
    if (request.path() == "/late") {
      std::lock_guard lock(mutex_);
      late_.emplace_back(std::move(reply), std::move(body));
    } else if (request.path() == "/thread") {
      std::jthread([reply = std::move(reply), body = std::move(body)]() mutable {
        reply.send(HttpResponseView{.body = body});
      }).detach();
    } else if (request.path() == "/dropped") {
      // no answer
    } else if (request.path() == "/big") {
      reply.send(HttpResponse{.body = std::string(8'000'000, 'b')});
    } else {
      reply.send(HttpResponseView{.content_type = "text/plain", .body = body});
    }
  }
  std::size_t waiting() {
    std::lock_guard lock(mutex_);
    return late_.size();
  }
  bool wait_for(std::size_t n) {
    for (int i = 0; i < 2000 && waiting() < n; ++i) std::this_thread::sleep_for(5ms);
    return waiting() >= n;
  }
  void answer_one() {
    std::unique_lock lock(mutex_);
    auto [reply, body] = std::move(late_.front());
    late_.pop_front();
    lock.unlock();
    reply.send(HttpResponseView{.body = body});
  }
  std::atomic<int> calls{0};

 private:
  std::mutex mutex_;
  std::deque<std::pair<HttpReply, std::string>> late_;
};

class HttpServerTest : public testing::TestWithParam<int> {
 protected:
  void start(HttpServerOptions options = {}) {
    io_ = IoContext::create(GetParam()).value();
    server_.emplace(*io_, echo_, options);
    port_ = server_->listen("127.0.0.1", 0).value();
  }
  static std::string get(std::string_view target) {
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  }
  static std::string post(std::string_view target, std::string_view body) {
    return "POST " + std::string(target) +
           " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string(body);
  }
  bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }

  Echo echo_;
  std::unique_ptr<IoContext> io_;
  std::optional<HttpServer> server_;
  std::uint16_t port_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Threads, HttpServerTest, testing::Values(1, 4));

TEST_P(HttpServerTest, AnswersOnOneConnectionAgainAndAgain) {
  start();
  RawClient client(port_);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(client.send(post("/x", std::to_string(i))));
    const auto response = client.response();
    ASSERT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\nDate: "));
    ASSERT_THAT(response, HasSubstr("Connection: keep-alive"));
    ASSERT_THAT(response, EndsWith("POST /x " + std::to_string(i)));
  }
  EXPECT_EQ(server_->counts().accepted, 1U);
}

TEST_P(HttpServerTest, KeepsTheOrderOfPipelinedRequestsHoweverTheyAreAnswered) {
  start();
  RawClient client(port_);
  std::string all;
  constexpr int kRequests = 3000;
  for (int i = 0; i < kRequests; ++i) {
    all += post(i % 3 == 0 ? "/thread" : i % 7 == 0 ? "/dropped" : "/now", std::to_string(i));
  }
  std::jthread sender([&] { client.send(all); });
  for (int i = 0; i < kRequests; ++i) {
    const auto response = client.response();
    if (i % 3 != 0 && i % 7 == 0) {
      ASSERT_THAT(response, StartsWith("HTTP/1.1 500")) << i;
    } else {
      ASSERT_THAT(response, EndsWith(" " + std::to_string(i))) << i;
    }
  }
  EXPECT_EQ(echo_.calls, kRequests);
}

TEST_P(HttpServerTest, AnswersEarlierPipelinedRequestsWhileALaterOneWaits) {
  start();
  RawClient client(port_);
  client.send(get("/1") + get("/late") + get("/3"));
  EXPECT_THAT(client.response(), EndsWith("GET /1 "));
  ASSERT_TRUE(echo_.wait_for(1));
  EXPECT_EQ(echo_.calls, 2);  // /3 is not begun before /late is answered
  echo_.answer_one();
  EXPECT_THAT(client.response(), EndsWith("GET /late "));
  EXPECT_THAT(client.response(), EndsWith("GET /3 "));
}

TEST_P(HttpServerTest, ManyConnectionsAtOnce) {
  start();
  std::vector<std::jthread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int c = 0; c < 10; ++c) {
        RawClient client(port_);
        for (int i = 0; i < 50; ++i) {
          const std::string body(random() % 20'000, static_cast<char>('a' + i % 26));
          if (!client.send(post(random() % 2 == 0 ? "/thread" : "/now", body))) return;
          if (client.response().ends_with(" " + body)) ++good;
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(good, 8 * 10 * 50);
  EXPECT_TRUE(eventually([&] { return server_->counts().connections == 0; }));
}

TEST_P(HttpServerTest, TakesABodyOfTheMaximumAndRefusesOneByteMore) {
  start({.max_body_bytes = 1'000'000});
  RawClient client(port_);
  const std::string largest(1'000'000, 'x');
  client.send(post("/", largest));
  EXPECT_THAT(client.response(), EndsWith(largest));
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000001\r\n\r\n");
  EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 413"));
  client.rest();
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(echo_.calls, 1);
}

TEST_P(HttpServerTest, TheRefusalReachesAClientThatKeepsSending) {
  start({.max_body_bytes = 1000});
  RawClient client(port_);
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20000000\r\n\r\n");
  const std::string piece(100'000, 'x');
  for (int i = 0; i < 200; ++i) {
    if (!client.send(piece)) break;
  }
  EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 413"));
}

TEST_P(HttpServerTest, SaysContinueBeforeTheBody) {
  start();
  RawClient client(port_);
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.response(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abc");
  EXPECT_THAT(client.response(), EndsWith("POST / abc"));
}

TEST_P(HttpServerTest, MalformedRequestsGetAnAnswerAndTheConnectionEnds) {
  start();
  for (const std::string text :
       {"nonsense\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/9.9\r\nHost: h\r\n\r\n"}) {
    RawClient client(port_);
    client.send(text + get("/after"));
    EXPECT_THAT(client.response(),
                StartsWith(text.starts_with("GET / HTTP/9") ? "HTTP/1.1 505" : "HTTP/1.1 400"));
    EXPECT_EQ(client.rest(), "");
    EXPECT_TRUE(client.closed());
  }
  EXPECT_EQ(echo_.calls, 0);
  EXPECT_EQ(server_->counts().malformed, 3U);
}

TEST_P(HttpServerTest, HeadHasNoBodyAndCloseCloses) {
  start();
  RawClient client(port_);
  client.send("HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const auto all = client.rest();
  EXPECT_THAT(all, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_THAT(all, EndsWith("Connection: close\r\n\r\n"));
  EXPECT_TRUE(client.closed());
}

TEST_P(HttpServerTest, AHalfClosedClientStillGetsItsAnswer) {
  start();
  RawClient client(port_);
  client.send(get("/x"));
  client.end_sending();
  EXPECT_THAT(client.rest(), EndsWith("GET /x "));
  EXPECT_TRUE(client.closed());
}

TEST_P(HttpServerTest, ClientsThatTakeTooLongAreClosed) {
  start({.idle_timeout = 200ms, .header_timeout = 300ms, .body_timeout = 300ms, .write_timeout = 300ms});
  RawClient idle(port_);
  RawClient slow_header(port_);
  RawClient slow_body(port_);
  RawClient slow_reader(port_, 4096);
  slow_body.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n");
  slow_reader.send(get("/big"));
  // A byte now and then does not help.
  const std::string header = get("/slowloris");
  const auto begun = std::chrono::steady_clock::now();
  for (const char c : header) {
    if (!slow_header.send({&c, 1}) || std::chrono::steady_clock::now() - begun > 3s) break;
    slow_body.send("x");
    std::this_thread::sleep_for(50ms);
    if (server_->counts().timed_out == 4) break;
  }
  EXPECT_EQ(idle.rest(), "");
  EXPECT_TRUE(idle.closed());
  EXPECT_THAT(slow_header.rest(), StartsWith("HTTP/1.1 408"));
  EXPECT_THAT(slow_body.rest(), StartsWith("HTTP/1.1 408"));
  EXPECT_TRUE(eventually([&] { return server_->counts().connections == 0; }));
  EXPECT_EQ(server_->counts().timed_out, 4U);
  EXPECT_LT(slow_reader.rest().size(), 8'000'000U);
}

TEST_P(HttpServerTest, ASlowHandlerIsNotTimedOut) {
  start({.idle_timeout = 50ms, .header_timeout = 50ms, .body_timeout = 50ms, .write_timeout = 50ms});
  RawClient client(port_);
  client.send(get("/late"));
  ASSERT_TRUE(echo_.wait_for(1));
  std::this_thread::sleep_for(300ms);
  echo_.answer_one();
  EXPECT_THAT(client.response(), EndsWith("GET /late "));
}

TEST_P(HttpServerTest, ConnectionsBeyondTheMaximumGet503) {
  start({.max_connections = 3});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(port_));
    clients.back()->send(get("/x"));
    EXPECT_THAT(clients.back()->response(), StartsWith("HTTP/1.1 200"));
  }
  {
    RawClient extra(port_);
    EXPECT_THAT(extra.rest(), StartsWith("HTTP/1.1 503"));
    EXPECT_TRUE(extra.closed());
  }
  EXPECT_EQ(server_->counts().refused, 1U);
  clients.pop_back();
  ASSERT_TRUE(eventually([&] { return server_->counts().connections == 2; }));
  RawClient again(port_);
  again.send(get("/x"));
  EXPECT_THAT(again.response(), StartsWith("HTTP/1.1 200"));
}

TEST_P(HttpServerTest, AFloodOfRefusedConnectionsIsBounded) {
  start({.max_connections = 1});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i < 1 + kMaxRejectedConnections + 20; ++i) {
    clients.push_back(std::make_unique<RawClient>(port_));
  }
  ASSERT_TRUE(eventually([&] { return server_->counts().accepted == clients.size(); }));
  EXPECT_LE(server_->counts().connections, 1 + kMaxRejectedConnections);
  EXPECT_EQ(server_->counts().refused, clients.size() - 1);
}

TEST_P(HttpServerTest, StopFinishesWhatIsInProgress) {
  start();
  RawClient idle(port_);
  idle.send(get("/x"));
  idle.response();
  RawClient busy(port_);
  busy.send(get("/late") + get("/next"));
  ASSERT_TRUE(echo_.wait_for(1));
  std::jthread stopper([&] { EXPECT_EQ(server_->stop(10s), 0U); });
  EXPECT_EQ(idle.rest(), "");
  EXPECT_TRUE(idle.closed());
  EXPECT_TRUE(eventually([&] { return !RawClient(port_).connected(); }));
  echo_.answer_one();
  const auto all = busy.rest();
  EXPECT_THAT(all, EndsWith("GET /late "));  // answered, and /next not begun
  EXPECT_TRUE(busy.closed());
  // Nothing more comes, so the server need not linger.
  busy.end_sending();
  idle.end_sending();
  EXPECT_EQ(echo_.calls, 2);
}

TEST_P(HttpServerTest, StopCutsWhatDoesNotFinish) {
  start();
  RawClient busy(port_);
  busy.send(get("/late"));
  ASSERT_TRUE(echo_.wait_for(1));
  EXPECT_EQ(server_->stop(50ms), 1U);
  EXPECT_EQ(busy.rest(), "");
  EXPECT_TRUE(busy.closed());
  server_.reset();
  echo_.answer_one();  // a reply may outlive its server
}

TEST_P(HttpServerTest, StopUnderLoadLosesNoAnswerOfABegunRequest) {
  for (int round = 0; round < 5; ++round) {
    start();
    echo_.calls = 0;
    std::atomic<int> answered{0};
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        RawClient client(port_);
        while (client.send(get(t % 2 == 0 ? "/thread" : "/now"))) {
          if (!client.response().starts_with("HTTP/1.1 200")) return;
          ++answered;
        }
      });
    }
    std::this_thread::sleep_for(50ms);
    EXPECT_EQ(server_->stop(10s), 0U);
    threads.clear();
    EXPECT_EQ(answered, echo_.calls);
    EXPECT_GT(answered, 0);
    server_.reset();
  }
}

TEST_P(HttpServerTest, ListensOnAUnixSocketOfTheGivenMode) {
  start();
  const std::string path = testing::TempDir() + "berth_net_" + std::to_string(::getpid()) + ".sock";
  ASSERT_TRUE(server_->listen_unix(path, 0600));
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  RawClient client(path);
  client.send(get("/x"));
  EXPECT_THAT(client.response(), EndsWith("GET /x "));

  HttpServer second(*io_, echo_);
  const auto taken = second.listen_unix(path, 0600);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code(), Code::kAlreadyExists);

  server_->stop(1s);
  EXPECT_FALSE(std::filesystem::exists(path));

  // A file left over by a program that died is replaced; another kind of file is not.
  {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::close(fd);
  }
  EXPECT_TRUE(second.listen_unix(path, 0600));
  EXPECT_FALSE(second.listen_unix(testing::TempDir(), 0600));
  EXPECT_EQ(second.listen_unix(std::string(108, 'x'), 0600).error().code(), Code::kInvalidArgument);
}

TEST_P(HttpServerTest, ListenSaysWhatIsWrong) {
  start();
  HttpServer second(*io_, echo_);
  const auto in_use = second.listen("127.0.0.1", port_);
  ASSERT_FALSE(in_use);
  EXPECT_EQ(in_use.error().code(), Code::kAlreadyExists);
  EXPECT_THAT(in_use.error().message(), HasSubstr("127.0.0.1:" + std::to_string(port_)));
  EXPECT_EQ(second.listen("localhost", 0).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(second.listen("192.0.2.1", 0).error().code(), Code::kInvalidArgument);
  server_->stop(0ms);
  EXPECT_EQ(server_->listen("127.0.0.1", 0).error().code(), Code::kFailedPrecondition);
}

TEST_P(HttpServerTest, AHandlerCannotSplitTheResponse) {
  io_ = IoContext::create(GetParam()).value();
  const auto handler =
      sync_handler([](const HttpRequest&) { return HttpResponse{.headers = {{"X", "a\r\nSet-Cookie: b"}}}; });
  HttpServer server(*io_, *handler);
  RawClient client(server.listen("127.0.0.1", 0).value());
  client.send(get("/"));
  const auto response = client.response();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(response, Not(HasSubstr("Set-Cookie")));
}

TEST_P(HttpServerTest, RoutesToCoroutinesAndFunctionsByTheLongestPrefix) {
  io_ = IoContext::create(GetParam()).value();
  HttpRouter router;
  const auto named = [](std::string name) {
    return sync_handler([name](const HttpRequest&) { return HttpResponse{.body = name}; });
  };
  router.add("/a", named("a"));
  router.add("/a/b", task_handler([](const HttpRequest& request) -> Task<HttpResponse> {
               co_return HttpResponse{.body = "task " + std::string(request.path())};
             }));
  router.add("/c/", named("c"));
  router.add("/a", named("a2"));
  HttpServer server(*io_, router);
  RawClient client(server.listen("127.0.0.1", 0).value());
  const auto body = [&](std::string_view path) {
    client.send(get(path));
    const auto response = client.response();
    return response.substr(response.find("\r\n\r\n") + 4);
  };
  EXPECT_EQ(body("/a"), "a2");
  EXPECT_EQ(body("/a/x"), "a2");
  EXPECT_EQ(body("/a/b"), "task /a/b");
  EXPECT_EQ(body("/a/b/c?d"), "task /a/b/c");
  EXPECT_EQ(body("/c/d"), "c");
  EXPECT_EQ(body("/ab"), "no such path\n");
  EXPECT_EQ(body("/"), "no such path\n");
}

TEST(IoContext, RunsPostedWorkAndTimers) {
  auto io = IoContext::create(2).value();
  std::atomic<int> ran{0};
  for (int i = 0; i < 100; ++i) {
    io->post([&, owned = std::make_unique<int>(1)] { ran += *owned; });
  }
  const auto begun = std::chrono::steady_clock::now();
  std::atomic<bool> fired{false};
  io->post_after(50ms, [&] { fired = io->running_in_this_thread(); });
  while (!fired) std::this_thread::sleep_for(1ms);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 50ms);
  EXPECT_EQ(ran, 100);
  EXPECT_FALSE(io->running_in_this_thread());
  io->post_after(1h, [&] { ran = -1; });
  io->stop();
  io->post([&] { ran = -1; });
  EXPECT_EQ(ran, 100);
}

TEST(IoContext, RefusesThreadCountsOutOfRange) {
  EXPECT_EQ(IoContext::create(0).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(IoContext::create(kMaxIoThreads + 1).error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace berth::net
