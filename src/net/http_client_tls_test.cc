// HttpClient and TLS: whom it trusts, who it is, HTTP/2, and the way through a proxy.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "net/http_client_fixture.h"
#include "net/test_nghttpd.h"

namespace berth::net {
namespace {

void answer_all(ScriptedConnection& c) {
  for (std::string request; !(request = c.request()).empty();) {
    c.reply("200 OK", "", c.has_client_certificate() ? "known" : "anybody");
  }
}

class Tls : public HttpClientTest {
 protected:
  ScriptedTls identity(const std::string& names, std::chrono::hours valid = 1h) {
    return {.identity = authority_.issue(names, valid)};
  }
  void trust(HttpTls tls = {}) {
    tls.extra_ca_pem = authority_.pem();
    set_client({.tls = std::move(tls)});
  }
  static Code refused(HttpTls tls) {
    const auto io = IoContext::create(1).value();
    const auto client = HttpClient::create(*io, {.tls = std::move(tls)});
    return client ? Code::kInternal : client.error().code();
  }
  TestAuthority authority_;
};

TEST_F(Tls, TrustsTheExtraCaAndNobodyElse) {
  ScriptedServer server(answer_all, identity("IP:127.0.0.1"));
  const Error unknown = error(server.url());
  EXPECT_EQ(unknown.code(), Code::kPermissionDenied);
  EXPECT_THAT(unknown.message(), HasSubstr("the server is not trusted"));
  trust();
  EXPECT_EQ(ask(server.url()).body, "anybody");

  TestAuthority other;
  ScriptedServer impostor(answer_all, ScriptedTls{.identity = other.issue("IP:127.0.0.1")});
  EXPECT_EQ(error(impostor.url()).code(), Code::kPermissionDenied);
}

TEST_F(Tls, TheNameAndTheTimeMustFit) {
  trust();
  ScriptedServer other_name(answer_all, identity("DNS:example.org,IP:127.0.0.2"));
  EXPECT_EQ(error(other_name.url()).code(), Code::kPermissionDenied);
  ScriptedServer expired(answer_all, identity("IP:127.0.0.1", -1h));
  const Error late = error(expired.url());
  EXPECT_EQ(late.code(), Code::kPermissionDenied);
  EXPECT_THAT(late.message(), HasSubstr("expired"));
  ScriptedServer by_name(answer_all, identity("DNS:localhost"));
  EXPECT_EQ(ask("https://localhost:" + std::to_string(by_name.port()) + "/").body, "anybody");
}

TEST_F(Tls, AServersOwnCertificateMayBeTheExtraCa) {
  const TestIdentity own = authority_.issue("IP:127.0.0.1");
  ScriptedServer server(answer_all, ScriptedTls{.identity = own});
  set_client({.tls = {.extra_ca_pem = own.certificate_pem}});
  EXPECT_EQ(ask(server.url()).body, "anybody");
}

TEST_F(Tls, OldVersionsAreRefused) {
  trust();
  ScriptedTls old = identity("IP:127.0.0.1");
  old.max_version = TLS1_1_VERSION;
  ScriptedServer server(answer_all, old);
  EXPECT_EQ(error(server.url()).code(), Code::kUnavailable);
  ScriptedTls enough = identity("IP:127.0.0.1");
  enough.max_version = TLS1_2_VERSION;
  ScriptedServer newer(answer_all, enough);
  EXPECT_EQ(ask(newer.url()).status, 200);
}

TEST_F(Tls, ShowsItsCertificate) {
  ScriptedTls demanding = identity("IP:127.0.0.1");
  demanding.client_ca_pem = authority_.pem();
  ScriptedServer server(answer_all, demanding);
  trust();
  EXPECT_EQ(error(server.url()).code(), Code::kUnavailable) << "without one";
  const TestIdentity client = authority_.issue("DNS:client");
  trust({.certificate_pem = client.certificate_pem + authority_.pem(), .key_pem = Secret(client.key_pem)});
  EXPECT_EQ(ask(server.url()).body, "known");
}

TEST_F(Tls, UnreadablePemIsFoundAtOnce) {
  const TestIdentity one = authority_.issue("DNS:a");
  const TestIdentity two = authority_.issue("DNS:b");
  EXPECT_EQ(refused({.extra_ca_pem = "no PEM"}), Code::kInvalidArgument);
  std::string broken = one.certificate_pem;
  broken.replace(60, 4, "!!!!");
  EXPECT_EQ(refused({.extra_ca_pem = broken}), Code::kInvalidArgument);
  EXPECT_EQ(refused({.extra_ca_pem = one.certificate_pem + broken}), Code::kInvalidArgument);
  EXPECT_EQ(refused({.certificate_pem = one.certificate_pem}), Code::kInvalidArgument);
  EXPECT_EQ(refused({.key_pem = Secret(one.key_pem)}), Code::kInvalidArgument);
  EXPECT_EQ(refused({.certificate_pem = one.certificate_pem, .key_pem = Secret("no PEM")}),
            Code::kInvalidArgument);
  EXPECT_EQ(refused({.certificate_pem = one.certificate_pem, .key_pem = Secret(two.key_pem)}),
            Code::kInvalidArgument);
  EXPECT_EQ(
      refused({.certificate_pem = one.certificate_pem,
               .key_pem = Secret(
                   "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n")}),
      Code::kInvalidArgument)
      << "and no terminal is asked";
  EXPECT_EQ(refused({.extra_ca_pem = std::string(kMaxPemBytes + 1, 'x')}), Code::kResourceExhausted);
}

TEST_F(Tls, AHandshakeThatStallsEndsWithTheConnectTime) {
  trust();
  ScriptedServer silent([](ScriptedConnection& c) { c.wait_closed(); });
  const auto start = std::chrono::steady_clock::now();
  const Error late = error({.url = url("https://127.0.0.1:" + std::to_string(silent.port()) + "/"),
                            .timeouts = {.connect = 500ms, .total = 30s}});
  EXPECT_EQ(late.code(), Code::kDeadlineExceeded) << late.message();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

TEST_F(Tls, AServerThatIsNoTlsIsUnavailable) {
  trust();
  ScriptedServer plain([](ScriptedConnection& c) {
    c.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    c.wait_closed();
  });
  EXPECT_EQ(error("https://127.0.0.1:" + std::to_string(plain.port()) + "/").code(), Code::kUnavailable);
}

// ---- HTTP/2, against nghttpd
// -----------------------------------------------------------------------------------

class Http2 : public Tls {
 protected:
  Http2() {
    trust();
    std::ofstream(server_.root() / "small") << "small";
    std::ofstream large(server_.root() / "large", std::ios::binary);
    for (int i = 0; i < 16; ++i) large << std::string(1 << 20, static_cast<char>('a' + i));
  }
  std::string at(std::string_view path) const { return server_.url(path); }
  Nghttpd server_{authority_};
};

TEST_F(Http2, IsSpokenWhereTlsAgreesOnIt) {
  const Answer answer = ask(at("/small"));
  EXPECT_TRUE(answer.response.http2);
  EXPECT_EQ(answer.body, "small");
  EXPECT_NE(answer.response.head.find("content-length"), std::nullopt);
  EXPECT_EQ(ask(at("/none")).status, 404);
  const Answer head = ask({.method = "HEAD", .url = url(at("/large"))});
  EXPECT_EQ(head.response.head.find("content-length"), "16777216");
  EXPECT_EQ(head.body, "");
}

TEST_F(Http2, CarriesManyAtOnceUpAndDown) {
  const std::string text(300'000, 'u');
  std::vector<std::jthread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      CountingSink down;
      const auto got = client_->send_and_wait({.url = url(at("/large")), .max_body_bytes = 16 << 20}, down);
      if (got && got->http2 && down.bytes == std::uint64_t{16} << 20) ++good;
      HttpTextSink up;
      const auto put = client_->send_and_wait(
          {.method = "POST",
           .url = url(at("/echo")),
           .body = std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size())},
          up);
      if (put && up.text == text) ++good;
    });
  }
  threads.clear();
  EXPECT_EQ(good, 16);
}

