// Tests of the request parser: every cut, limits, and what smuggles requests past other servers.
#include "net/http_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/limits.h"

namespace berth::net {
namespace {

using State = HttpParser::State;

// Parses what arrives in pieces of `step` bytes, as a connection would.
class Feed {
 public:
  explicit Feed(std::size_t max_body = 1000) : parser(max_body) {}

  State feed(std::string_view text, std::size_t step) {
    State state = State::kNeedHeader;
    for (std::size_t i = 0; i < text.size(); i += step) {
      const auto piece = text.substr(i, step);
      buffer.append(piece);
      std::size_t size = buffer.size();
      state = parser.parse(buffer.data(), size);
      buffer.resize(size);
      if (state == State::kWantContinue) ++continues;
      if (state == State::kBad || state == State::kRequest) {
        rest = text.substr(i + piece.size());
        return state;
      }
    }
    return state;
  }

  HttpParser parser;
  std::string buffer;
  std::string rest;
  int continues = 0;
};

int status_of(std::string_view text) {
  Feed f;
  if (f.feed(text, text.size()) != State::kBad) return 0;
  return f.parser.error_status();
}

TEST(HttpParser, GivesTheSameRequestHoweverItIsCut) {
  const std::string plain =
      "\r\nPOST /a/b%20c?q=1&r HTTP/1.1\r\nHost: h\r\nX-Empty:\r\nContent-Length: 11\r\nIf-Match:  \"7\" "
      "\r\n\r\nhello "
      "world";
  const std::string chunked =
      "\r\nPOST /a/b%20c?q=1&r HTTP/1.1\r\nHost: h\r\nX-Empty:\r\nTransfer-Encoding: Chunked\r\nIf-Match: "
      "\"7\"\r\n\r\n"
      "5;ext=\"x\"\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: t\r\n\r\n";
  for (const auto& text : {plain, chunked}) {
    for (std::size_t step = 1; step <= text.size(); ++step) {
      Feed f;
      ASSERT_EQ(f.feed(text, step), State::kRequest) << step << f.parser.error_message();
      const HttpRequest& r = f.parser.request();
      EXPECT_EQ(r.method(), HttpMethod::kPost);
      EXPECT_EQ(r.method_text(), "POST");
      EXPECT_EQ(r.path(), "/a/b%20c");
      EXPECT_EQ(r.query(), "q=1&r");
      EXPECT_EQ(r.header("if-match"), "\"7\"");
      EXPECT_EQ(r.header("x-empty"), "");
      EXPECT_EQ(r.header("nothing"), std::nullopt);
      EXPECT_EQ(r.body(), "hello world");
      EXPECT_TRUE(f.parser.keep_alive());
      EXPECT_EQ(f.parser.request_bytes(), f.buffer.size());
    }
  }
}

TEST(HttpParser, LeavesThePipelinedRest) {
  for (const std::string first :
       {"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n", "PUT /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab",
        "PUT /1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"}) {
    Feed f;
    const std::string both = first + "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n";
    ASSERT_EQ(f.feed(both, both.size()), State::kRequest);
    EXPECT_EQ(f.parser.request().path(), "/1");
    std::string rest = f.buffer.substr(f.parser.request_bytes());
    f.parser.next();
    std::size_t size = rest.size();
    ASSERT_EQ(f.parser.parse(rest.data(), size), State::kRequest);
    EXPECT_EQ(f.parser.request().path(), "/2");
    EXPECT_EQ(f.parser.request_bytes(), size);
  }
}

TEST(HttpParser, KnowsWhetherTheConnectionStays) {
  const auto keep = [](std::string_view text) {
    Feed f;
    EXPECT_EQ(f.feed(text, text.size()), State::kRequest);
    return f.parser.keep_alive();
  };
  EXPECT_TRUE(keep("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_FALSE(keep("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  EXPECT_FALSE(keep("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keep("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST(HttpParser, TakesTheAbsoluteForm) {
  const auto target = [](std::string_view t) {
    Feed f;
    const auto text = "GET " + std::string(t) + " HTTP/1.1\r\nHost: h\r\n\r\n";
    EXPECT_EQ(f.feed(text, text.size()), State::kRequest);
    return std::string(f.parser.request().target());
  };
  EXPECT_EQ(target("http://h:1/x?y"), "/x?y");
  EXPECT_EQ(target("http://h"), "/");
  EXPECT_EQ(target("/x://y"), "/x://y");
  EXPECT_EQ(target("*"), "*");
}

TEST(HttpParser, AsksOnceForContinue) {
  Feed f;
  const std::string text =
      "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nabcd";
  EXPECT_EQ(f.feed(text, 1), State::kRequest);
  EXPECT_EQ(f.continues, 1);
  Feed whole;
  EXPECT_EQ(whole.feed(text, text.size()), State::kRequest);
  EXPECT_EQ(whole.continues, 0);
}

TEST(HttpParser, RefusesWhatServersDisagreeAbout) {
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"),
            400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n"), 501);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), 501);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nExpect: magic\r\n\r\n"), 417);
}

TEST(HttpParser, RefusesWhatIsNotHttp) {
  EXPECT_EQ(status_of("\x16\x03\x01\x02\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET /\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), 505);
  EXPECT_EQ(status_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
  EXPECT_EQ(status_of("G\x01T / HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(1, '\0') + "\r\n\r\n"), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n"), 400);
}

TEST(HttpParser, RefusesWhatIsTooLarge) {
  const std::string start = "GET / HTTP/1.1\r\nHost: h\r\n";
  const auto padded = [&](std::size_t total) {
    std::string text = start + "A: ";
    text.append(total - text.size() - 4, 'x');
    return text + "\r\n\r\n";
  };
  EXPECT_EQ(status_of(padded(kMaxHeaderBytes)), 0);
  EXPECT_EQ(status_of(padded(kMaxHeaderBytes + 1)), 431);
  EXPECT_EQ(status_of(std::string(kMaxHeaderBytes + 1, 'x')), 431);  // never ends

  std::string many = start;
  for (std::size_t i = 1; i < kMaxHeaders; ++i) many += "A: b\r\n";
  EXPECT_EQ(status_of(many + "\r\n"), 0);
  EXPECT_EQ(status_of(many + "A: b\r\n\r\n"), 431);

  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(status_of(post + "Content-Length: 1000\r\n\r\n" + std::string(1000, 'x')), 0);
  EXPECT_EQ(status_of(post + "Content-Length: 1001\r\n\r\n"), 413);
  const std::string chunk_of_500 = "1f4\r\n" + std::string(500, 'x') + "\r\n";
  const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(status_of(chunked + chunk_of_500 + chunk_of_500 + "0\r\n\r\n"), 0);
  EXPECT_EQ(status_of(chunked + chunk_of_500 + chunk_of_500 + "1\r\nx\r\n0\r\n\r\n"), 413);
  EXPECT_EQ(status_of(chunked + "1;" + std::string(kMaxChunkFramingBytes, 'x')), 400);
}

}  // namespace
}  // namespace berth::net
