// Url: what is one, what is refused, and where references lead.
#include "net/url.h"

#include <gtest/gtest.h>

#include "net/limits.h"

namespace berth::net {
namespace {

Url url(std::string_view text) {
  auto parsed = Url::parse(text);
  EXPECT_TRUE(parsed) << text << ": " << (parsed ? "" : parsed.error().message());
  return parsed ? *parsed : Url::parse("http://failed/").value();
}

TEST(Url, HasItsParts) {
  const Url u = url("HTTPS://Example.ORG:8443/a/%20b?x=1&y");
  EXPECT_TRUE(u.https());
  EXPECT_EQ(u.host(), "example.org");
  EXPECT_EQ(u.port(), 8443);
  EXPECT_EQ(u.path(), "/a/%20b");
  EXPECT_EQ(u.query(), "x=1&y");
  EXPECT_EQ(u.authority(), "example.org:8443");
  EXPECT_EQ(u.to_string(), "https://example.org:8443/a/%20b?x=1&y");
  EXPECT_EQ(u.shown(), "https://example.org:8443/a/%20b?...");
}

TEST(Url, FillsInWhatIsMissing) {
  EXPECT_EQ(url("http://a").to_string(), "http://a/");
  EXPECT_EQ(url("http://a?x").to_string(), "http://a/?x");
  EXPECT_EQ(url("http://a:80/").to_string(), "http://a/");
  EXPECT_EQ(url("https://a:80/").to_string(), "https://a:80/");
  EXPECT_EQ(url("http://[0:0::1]:81/").to_string(), "http://[::1]:81/");
  EXPECT_EQ(url("http://[::1]").host(), "::1");
  EXPECT_EQ(url("http://a_b.svc/").host(), "a_b.svc");
}

TEST(Url, RefusesWhatIsReadInTwoWays) {
  for (const char* text : {"",
                           "a",
                           "//a",
                           "http:a",
                           "http:/a",
                           "http:///a",
                           "ftp://a/",
                           "file:///etc/passwd",
                           "http://",
                           "http://:80/",
                           "http://user@a/",
                           "http://user:pass@a/",
                           "http://a@b:80/",
                           "http://a\\@b/",
                           "http://a#@b/",
                           "http://a/#x",
                           "http://a:/",
                           "http://a:0/",
                           "http://a:080/",
                           "http://a:65536/",
                           "http://a:+80/",
                           "http://a:80:80/",
                           "http://a:8 0/",
                           "http://127.1/",
                           "http://0x7f000001/",
                           "http://2130706433/",
                           "http://0177.0.0.1/",
                           "http://127.0.0.1./",
                           "http://a./",
                           "http://a..b/",
                           "http://.a/",
                           "http://-a/",
                           "http://a-.b/",
                           "http://a b/",
                           "http://a/ b",
                           "http://a/\r\nx: y",
                           "http://a/\\..",
                           "http://a/%",
                           "http://a/%2",
                           "http://a/%zz",
                           "http://a?\x7f",
                           "http://b\xc3\xbc"
                           "cher/",
                           "http://a/\xc3\xbc",
                           "http://[::1/",
                           "http://[::1]x/",
                           "http://[127.0.0.1]/",
                           "http://[fe80::1%eth0]/",
                           "http://::1/",
                           "http://a%2eb/",
                           "http://[::1]@b/"}) {
    const auto parsed = Url::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code(), Code::kInvalidArgument) << text;
  }
  EXPECT_FALSE(Url::parse(std::string("http://a/\0b", 11)));
  EXPECT_FALSE(Url::parse("http://" + std::string(64, 'a') + "/"));
  EXPECT_TRUE(Url::parse("http://" + std::string(63, 'a') + "/"));
}

TEST(Url, IsBounded) {
  const std::string head = "http://a/";
  EXPECT_TRUE(Url::parse(head + std::string(kMaxUrlBytes - head.size(), 'x')));
  EXPECT_FALSE(Url::parse(head + std::string(kMaxUrlBytes - head.size() + 1, 'x')));
  // As it is printed, with the slash that is not written here.
  EXPECT_TRUE(Url::parse("http://a?" + std::string(kMaxUrlBytes - head.size() - 1, 'x')));
  EXPECT_FALSE(Url::parse("http://a?" + std::string(kMaxUrlBytes - head.size(), 'x')));
  EXPECT_FALSE(url(head).resolve(std::string(kMaxUrlBytes + 1, 'x')));
}

TEST(Url, DoesNotShowSecretsInErrors) {
  const auto parsed = Url::parse("http://me:hunter2@a/?token=hunter2");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message().find("hunter2"), std::string::npos);
}

// RFC 3986, 5.4, as far as it is http.
TEST(Url, ResolvesReferences) {
  const Url base = url("http://a/b/c/d?q");
  for (const auto& [reference, target] : std::initializer_list<std::pair<const char*, const char*>>{
           {"g", "http://a/b/c/g"},
           {"./g", "http://a/b/c/g"},
           {"g/", "http://a/b/c/g/"},
           {"/g", "http://a/g"},
           {"//g", "http://g/"},
           {"?y", "http://a/b/c/d?y"},
           {"g?y", "http://a/b/c/g?y"},
           {"#s", "http://a/b/c/d?q"},
           {"g#s", "http://a/b/c/g"},
           {"", "http://a/b/c/d?q"},
           {".", "http://a/b/c/"},
           {"./", "http://a/b/c/"},
           {"..", "http://a/b/"},
           {"../g", "http://a/b/g"},
           {"../../g", "http://a/g"},
           {"../../../g", "http://a/g"},
           {"/./g", "http://a/g"},
           {"/../g", "http://a/g"},
           {"..g", "http://a/b/c/..g"},
           {"g/../h", "http://a/b/c/h"},
           {"g?y/../x", "http://a/b/c/g?y/../x"},
           {"a//b", "http://a/b/c/a//b"},
           {"https://c:1/x/../y?z", "https://c:1/y?z"}}) {
    const auto resolved = base.resolve(reference);
    ASSERT_TRUE(resolved) << reference;
    EXPECT_EQ(resolved->to_string(), target) << reference;
  }
  for (const char* reference : {"ftp://a/", "file:///etc/passwd", "g:h", "http:g", "javascript:1", "//me@g/",
                                "a b", "x\r\nSet-Cookie: a", "//127.1/", "data:,x"}) {
    EXPECT_FALSE(base.resolve(reference)) << reference;
  }
}

TEST(Url, TellsOriginsApart) {
  EXPECT_EQ(url("http://a/x").origin(), url("http://A:80/y").origin());
  EXPECT_NE(url("http://a/").origin(), url("https://a/").origin());
  EXPECT_NE(url("http://a/").origin(), url("http://a:81/").origin());
  EXPECT_NE(url("http://a/").origin(), url("http://b.a/").origin());
}

TEST(Url, GetsAnotherTarget) {
  const Url u = url("https://a:5/x?y");
  EXPECT_EQ(u.with_target("/v2/", "n=1")->to_string(), "https://a:5/v2/?n=1");
  EXPECT_FALSE(u.with_target("v2", ""));
  EXPECT_FALSE(u.with_target("/v2?x", ""));
  EXPECT_FALSE(u.with_target("/v2", "a b"));
}

}  // namespace
}  // namespace berth::net
