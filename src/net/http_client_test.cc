// HttpClient against our own server: methods, bodies, connections, cancellation; and what it refuses to send.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <mutex>
#include <thread>

#include "net/http_client_fixture.h"
#include "net/http_server.h"
#include "net/test_memory.h"

namespace berth::net {
namespace {

// Answers with what it was asked: method, target and chosen headers, then the body.
class EchoesRequest final : public HttpHandler {
 public:
  void handle(const HttpRequest& request, HttpReply reply) override {
    HttpResponse response{.content_type = "text/plain"};
    response.headers = {{"X-Method", std::string(request.method_text())}, {"ETag", "\"one\""}};
    const std::lock_guard lock(mutex_);
    for (const HttpHeader& header : request.headers()) {
      seen_ += std::string(header.name) + ": " + std::string(header.value) + "\n";
    }
    if (request.path() == "/redirect") {
      response.status = 302;
      response.headers.emplace_back("Location", "/elsewhere");
    } else if (request.path() == "/missing") {
      response.status = 404;
    }
    response.body = std::string(request.target()) + "|" + std::string(request.body());
    reply.send(response);
  }
  // The headers of all requests so far.
  std::string seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  std::mutex mutex_;
  std::string seen_;
};

class Client : public HttpClientTest {
 protected:
  Client() : server_(*server_io_, handler_, {.max_body_bytes = std::size_t{80} << 20}) {
    port_ = server_.listen("127.0.0.1", 0).value();
  }
  std::string at(std::string_view path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }

  std::unique_ptr<IoContext> server_io_ = IoContext::create(1).value();
  EchoesRequest handler_;
  HttpServer server_;
  std::uint16_t port_ = 0;
};

TEST_F(Client, GetsWithItsHeaders) {
  const Answer answer =
      ask({.url = url(at("/a%20b/../c?x=1")), .headers = {{"X-One", "1"}, {"X-Empty", ""}}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "/a%20b/../c?x=1|") << "the path is sent as it is";
  EXPECT_EQ(answer.response.head.find("etag"), "\"one\"");
  EXPECT_EQ(answer.response.head.find("x-method"), "GET");
  EXPECT_EQ(answer.response.head.find("x-none"), std::nullopt);
  EXPECT_EQ(answer.response.peer, IpAddress::parse("127.0.0.1").value());
  EXPECT_FALSE(answer.response.http2);
  EXPECT_THAT(handler_.seen(), HasSubstr("X-One: 1\n"));
  EXPECT_THAT(handler_.seen(), HasSubstr("X-Empty: \n"));
  EXPECT_THAT(handler_.seen(), HasSubstr("Accept-Encoding: identity\n"));
  EXPECT_THAT(handler_.seen(), HasSubstr("User-Agent: berth\n"));
  EXPECT_THAT(handler_.seen(), Not(HasSubstr("Expect")));
}

TEST_F(Client, AnyStatusIsAResponseAndRedirectsAreNotFollowed) {
  EXPECT_EQ(ask(at("/missing")).status, 404);
  const Answer redirect = ask(at("/redirect"));
  EXPECT_EQ(redirect.status, 302);
  EXPECT_EQ(redirect.response.head.find("location"), "/elsewhere");
}

TEST_F(Client, AHeadHasALengthAndNoBody) {
  const Answer answer = ask({.method = "HEAD", .url = url(at("/abc")), .max_body_bytes = 2});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.response.head.find("content-length"), "5") << "longer than the cap, and not sent";
  EXPECT_EQ(answer.body, "");
}

TEST_F(Client, SendsABodyFromMemoryWithAnyMethod) {
  const std::string text = "hello";
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "GET", "X-ODD"}) {
    const Answer answer =
        ask({.method = method,
             .url = url(at("/up")),
             .body = std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size())});
    EXPECT_EQ(answer.body, "/up|hello") << method;
    EXPECT_EQ(answer.response.head.find("x-method"), method);
  }
  for (const char* method : {"POST", "PUT", "DELETE"}) {
    EXPECT_EQ(ask({.method = method, .url = url(at("/none"))}).body, "/none|") << method;
  }
  EXPECT_THAT(handler_.seen(), HasSubstr("Content-Length: 0\n"));
}

TEST_F(Client, SendsAFileRangeWithoutHoldingIt) {
  constexpr std::uint64_t kSize = std::uint64_t{64} << 20;
  std::atomic<std::uint64_t> received = 0;
  ScriptedServer server([&](ScriptedConnection& c) {
    // Not request(): it would hold the body.
    char buffer[64 * 1024];
    std::string head;
    while (head.find("\r\n\r\n") == std::string::npos) {
      const auto n = ::recv(c.fd(), buffer, sizeof buffer, 0);
      if (n <= 0) return;
      head.append(buffer, static_cast<std::size_t>(n));
    }
    received = head.size() - head.find("\r\n\r\n") - 4;
    EXPECT_THAT(head, HasSubstr("Expect: 100-continue"));
    c.send("HTTP/1.1 100 Continue\r\n\r\n");
    while (received < kSize) {
      const auto n = ::recv(c.fd(), buffer, sizeof buffer, 0);
      if (n <= 0) return;
      received += static_cast<std::uint64_t>(n);
    }
    c.reply("201 Created", "", "");
  });
  std::FILE* file = std::tmpfile();
  ASSERT_EQ(::ftruncate(::fileno(file), kSize + 1000), 0);
  std::uint64_t sent = 0;
  const PeakMemory memory;
  const Answer answer = ask({.method = "PUT",
                             .url = url(server.url()),
                             .body = HttpFileRange{.fd = ::fileno(file), .offset = 500, .size = kSize},
                             .on_sent = [&](std::uint64_t n) { sent = n; }});
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(received, kSize);
  EXPECT_EQ(sent, kSize);
  EXPECT_LT(memory.grown(), PeakMemory::kLittle);
  std::fclose(file);
}