TEST_F(Http2, IsBoundedLikeTheRest) {
  EXPECT_EQ(error({.url = url(at("/large")), .max_body_bytes = 1000}).code(), Code::kResourceExhausted);
  EXPECT_EQ(error({.url = url(at("/small")), .addresses = policy({"public"})}).code(),
            Code::kPermissionDenied)
      << "also on the connection that is there";
  EXPECT_EQ(ask(at("/small")).body, "small");
}

// ---- proxies
// ---------------------------------------------------------------------------------------------------

// A forward proxy: CONNECT to anything on this machine, and plain requests by their absolute form.
class Proxy {
 public:
  explicit Proxy(std::string credentials = "") : credentials_(std::move(credentials)) {}

  [[nodiscard]] HttpProxyServer server(const std::string& user = "") const {
    return {.url = Url::parse(server_.url()).value(), .user = Secret(user)};
  }
  [[nodiscard]] std::string seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  [[nodiscard]] int accepted() const { return server_.accepted(); }
  [[nodiscard]] std::string url() const { return server_.url(); }

 private:
  void serve(ScriptedConnection& c) {
    const std::string request = c.request();
    {
      const std::lock_guard lock(mutex_);
      seen_ += request;
    }
    if (!credentials_.empty() &&
        request.find("Proxy-Authorization: Basic " + credentials_) == std::string::npos) {
      c.reply("407 Proxy Authentication Required", "Proxy-Authenticate: Basic realm=\"x\"\r\n", "");
      return;
    }
    if (!request.starts_with("CONNECT ")) {
      c.reply("200 OK", "", "through the proxy: " + request.substr(0, request.find("\r\n")));
      return;
    }
    const std::size_t colon = request.find(':');
    std::uint16_t port = 0;
    std::from_chars(request.data() + colon + 1, request.data() + request.size(), port);
    const int out = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(out, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
      c.reply("502 Bad Gateway", "", "");
    } else {
      c.send("HTTP/1.1 200 Connection established\r\nX-From-Proxy: 1\r\n\r\n");
      pump(c.fd(), out);
    }
    ::close(out);
  }
  static void pump(int a, int b) {
    pollfd both[] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
    char buffer[64 * 1024];
    for (;;) {
      ::poll(both, 2, -1);
      for (int i = 0; i < 2; ++i) {
        if (both[i].revents == 0) continue;
        const auto n = ::recv(both[i].fd, buffer, sizeof buffer, 0);
        if (n <= 0) return;
        for (ssize_t at = 0; at < n;) {
          const auto sent =
              ::send(both[1 - i].fd, buffer + at, static_cast<std::size_t>(n - at), MSG_NOSIGNAL);
          if (sent <= 0) return;
          at += sent;
        }
      }
    }
  }

