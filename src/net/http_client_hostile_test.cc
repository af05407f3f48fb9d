// HttpClient against servers that break HTTP, flood, stall, or are where nobody may go.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "net/http_client_fixture.h"

namespace berth::net {
namespace {

class HostileServer : public HttpClientTest {
 protected:
  // What becomes of a request that is answered with exactly `bytes`, then with nothing more.
  struct Outcome {
    std::optional<Error> error;
    std::uint64_t bytes = 0;  // given to the sink
    int begun = 0;
  };
  Outcome answered(std::string bytes, std::string method = "GET") {
    ScriptedServer server([&](ScriptedConnection& c) {
      if (c.request().empty()) return;
      c.send(bytes);
      ::shutdown(c.fd(), SHUT_WR);
      c.wait_closed();
    });
    CountingSink sink;
    auto response = client_->send_and_wait({.method = std::move(method),
                                            .url = url(server.url()),
                                            .max_body_bytes = 1'000'000,
                                            .timeouts = {.total = 10s}},
                                           sink);
    Outcome out{.bytes = sink.bytes, .begun = sink.begun};
    if (!response) out.error = std::move(response).error();
    return out;
  }
  // The same with something that goes on for ever.
  Outcome flooded(std::string head, std::string again, HttpTimeouts timeouts = {.total = 30s}) {
    std::atomic<std::uint64_t> sent = 0;
    Outcome out;
    {
      ScriptedServer server([&](ScriptedConnection& c) {
        if (c.request().empty() || !c.send(head)) return;
        while (c.send(again)) sent += again.size();
      });
      CountingSink sink;
      auto response = client_->send_and_wait(
          {.url = url(server.url()), .max_body_bytes = 1'000'000, .timeouts = timeouts}, sink);
      out = {.bytes = sink.bytes, .begun = sink.begun};
      if (!response) out.error = std::move(response).error();
    }
    // What the client refused, it did not read either: kernel buffers and little more.
    EXPECT_LT(sent, 16'000'000u);
    return out;
  }
};

TEST_F(HostileServer, WhatIsNoHttpIsUnavailable) {
  for (const std::string& bytes : {std::string(),
                                   std::string("hello\n"),
                                   std::string("\r\n\r\n"),
                                   std::string("HTTP/0.9 200\r\n\r\n"),
                                   std::string("<html>an old server says nothing else</html>"),
                                   std::string("HTTP/1.1\r\n\r\n"),
                                   std::string("HTTP/1.1 99 Low\r\n\r\n"),
                                   std::string("HTTP/1.1 600 High\r\n\r\n"),
                                   std::string("HTTP/1.1 2000 Long\r\n\r\n"),
                                   std::string("HTTP/1.1 abc Word\r\n\r\n"),
                                   std::string("HTTP/1.1 -20 Negative\r\n\r\n"),
                                   std::string("HTTP/1.1 200 OK\r\nX: y"),
                                   std::string("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"),
                                   std::string("HTTP/1.1 200 OK\r\n: empty\r\n\r\n"),
                                   std::string("HTTP/1.1 200 OK\r\nX y: z\r\n\r\n"),
                                   std::string("HTTP/1.1 200 OK\r\nX : z\r\n\r\n"),
                                   std::string("HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n"),
                                   std::string("HTTP/1.1 200 OK\r\nX: a").append(1, '\0').append("b\r\n\r\n"),
                                   std::string("HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n"),
                                   std::string("HTTP/3 200 OK\r\n\r\n"),
                                   std::string("HTTP/1.1 101 Switching Protocols\r\n\r\nbytes"),
                                   std::string("SSH-2.0-OpenSSH_9.2\r\n")}) {
    const Outcome outcome = answered(bytes);
    ASSERT_TRUE(outcome.error) << bytes;
    EXPECT_EQ(outcome.error->code(), Code::kUnavailable) << bytes << outcome.error->message();
    EXPECT_EQ(outcome.bytes, 0u) << bytes;
  }
}

TEST_F(HostileServer, WhereABodyEndsIsSaidOnce) {
  for (const char* fields :
       {"Content-Length: 3\r\nContent-Length: 4\r\n", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "Content-Length: -1\r\n",
        "Content-Length: 3x\r\n", "Content-Length: 0x3\r\n", "Content-Length: \r\n",
        "Content-Length: 3, 3\r\n", "Content-Length: +3\r\n", "Content-Length: 99999999999999999999999\r\n",
        "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: \r\n"}) {
    const Outcome outcome =
        answered(std::string("HTTP/1.1 200 OK\r\n") + fields + "\r\n3\r\nabc\r\n0\r\n\r\n");
    ASSERT_TRUE(outcome.error) << fields;
    EXPECT_EQ(outcome.error->code(), Code::kUnavailable) << fields << outcome.error->message();
    EXPECT_EQ(outcome.bytes, 0u) << fields;
  }
  EXPECT_FALSE(answered("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc").error);
  EXPECT_FALSE(answered("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").error);
}

TEST_F(HostileServer, ABodyThatEndsEarlyIsNone) {
  for (const char* bytes : {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc"}) {
    const Outcome outcome = answered(bytes);
    ASSERT_TRUE(outcome.error) << bytes;
    EXPECT_EQ(outcome.error->code(), Code::kUnavailable) << bytes;
  }
}

TEST_F(HostileServer, AHugeBodyIsRefusedWhenItIsAnnounced) {
  const Outcome outcome =
      flooded("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n", std::string(65536, 'x'));
  EXPECT_EQ(outcome.error->code(), Code::kResourceExhausted);
  EXPECT_EQ(outcome.bytes, 0u);
  EXPECT_EQ(outcome.begun, 0);
  EXPECT_EQ(answered("HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\n").error->code(),
            Code::kResourceExhausted);
}

TEST_F(HostileServer, ABodyWithoutEndIsCutAtItsCap) {
  const std::string chunk = "10000\r\n" + std::string(65536, 'x') + "\r\n";
  const Outcome chunked = flooded("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk);
  EXPECT_EQ(chunked.error->code(), Code::kResourceExhausted);
  EXPECT_LE(chunked.bytes, 1'000'000u);
  const Outcome until_close = flooded("HTTP/1.1 200 OK\r\n\r\n", std::string(65536, 'x'));
  EXPECT_EQ(until_close.error->code(), Code::kResourceExhausted);
  EXPECT_LE(until_close.bytes, 1'000'000u);
}

TEST_F(HostileServer, AHeadWithoutEndIsCut) {
  EXPECT_EQ(flooded("HTTP/1.1 200 OK\r\n", "X: y\r\n").error->code(), Code::kResourceExhausted)
      << "many fields";
  EXPECT_EQ(flooded("HTTP/1.1 200 OK\r\n", "X: " + std::string(8000, 'y') + "\r\n").error->code(),
            Code::kResourceExhausted)
      << "large fields";
  EXPECT_EQ(flooded("HTTP/1.1 200 OK\r\nX: ", std::string(4096, 'y')).error->code(), Code::kResourceExhausted)
      << "one field";
  EXPECT_EQ(flooded("", "HTTP/1.1 100 Continue\r\n\r\n").error->code(), Code::kResourceExhausted)
      << "interim answers";
  EXPECT_EQ(flooded("", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n").error->code(),
            Code::kResourceExhausted);
  EXPECT_EQ(flooded("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", "X: y\r\n")
                .error->code(),
            Code::kResourceExhausted)
      << "trailers";
}

TEST_F(HostileServer, HeadsUpToTheLimitsAreTaken) {
  std::string many = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
  for (std::size_t i = 1; i < kMaxResponseFields; ++i) many += "X: y\r\n";
  EXPECT_FALSE(answered(many + "\r\n").error);
  EXPECT_EQ(answered(many + "X: y\r\n\r\n").error->code(), Code::kResourceExhausted);
  const std::string start = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: ";
  const std::string large = start + std::string(kMaxResponseHeadBytes - start.size() - 4, 'y');
  EXPECT_FALSE(answered(large + "\r\n\r\n").error);
  EXPECT_EQ(answered(large + "y\r\n\r\n").error->code(), Code::kResourceExhausted);
}

TEST_F(HostileServer, InterimAnswersAndTrailersAreNotTheResponse) {
  ScriptedServer server([](ScriptedConnection& c) {
    c.request();
    c.send(
        "HTTP/1.1 100 Continue\r\nX-Fake: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nETag: \"fake\"\r\n\r\n"
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: \"real\"\r\n\r\n2\r\nok\r\n0\r\nETag: "
        "\"late\"\r\n\r\n");
    c.wait_closed();
  });
  const Answer answer = ask(server.url());
  EXPECT_EQ(answer.body, "ok");
  EXPECT_EQ(answer.response.head.fields.size(), 2u);
  EXPECT_EQ(answer.response.head.find("etag"), "\"real\"");
}

TEST_F(HostileServer, NothingIsDecompressed) {
  const std::string gzip = "\x1f\x8b\x08 and so on";
  ScriptedServer server([&](ScriptedConnection& c) {
    c.request();
    c.reply("200 OK", "Content-Encoding: gzip\r\n", gzip);
  });
  const Answer answer = ask(server.url());
  EXPECT_EQ(answer.body, gzip);
  EXPECT_EQ(answer.response.head.find("content-encoding"), "gzip") << "for the caller to refuse";
}

TEST_F(HostileServer, CookiesAreNotKept) {
  ScriptedServer server([&](ScriptedConnection& c) {
    for (std::string request; !(request = c.request()).empty();)
      c.reply("200 OK", "Set-Cookie: a=b; Path=/\r\n", request);
  });
  ask(server.url());
  EXPECT_THAT(ask(server.url()).body, Not(HasSubstr("Cookie")));
}

// ---- time
// --------------------------------------------------------------------------------------------------------

TEST_F(HostileServer, SilenceEndsWithTheTotalTime) {
  ScriptedServer silent([](ScriptedConnection& c) { c.wait_closed(); });
  const auto start = std::chrono::steady_clock::now();
  const Error late = error({.url = url(silent.url()), .timeouts = {.total = 300ms}});
  EXPECT_EQ(late.code(), Code::kDeadlineExceeded) << late.message();
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_GE(took, 290ms);
  EXPECT_LT(took, 5s);
}

TEST_F(HostileServer, ADripEndsWithTheLowSpeedTime) {
  for (const char* head : {"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", "HTTP/1.1 200 OK\r\nX: "}) {
    ScriptedServer server([&](ScriptedConnection& c) {
      c.request();
      if (!c.send(head)) return;
      while (c.send("y")) std::this_thread::sleep_for(50ms);
    });
    const auto start = std::chrono::steady_clock::now();
    const Error slow = error(
        {.url = url(server.url()), .timeouts = {.total = 60s, .low_speed_bytes = 1000, .low_speed_for = 1s}});
    EXPECT_EQ(slow.code(), Code::kDeadlineExceeded) << slow.message();
    EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);
  }
}

TEST_F(HostileServer, AServerThatDoesNotReadEndsWithTheTotalTime) {
  ScriptedServer deaf([](ScriptedConnection& c) {
    pollfd gone{c.fd(), POLLRDHUP, 0};
    ::poll(&gone, 1, 30'000);
  });
  const std::vector<std::uint8_t> body(32 << 20);
  const Error late =
      error({.method = "PUT", .url = url(deaf.url()), .body = std::span(body), .timeouts = {.total = 500ms}});
  EXPECT_EQ(late.code(), Code::kDeadlineExceeded) << late.message();
}

// ---- where it leads
// ------------------------------------------------------------------------------------------------

class Addresses : public HttpClientTest {
 protected:
  ScriptedServer server_{[](ScriptedConnection& c) {
    while (!c.request().empty()) c.reply("200 OK", "", "here");
  }};
  std::string at(std::string_view host) const {
    return "http://" + std::string(host) + ":" + std::to_string(server_.port()) + "/";
  }
  Error refused(const std::string& host, const std::vector<std::string>& rules) {
    return error(
        {.url = url(at(host)), .timeouts = {.connect = 2s, .total = 5s}, .addresses = policy(rules)});
  }
};

TEST_F(Addresses, WhatThePolicyRefusesIsNeverDialled) {
  for (const char* host : {"127.0.0.1",
                           "127.255.0.1",
                           "localhost",
                           "[::1]",
                           "[::ffff:127.0.0.1]",
                           "[::ffff:7f00:1]",
                           "[::127.0.0.1]",
                           "[64:ff9b::7f00:1]",
                           "[2002:7f00:1::]",
                           "0.0.0.0",
                           "[::]",
                           "169.254.169.254",
                           "[::ffff:169.254.169.254]",
                           "[64:ff9b::a9fe:a9fe]",
                           "100.100.100.200",
                           "10.0.0.1",
                           "192.168.0.1",
                           "[fd00::1]",
                           "[fe80::1]",
                           "224.0.0.1",
                           "255.255.255.255"}) {
    const Error error = refused(host, {"public"});
    EXPECT_EQ(error.code(), Code::kPermissionDenied) << host << ": " << error.message();
    EXPECT_THAT(error.message(), HasSubstr("not among the addresses that may be dialled"));
  }
  EXPECT_EQ(server_.accepted(), 0);
}

TEST_F(Addresses, NoRuleAllowsNothingAndNoPolicyEverything) {
  EXPECT_EQ(refused("127.0.0.1", {}).code(), Code::kPermissionDenied);
  EXPECT_EQ(ask(at("127.0.0.1")).body, "here");
}

TEST_F(Addresses, PortsCount) {
  const std::string port = std::to_string(server_.port());
  EXPECT_EQ(ask({.url = url(at("127.0.0.1")), .addresses = policy({"127.0.0.0/8:" + port})}).body, "here");
  EXPECT_EQ(refused("127.0.0.1", {"127.0.0.0/8:1"}).code(), Code::kPermissionDenied);
}

// A name with two addresses, as a rebinding name server gives them: localhost is ::1 and 127.0.0.1.
TEST_F(Addresses, EachAddressOfANameIsJudged) {
  EXPECT_EQ(ask({.url = url(at("localhost")), .addresses = policy({"127.0.0.1"})}).body, "here")
      << "::1 is passed over";
  EXPECT_EQ(server_.accepted(), 1);
  client_ = HttpClient::create(*io_).value();
  const Error error = refused("localhost", {"::1"});
  EXPECT_NE(error.code(), Code::kInternal);
  EXPECT_EQ(server_.accepted(), 1) << "127.0.0.1 was not dialled";
}

TEST_F(Addresses, AKeptConnectionIsJudgedAgain) {
  EXPECT_EQ(ask(at("127.0.0.1")).body, "here");
  const Error error = refused("127.0.0.1", {"public"});
  EXPECT_EQ(error.code(), Code::kPermissionDenied) << error.message();
  EXPECT_EQ(ask(at("127.0.0.1")).body, "here");
}

TEST_F(Addresses, ANameThatIsNoneIsUnavailable) {
  EXPECT_EQ(error("http://none.invalid/").code(), Code::kUnavailable);
}

}  // namespace
}  // namespace berth::net