TEST_F(Client, SendsExactlyTheRange) {
  std::FILE* file = std::tmpfile();
  std::fputs("0123456789", file);
  std::fflush(file);
  const HttpFileRange range{.fd = ::fileno(file), .offset = 3, .size = 4};
  EXPECT_EQ(ask({.method = "PUT", .url = url(at("/f")), .body = range}).body, "/f|3456");
  const Error shorter = error({.method = "PUT",
                               .url = url(at("/f")),
                               .body = HttpFileRange{.fd = ::fileno(file), .offset = 8, .size = 4}});
  EXPECT_EQ(shorter.code(), Code::kAborted) << shorter.message();
  std::fclose(file);
}

TEST_F(Client, KeepsItsConnection) {
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(at("/x")).status, 200);
  EXPECT_EQ(server_.counts().accepted, 1u);
}

TEST_F(Client, ReplacesAKeptConnectionThatTheServerClosed) {
  std::atomic<int> requests = 0;
  ScriptedServer server([&](ScriptedConnection& c) {
    const std::string request = c.request();  // one for each connection, then it is closed without a word
    if (request.empty()) return;
    ++requests;
    c.reply("200 OK", "", request.substr(request.find("\r\n\r\n") + 4));
  });
  const std::string text = "body";
  for (int i = 0; i < 3; ++i) {
    const Answer answer =
        ask({.method = "PUT",
             .url = url(server.url()),
             .body = std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size())});
    EXPECT_EQ(answer.body, "body");
  }
  EXPECT_EQ(requests, 3);
}

TEST_F(Client, ManyAtOnceShareAFewConnections) {
  set_client({.max_connections = 4});
  std::vector<std::jthread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        HttpTextSink sink;
        const std::string path = "/" + std::to_string(t) + "/" + std::to_string(i);
        const auto response = client_->send_and_wait({.url = url(at(path))}, sink);
        if (response && sink.text == path + "|") ++good;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(good, 400);
  EXPECT_LE(server_.counts().accepted, 4u);
}

TEST_F(Client, ContinuesACoroutineOnAnIoThread) {
  std::promise<bool> on_io;
  HttpTextSink sink;
  detach(client_->send({.url = url(at("/x"))}, sink), [&](Result<HttpClientResponse> response) {
    on_io.set_value(response.has_value() && io_->running_in_this_thread());
  });
  EXPECT_TRUE(on_io.get_future().get());
}

TEST_F(Client, DoesNotWaitOnItsOwnIoThread) {
  std::promise<Code> code;
  io_->post([&] {
    HttpTextSink sink;
    code.set_value(client_->send_and_wait({.url = url(at("/x"))}, sink).error().code());
  });
  EXPECT_EQ(code.get_future().get(), Code::kFailedPrecondition);
}

// ---- the sink
// ------------------------------------------------------------------------------------------------

TEST_F(Client, ASinkEndsARequest) {
  CountingSink sink;
  sink.on_begin = [] { return fail(Code::kNotFound, "not this"); };
  auto response = client_->send_and_wait({.url = url(at("/x"))}, sink);
  EXPECT_EQ(response.error().code(), Code::kNotFound);
  EXPECT_EQ(response.error().message(), "not this");
  EXPECT_EQ(sink.bytes, 0u);

  sink = {};
  sink.on_write = [] { return fail(Code::kResourceExhausted, "disk full"); };
  response = client_->send_and_wait({.url = url(at("/x"))}, sink);
  EXPECT_EQ(response.error().message(), "disk full");
  EXPECT_EQ(ask(at("/x")).status, 200) << "the client goes on";
}

// ---- cancellation
// ----------------------------------------------------------------------------------------------