  const std::string credentials_;  // base64
  std::mutex mutex_;
  std::string seen_;
  ScriptedServer server_{[this](ScriptedConnection& c) { serve(c); }};
};

class ThroughProxy : public Tls {
 protected:
  ThroughProxy() {
    for (const char* name : {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY",
                             "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}) {
      ::unsetenv(name);
    }
  }
  ~ThroughProxy() override {
    for (const char* name :
         {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "NO_PROXY"}) {
      ::unsetenv(name);
    }
  }
  void use(HttpProxy proxy) {
    set_client({.tls = {.extra_ca_pem = authority_.pem()}, .proxy = std::move(proxy)});
  }
};

TEST_F(ThroughProxy, TlsGoesThroughConnect) {
  Proxy proxy;
  ScriptedServer server(answer_all, identity("DNS:server.invalid,IP:127.0.0.1"));
  use({.for_https = proxy.server()});
  // A name that only the proxy can resolve.
  const Answer answer = ask({.url = url("https://server.invalid:" + std::to_string(server.port()) + "/x"),
                             .headers = {{"X-Mine", "1"}},
                             .authorization = Secret("Bearer token")});
  EXPECT_EQ(answer.body, "anybody");
  EXPECT_EQ(answer.response.head.find("x-from-proxy"), std::nullopt);
  EXPECT_THAT(proxy.seen(), HasSubstr("CONNECT server.invalid:"));
  EXPECT_THAT(proxy.seen(), Not(HasSubstr("token"))) << "the credentials are for the server";
  EXPECT_THAT(proxy.seen(), Not(HasSubstr("X-Mine")));
}

TEST_F(ThroughProxy, PlainRequestsGoToTheProxy) {
  Proxy proxy;
  use({.for_http = proxy.server()});
  EXPECT_EQ(ask("http://server.invalid/x?y").body,
            "through the proxy: GET http://server.invalid/x?y HTTP/1.1");
}

TEST_F(ThroughProxy, ShowsItsCredentials) {
  Proxy proxy("dXNlcjpwYTpzcw==");  // user:pa:ss
  ScriptedServer server(answer_all, identity("IP:127.0.0.1"));
  use({.for_http = proxy.server("user:pa:ss"), .for_https = proxy.server("user:pa:ss")});
  EXPECT_EQ(ask(server.url()).body, "anybody");
  EXPECT_EQ(ask("http://server.invalid/").status, 200);
  use({.for_http = proxy.server("user:wrong"), .for_https = proxy.server("user:wrong")});
  const Error denied = error(server.url());
  EXPECT_EQ(denied.code(), Code::kPermissionDenied) << denied.message();
  EXPECT_THAT(denied.message(), HasSubstr("407"));
  EXPECT_THAT(denied.to_string(), Not(HasSubstr("wrong")));
}

TEST_F(ThroughProxy, AProxyThatRefusesOrFloodsIsUnavailable) {
  ScriptedServer refusing([](ScriptedConnection& c) {
    c.request();
    c.reply("403 Forbidden", "", "no");
  });
  use({.for_https = HttpProxyServer{.url = url(refusing.url())}});
  EXPECT_EQ(error("https://server.invalid/").code(), Code::kUnavailable);
  ScriptedServer flooding([](ScriptedConnection& c) {
    c.request();
    c.send("HTTP/1.1 200 OK\r\n");
    while (c.send("X: " + std::string(1000, 'y') + "\r\n")) {
    }
  });
  use({.for_https = HttpProxyServer{.url = url(flooding.url())}});
  const auto start = std::chrono::steady_clock::now();
  const Error flood = error({.url = url("https://server.invalid/"), .timeouts = {.connect = 1s}});
  EXPECT_NE(flood.code(), Code::kInternal);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);
}

