// HttpSource against servers that mean harm: bounded memory, bounded time, a clear error.
#include <atomic>
#include <filesystem>
#include <iterator>

#include "fetching.h"
#include "net/test_memory.h"

namespace berth::artifact {
namespace {

class Hostile : public Fetching {
 protected:
  struct Attack {
    const char* name;
    std::string head;
    std::string again;  // sent for ever; empty: silence
    Code code;
    std::chrono::milliseconds every{0};
  };
  void run(const Attack& attack) {
    ScriptedServer server([&](ScriptedConnection& c) {
      if (c.request().empty() || !c.send(attack.head)) return;
      if (attack.again.empty()) return c.wait_closed();
      while (c.send(attack.again)) std::this_thread::sleep_for(attack.every);
    });
    const net::PeakMemory memory;
    const auto start = std::chrono::steady_clock::now();
    // Short where time is what ends it.
    const auto total = attack.code == Code::kDeadlineExceeded ? 2s : 10s;
    const Error refused =
        error(server.url(), {.timeouts = {.total = total, .low_speed_bytes = 1000, .low_speed_for = 1s}},
              {.max_bytes = 1'000'000});
    EXPECT_EQ(refused.code(), attack.code) << attack.name << ": " << refused.message();
    EXPECT_THAT(refused.message(), HasSubstr(server.url())) << attack.name;
    EXPECT_LT(std::chrono::steady_clock::now() - start, 15s) << attack.name;
    EXPECT_LT(memory.grown(), net::PeakMemory::kLittle) << attack.name;
    EXPECT_LE(text_.size(), 1'000'000u) << attack.name;
  }
};

TEST_F(Hostile, EachAttackIsBounded) {
  const std::string block(65536, 'x');
  const std::string gzip_head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n";
  std::string tiny_chunks;
  for (int i = 0; i < 10'000; ++i) tiny_chunks += "1\r\nx\r\n";
  const Attack attacks[] = {
      {"huge Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: 9999999999999\r\n\r\n", block,
       Code::kResourceExhausted},
      {"Content-Length over the cap, nothing sent", "HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\n", "",
       Code::kResourceExhausted},
      {"chunked without end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
       "10000\r\n" + block + "\r\n", Code::kResourceExhausted},
      {"chunks of one byte", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", tiny_chunks,
       Code::kResourceExhausted},
      {"chunk extensions without end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", block,
       Code::kDeadlineExceeded},
      {"a body until the connection closes", "HTTP/1.1 200 OK\r\n\r\n", block, Code::kResourceExhausted},
      {"silence", "", "", Code::kDeadlineExceeded},
      {"silence after the head", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "",
       Code::kDeadlineExceeded},
      {"a slow source", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "x", Code::kDeadlineExceeded,
       50ms},
      {"a slow head", "HTTP/1.1 200 OK\r\nX: ", "x", Code::kDeadlineExceeded, 50ms},
      {"a head without end", "HTTP/1.1 200 OK\r\n", "X-Flood: " + std::string(1000, 'y') + "\r\n",
       Code::kResourceExhausted},
      {"one header without end", "HTTP/1.1 200 OK\r\nX: ", block, Code::kResourceExhausted},
      {"interim answers without end", "", "HTTP/1.1 103 Early Hints\r\n\r\n", Code::kResourceExhausted},
      {"a gzip bomb", gzip_head, block, Code::kFailedPrecondition},
      {"a zstd bomb", "HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\n\r\n", block, Code::kFailedPrecondition},
      {"a gzip bomb as transfer encoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
       "10000\r\n" + block + "\r\n", Code::kUnavailable},
      {"a redirect with an endless page", "HTTP/1.1 302 Found\r\nLocation: file:///x\r\n\r\n", block,
       Code::kPermissionDenied},
      {"an error with an endless page", "HTTP/1.1 500 Oh\r\n\r\n", block, Code::kUnavailable},
      {"an unasked 304 with a body", "HTTP/1.1 304 Not Modified\r\n\r\n", block, Code::kFailedPrecondition},
      {"no HTTP", "", "SSH-2.0-x\r\n", Code::kUnavailable},
  };
  for (const Attack& attack : attacks) run(attack);
}

TEST_F(Hostile, TrailersWithoutEndAreCut) {
  // Its body is complete, its message is not.
  run({"trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", "X-Flood: y\r\n",
       Code::kResourceExhausted});
}

TEST_F(Hostile, AnAnswerCutAtAnyByteIsNone) {
  for (const std::string& whole :
       {std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"1\"\r\n\r\n0123456789"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: \"1\"\r\n\r\n"
                    "4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n")}) {
    std::atomic<std::size_t> cut = 0;
    ScriptedServer server([&](ScriptedConnection& c) {
      c.request();
      c.send(std::string_view(whole).substr(0, cut));
    });
    const auto from = source(server.url());
    // A last chunk is known by its size alone.
    const std::size_t needed = whole.ends_with("0\r\n\r\n") ? whole.size() - 4 : whole.size();
    for (cut = 0; cut < needed; ++cut) {
      const auto outcome = fetch(*from);
      ASSERT_FALSE(outcome) << cut;
      EXPECT_EQ(outcome.error().code(), Code::kUnavailable) << cut << ": " << outcome.error().message();
    }
    cut = whole.size();
    EXPECT_EQ(fetched(fetch(*from)).digest, digest_of("0123456789"));
  }
}

TEST_F(Hostile, FailuresLeaveNoDescriptorBehind) {
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                         std::filesystem::directory_iterator());
  };
  const char* answers[] = {"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx", "HTTP/1.1 500 Oh\r\n\r\n",
                           "no HTTP", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n"};
  std::atomic<int> next = 0;
  ScriptedServer server([&](ScriptedConnection& c) {
    c.request();
    c.send(answers[static_cast<std::size_t>(next++) % std::size(answers)]);
  });
  const auto round = [&] {
    const auto from = source(server.url(), {.addresses = {"127.0.0.0/8"}});
    for (std::size_t i = 0; i < std::size(answers); ++i) EXPECT_FALSE(fetch(*from));
  };
  round();
  const auto before = descriptors();
  for (int i = 0; i < 20; ++i) round();
  // The server's last connection may still be open.
  EXPECT_LE(descriptors(), before + 2);
}

// A file that another one of the same length replaces between a conditional question and its answer, or in
// the middle of a body: the digest is of what was received, so the caller sees what it got.
TEST_F(Hostile, TheDigestIsOfWhatCame) {
  std::atomic<int> version = 0;
  ScriptedServer server([&](ScriptedConnection& c) {
    while (!c.request().empty()) {
      ++version;
      c.reply("200 OK", "ETag: \"same\"\r\n", "version " + std::to_string(version));
    }
  });
  const auto from = source(server.url());
  const Fetched one = fetched(fetch(*from));
  EXPECT_EQ(one.digest, digest_of("version 1"));
  const Fetched two = fetched(fetch(*from, {.known = known(one)}));
  EXPECT_EQ(two.digest, digest_of("version 2")) << "whatever its tag says";
}

TEST_F(Hostile, AValidatorCannotBreakARequest) {
  // Tags with what would end a header, were it sent back.
  for (const std::string& tag :
       {std::string("\"a\\r\\nX: y\""), std::string("\"\x80\xff\""), std::string(4000, '"')}) {
    std::atomic<int> requests = 0;
    ScriptedServer server([&](ScriptedConnection& c) {
      for (std::string request; !(request = c.request()).empty();) {
        ++requests;
        EXPECT_THAT(request, Not(HasSubstr("\r\nX: y")));
        c.reply("200 OK", "ETag: " + tag + "\r\n", "body");
      }
    });
    const auto from = source(server.url());
    const Fetched first = fetched(fetch(*from));
    EXPECT_TRUE(fetch(*from, {.known = known(first)}));
    EXPECT_EQ(requests, 2);
  }
  // As it would come from a damaged store.
  ScriptedServer server([](ScriptedConnection& c) {
    while (!c.request().empty()) c.reply("200 OK", "", "body");
  });
  const auto from = source(server.url());
  Fetched first = fetched(fetch(*from));
  first.validators.etag += "x\r\nX: y";
  EXPECT_TRUE(fetch(*from, {.known = known(first)})) << "it is as good as none";
}

TEST_F(Hostile, ProxyVariablesOfTheEnvironmentAreNotFollowed) {
  ScriptedServer proxy([](ScriptedConnection& c) { c.wait_closed(); });
  ScriptedServer server([](ScriptedConnection& c) {
    while (!c.request().empty()) c.reply("200 OK", "", "direct");
  });
  for (const char* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"})
    ::setenv(name, proxy.url().c_str(), 1);
  EXPECT_TRUE(fetch(server.url()));
  for (const char* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}) ::unsetenv(name);
  EXPECT_EQ(text_, "direct");
  EXPECT_EQ(proxy.accepted(), 0);
}

TEST_F(Hostile, AHostThatIsNamedMayNotBeAMetadataService) {
  // By its own name an address is meant; a name must not lead there. localhost stands for a name that leads
  // astray.
  const auto outbound = Outbound::create("registry.internal", {}).value();
  for (const char* address : {"169.254.169.254", "100.100.100.200", "fd00:ec2::254", "0.0.0.0", "fe80::1"}) {
    EXPECT_FALSE(outbound.for_host("registry.internal")->allows(net::IpAddress::parse(address).value(), 80))
        << address;
  }
}

}  // namespace
}  // namespace berth::artifact