TEST_F(Client, IsCancelledBeforeWhileAndNeverAfter) {
  ScriptedServer silent([](ScriptedConnection& c) { c.wait_closed(); });
  std::stop_source stop;
  std::jthread stopper([&] {
    while (silent.accepted() == 0) std::this_thread::sleep_for(1ms);
    stop.request_stop();
  });
  HttpTextSink sink;
  const auto start = std::chrono::steady_clock::now();
  auto response = client_->send_and_wait({.url = url(silent.url())}, sink, stop.get_token());
  EXPECT_EQ(response.error().code(), Code::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
  stopper.join();

  response = client_->send_and_wait({.url = url(at("/x"))}, sink, stop.get_token());
  EXPECT_EQ(response.error().code(), Code::kCancelled) << "it was stopped already";

  std::stop_source late;
  EXPECT_TRUE(client_->send_and_wait({.url = url(at("/x"))}, sink, late.get_token()));
  late.request_stop();
  EXPECT_EQ(ask(at("/x")).status, 200);
}

TEST_F(Client, ASinkMayStopItsOwnRequest) {
  ScriptedServer server([](ScriptedConnection& c) {
    c.request();
    c.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
    c.wait_closed();
  });
  std::stop_source stop;
  CountingSink sink;
  sink.on_write = [&]() -> Result<> {
    stop.request_stop();
    return {};
  };
  const auto response = client_->send_and_wait({.url = url(server.url())}, sink, stop.get_token());
  EXPECT_EQ(response.error().code(), Code::kCancelled);
  EXPECT_EQ(sink.bytes, 4u);
}

TEST_F(Client, ItsEndCancelsWhatIsUnderWay) {
  ScriptedServer silent([](ScriptedConnection& c) { c.wait_closed(); });
  std::promise<Code> code;
  HttpTextSink sink;
  detach(client_->send({.url = url(silent.url())}, sink),
         [&](Result<HttpClientResponse> response) { code.set_value(response.error().code()); });
  while (silent.accepted() == 0) std::this_thread::sleep_for(1ms);
  client_.reset();
  EXPECT_EQ(code.get_future().get(), Code::kCancelled);
}

// ---- what is not sent
// --------------------------------------------------------------------------------------------

TEST_F(Client, RefusesARequestThatIsNotOne) {
  for (const char* method : {"", "GET /x HTTP/1.1\r\nX: y", "GE T", "GET\n"}) {
    EXPECT_EQ(error({.method = method, .url = url(at("/"))}).code(), Code::kInvalidArgument) << method;
  }
  const std::vector<HttpField> bad = {{"", "x"},
                                      {"X y", "x"},
                                      {"X:", "x"},
                                      {"X\r\nY", "x"},
                                      {"X", "a\r\nY: b"},
                                      {"X", "a\nb"},
                                      {"X", std::string("a\0b", 3)},
                                      {"Host", "other"},
                                      {"host", "other"},
                                      {"Content-Length", "1"},
                                      {"Transfer-Encoding", "chunked"},
                                      {"Connection", "X-One"},
                                      {"Expect", "x"},
                                      {"TE", "gzip"},
                                      {"Accept-Encoding", "gzip"},
                                      {"Authorization", "Bearer x"},
                                      {"Proxy-Authorization", "Basic x"}};
  for (const HttpField& field : bad) {
    EXPECT_EQ(error({.url = url(at("/")), .headers = {field}}).code(), Code::kInvalidArgument) << field.first;
  }
  EXPECT_EQ(error({.url = url(at("/")), .authorization = Secret("Bearer a\r\nX: y")}).code(),
            Code::kInvalidArgument);
  EXPECT_EQ(error({.url = url(at("/")), .timeouts = {.total = 0ms}}).code(), Code::kInvalidArgument);
  EXPECT_EQ(server_.counts().accepted, 0u);
}

TEST_F(Client, SendsItsAuthorizationAndShowsItNowhere) {
  EXPECT_EQ(ask({.url = url(at("/x")), .authorization = Secret("Bearer hunter2")}).status, 200);
  EXPECT_THAT(handler_.seen(), HasSubstr("Authorization: Bearer hunter2\n"));
  server_.stop(0ms);
  const Error refused = error({.url = url(at("/x?sig=hunter2")), .authorization = Secret("Bearer hunter2")});
  EXPECT_EQ(refused.code(), Code::kUnavailable);
  EXPECT_THAT(refused.to_string(), Not(HasSubstr("hunter2")));
  EXPECT_THAT(refused.message(), HasSubstr("GET " + at("/x?...")));
}

// ---- heads
// ---------------------------------------------------------------------------------------------------------

TEST(HttpHead, KnowsWhenToComeAgain) {
  const auto after = [](std::string value) {
    return HttpHead{.fields = {{"retry-after", std::move(value)}}}.retry_after();
  };
  EXPECT_EQ(HttpHead().retry_after(), std::nullopt);
  EXPECT_EQ(after("120"), 120s);
  EXPECT_EQ(after("0"), 0s);
  EXPECT_EQ(after("-5"), 0s);
  EXPECT_EQ(after("99999999999999999999999"), std::chrono::seconds(kMaxRetryAfter));
  EXPECT_EQ(after("90000"), std::chrono::seconds(kMaxRetryAfter));
  EXPECT_EQ(after("soon"), std::nullopt);
  EXPECT_EQ(after(""), std::nullopt);
  EXPECT_EQ(after("Sun, 06 Nov 1994 08:49:37 GMT"), 0s);
  EXPECT_EQ(after("Fri, 01 Jan 2100 00:00:00 GMT"), std::chrono::seconds(kMaxRetryAfter));
}

}  // namespace
}  // namespace berth::net
