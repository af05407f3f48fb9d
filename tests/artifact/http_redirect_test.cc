// HttpSource and redirects: which are followed, and what goes with them.
#include <atomic>
#include <fstream>
#include <mutex>

#include "fetching.h"

namespace berth::artifact {
namespace {

// A server whose answers are made by a function of the request's target.
class Redirecting : public Fetching {
 protected:
  Redirecting() { ::setenv("BERTH_TEST_TOKEN", "hunter2", 1); }
  ~Redirecting() override { ::unsetenv("BERTH_TEST_TOKEN"); }

  static ScriptedServer::Script redirect_to(std::function<std::string(const std::string& target)> location) {
    return [location = std::move(location)](ScriptedConnection& c) {
      for (std::string request; !(request = c.request()).empty();) {
        const std::string target = request.substr(4, request.find(' ', 4) - 4);
        c.reply("302 Found", "Location: " + location(target) + "\r\n", "<html>moved</html>");
      }
    };
  }
  // Serves "here", and notes the requests.
  ScriptedServer::Script end() {
    return [this](ScriptedConnection& c) {
      for (std::string request; !(request = c.request()).empty();) {
        {
          const std::lock_guard lock(mutex_);
          seen_ += request;
        }
        c.reply("200 OK", "ETag: \"1\"\r\n", c.has_client_certificate() ? "here, known" : "here");
      }
    };
  }
  std::string seen() {
    const std::lock_guard lock(mutex_);
    return std::exchange(seen_, {});
  }
  static HttpSourceOptions with_token() {
    return {.credentials = {.bearer = SecretPlace{.environment = "BERTH_TEST_TOKEN"}},
            .addresses = {"127.0.0.0/8"},
            .plain_credentials = Downgrade::kAllow};
  }

 private:
  std::mutex mutex_;
  std::string seen_;
};

TEST_F(Redirecting, IsFollowedAFewTimes) {
  std::atomic<int> left = 5;
  ScriptedServer server([&](ScriptedConnection& c) {
    while (!c.request().empty()) {
      if (left-- > 0) {
        c.reply("307 Temporary Redirect", "Location: ../next\r\n", "");
      } else {
        c.reply("200 OK", "", "here");
      }
    }
  });
  EXPECT_TRUE(fetch(server.url("/a/b")));
  EXPECT_EQ(text_, "here");
  left = 6;
  const Error many = error(server.url());
  EXPECT_EQ(many.code(), Code::kResourceExhausted);
  EXPECT_THAT(many.message(), HasSubstr("more than 5 redirects"));
  left = 1;
  EXPECT_EQ(error(server.url(), {.max_redirects = 0}).code(), Code::kResourceExhausted);
}

TEST_F(Redirecting, EveryKindOfRedirectIsOne) {
  for (const char* status : {"301 x", "302 x", "303 x", "307 x", "308 x"}) {
    ScriptedServer server([&](ScriptedConnection& c) {
      for (std::string request; !(request = c.request()).empty();) {
        if (request.starts_with("GET / ")) {
          c.reply(status, "Location: /there#fragment\r\n", "");
        } else {
          c.reply("200 OK", "", request.substr(0, request.find(" HTTP")));
        }
      }
    });
    EXPECT_TRUE(fetch(server.url()));
    EXPECT_EQ(text_, "GET /there") << status;
  }
}

TEST_F(Redirecting, TheSameOriginKeepsTheCredentials) {
  ScriptedServer server([](ScriptedConnection& c) {
    for (std::string request; !(request = c.request()).empty();) {
      if (request.starts_with("GET / ")) {
        c.reply("302 Found", "Location: /there\r\n", "");
      } else {
        c.reply("200 OK", "", request);
      }
    }
  });
  EXPECT_TRUE(fetch(server.url(), with_token()));
  EXPECT_THAT(text_, HasSubstr("GET /there"));
  EXPECT_THAT(text_, HasSubstr("Authorization: Bearer hunter2"));
}

TEST_F(Redirecting, AnotherPortOrHostGetsNoCredentials) {
  ScriptedServer target(end());
  const std::string port = std::to_string(target.port());
  // Another port of this host, and another name and address of the very same server.
  for (const std::string& location : {target.url(), "http://localhost:" + port + "/"}) {
    ScriptedServer server(redirect_to([&](const std::string&) { return location; }));
    ASSERT_TRUE(fetch(server.url(), with_token())) << location;
    EXPECT_THAT(seen(), Not(HasSubstr("hunter2"))) << location;
  }
}

TEST_F(Redirecting, CredentialsDoNotComeBack) {
  std::mutex mutex;
  std::string last;
  std::string away;
  ScriptedServer server([&](ScriptedConnection& c) {
    for (std::string request; !(request = c.request()).empty();) {
      const std::lock_guard lock(mutex);
      last = request;
      if (request.starts_with("GET /start ")) {
        c.reply("302 Found", "Location: " + away + "\r\n", "");
      } else {
        c.reply("200 OK", "", "here");
      }
    }
  });
  ScriptedServer other(redirect_to([&](const std::string&) { return server.url("/steal"); }));
  {
    const std::lock_guard lock(mutex);
    away = other.url();
  }
  EXPECT_TRUE(fetch(server.url("/start"), with_token()));
  const std::lock_guard lock(mutex);
  EXPECT_THAT(last, HasSubstr("GET /steal"));
  EXPECT_THAT(last, Not(HasSubstr("hunter2")));
}

TEST_F(Redirecting, AnotherHostMustBePublicOrNamed) {
  ScriptedServer target(end(), std::nullopt, "127.0.0.2");
  for (const std::string& location :
       {target.url(), "http://[::ffff:127.0.0.2]:" + std::to_string(target.port()) + "/",
        std::string("http://169.254.169.254/latest/meta-data/"), std::string("http://100.100.100.200/"),
        std::string("http://[fd00::1]/"), std::string("http://[fe80::1]/"),
        std::string("http://[64:ff9b::7f00:2]/"), std::string("http://0.0.0.0/"),
        std::string("http://10.0.0.1/"), std::string("http://localhost/")}) {
    ScriptedServer server(redirect_to([&](const std::string&) { return location; }));
    const Error denied = error(server.url());
    EXPECT_EQ(denied.code(), Code::kPermissionDenied) << location << ": " << denied.message();
    EXPECT_THAT(denied.message(), HasSubstr(server.url() + " is redirected")) << location;
  }
  EXPECT_EQ(target.accepted(), 0);
  ScriptedServer server(redirect_to([&](const std::string&) { return target.url(); }));
  EXPECT_TRUE(fetch(server.url(), {.addresses = {"127.0.0.2"}}));
  EXPECT_EQ(text_, "here");
}

TEST_F(Redirecting, OtherSchemesAndMalformedTargetsAreRefused) {
  for (const char* location :
       {"file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:6379/_x", "data:text/plain,x",
        "javascript:1", "http://user:pass@127.0.0.1/", "http://0x7f000001/", "http://2130706433/",
        "http://127.1/", "http://0177.0.0.1/", "http://127.0.0.1./", "http://", "//", "http://a b/", "/a b",
        "/\\evil", "http:\\\\evil/", "http://a:99999/", "oci://a/b"}) {
    ScriptedServer server(redirect_to([&](const std::string&) { return location; }));
    EXPECT_EQ(error(server.url()).code(), Code::kPermissionDenied) << location;
  }
}

TEST_F(Redirecting, FromHttpsToHttpNeedsPermission) {
  net::TestAuthority authority;
  ScriptedServer plain(end());
  ScriptedServer server(redirect_to([&](const std::string&) { return plain.url(); }),
                        net::ScriptedTls{.identity = authority.issue("IP:127.0.0.1")});
  const std::filesystem::path ca = ::testing::TempDir() + "/berth-redirect-ca.pem";
  std::ofstream(ca) << authority.pem();
  HttpSourceOptions options{.tls = {.extra_ca = ca}};
  const Error denied = error(server.url(), options);
  EXPECT_EQ(denied.code(), Code::kPermissionDenied);
  EXPECT_EQ(plain.accepted(), 0);
  options.downgrade = Downgrade::kAllow;
  EXPECT_TRUE(fetch(server.url(), options));
  std::filesystem::remove(ca);
}

TEST_F(Redirecting, AnotherOriginDoesNotSeeTheClientCertificate) {
  net::TestAuthority authority;
  // They ask for a certificate and would take none.
  net::ScriptedTls tls{.identity = authority.issue("IP:127.0.0.1")};
  net::ScriptedTls asking = tls;
  asking.client_ca_pem = authority.pem();
  const net::TestIdentity client = authority.issue("DNS:client");
  const std::filesystem::path folder = ::testing::TempDir() + "/berth-redirect-tls";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "ca") << authority.pem();
  std::ofstream(folder / "certificate") << client.certificate_pem;
  std::ofstream(folder / "key") << client.key_pem;
  const HttpSourceOptions options{
      .tls = {.extra_ca = folder / "ca", .certificate = folder / "certificate", .key = folder / "key"}};