TEST_F(ThroughProxy, OfATargetAnAddressIsStillJudged) {
  Proxy proxy;
  use({.for_http = proxy.server(), .for_https = proxy.server()});
  for (const char* target : {"http://169.254.169.254/", "https://127.0.0.1/", "http://[::ffff:10.0.0.1]/"}) {
    EXPECT_EQ(error({.url = url(target), .addresses = policy({"public"})}).code(), Code::kPermissionDenied);
  }
  EXPECT_EQ(proxy.accepted(), 0);
  EXPECT_EQ(ask({.url = url("http://server.invalid/"), .addresses = policy({"public"})}).status, 200)
      << "the proxy itself is the operator's";
}

TEST_F(ThroughProxy, TheEnvironmentCountsOnlyWhereItIsAsked) {
  Proxy proxy;
  ScriptedServer direct([](ScriptedConnection& c) {
    while (!c.request().empty()) c.reply("200 OK", "", "direct");
  });
  ::setenv("http_proxy", proxy.url().c_str(), 1);
  ::setenv("all_proxy", proxy.url().c_str(), 1);
  use({});
  EXPECT_EQ(ask(direct.url()).body, "direct");
  use(HttpProxy::from_environment().value());
  EXPECT_THAT(ask(direct.url()).body, HasSubstr("through the proxy"));
  ::setenv("no_proxy", "example.org, 127.0.0.0/8", 1);
  use(HttpProxy::from_environment().value());
  EXPECT_EQ(ask(direct.url()).body, "direct");
}

TEST_F(ThroughProxy, ReadsTheEnvironment) {
  ::setenv("HTTP_PROXY", "http://cgi.example:1", 1);
  HttpProxy proxy = HttpProxy::from_environment().value();
  EXPECT_FALSE(proxy.for_http || proxy.for_https) << "a CGI request can set HTTP_PROXY";
  ::setenv("https_proxy", "http://me:pa%40ss@proxy.example:3128/", 1);
  ::setenv("all_proxy", "other.example", 1);
  ::setenv("no_proxy", ".internal,10.0.0.0/8,::1,, exact.example", 1);
  proxy = HttpProxy::from_environment().value();
  EXPECT_EQ(proxy.for_https->url.to_string(), "http://proxy.example:3128/");
  EXPECT_EQ(proxy.for_https->user.reveal(), "me:pa@ss");
  EXPECT_EQ(proxy.for_http->url.to_string(), "http://other.example/");
  EXPECT_TRUE(proxy.for_http->user.empty());
  const auto carried = [&](const char* target) { return proxy.for_url(url(target)) != nullptr; };
  EXPECT_TRUE(carried("http://example.org/"));
  EXPECT_FALSE(carried("http://a.internal/"));
  EXPECT_FALSE(carried("http://internal/"));
  EXPECT_TRUE(carried("http://notinternal/"));
  EXPECT_FALSE(carried("https://10.1.2.3/"));
  EXPECT_TRUE(carried("https://11.1.2.3/"));
  EXPECT_FALSE(carried("http://[::1]/"));
  EXPECT_FALSE(carried("http://sub.exact.example/"));
  ::setenv("no_proxy", "*", 1);
  proxy = HttpProxy::from_environment().value();
  EXPECT_FALSE(carried("http://example.org/"));
  ::setenv("https_proxy", "socks5://me:secret@x", 1);
  const auto bad = HttpProxy::from_environment();
  EXPECT_EQ(bad.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(bad.error().message(), HasSubstr("https_proxy"));
  EXPECT_THAT(bad.error().message(), Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace berth::net