  ScriptedServer target(end(), asking);
  EXPECT_TRUE(fetch(target.url(), options));
  EXPECT_EQ(text_, "here, known");
  ScriptedServer server(redirect_to([&](const std::string&) { return target.url(); }), asking);
  EXPECT_FALSE(fetch(server.url(), options)) << "the target demands one, and gets none";
  std::filesystem::remove_all(folder);
}

TEST_F(Redirecting, ValidatorsAreOfTheTargetAndItsSignatureMayChange) {
  ScriptedServer target([](ScriptedConnection& c) {
    for (std::string request; !(request = c.request()).empty();) {
      if (request.find("If-None-Match: \"1\"") != std::string::npos) {
        c.send("HTTP/1.1 304 Not Modified\r\n\r\n");
      } else {
        c.reply("200 OK", "ETag: \"1\"\r\n", request.substr(0, request.find('?')));
      }
    }
  });
  std::atomic<int> signature = 0;
  std::atomic<bool> moved = false;
  ScriptedServer server(redirect_to([&](const std::string&) {
    return target.url((moved ? "/other?sig=" : "/blob?sig=") + std::to_string(++signature));
  }));
  const auto from = source(server.url());
  const Fetched first = fetched(fetch(*from));
  EXPECT_EQ(first.digest, digest_of("GET /blob"));
  EXPECT_TRUE(is_unchanged(fetch(*from, {.known = known(first)})));
  moved = true;
  EXPECT_EQ(fetched(fetch(*from, {.known = known(first)})).digest, digest_of("GET /other"))
      << "another file with the same tag";
}

TEST_F(Redirecting, AllOfItTogetherHasOneTimeLimit) {
  ScriptedServer server([](ScriptedConnection& c) {
    while (!c.request().empty()) {
      std::this_thread::sleep_for(100ms);
      c.reply("302 Found", "Location: /again\r\n", "");
    }
  });
  const auto start = std::chrono::steady_clock::now();
  const Error late = error(server.url(), {.max_redirects = 1000, .timeouts = {.total = 500ms}});
  EXPECT_EQ(late.code(), Code::kDeadlineExceeded);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

}  // namespace
}  // namespace berth::artifact
