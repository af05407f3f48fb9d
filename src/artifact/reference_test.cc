// References: what each scheme takes, refuses, and prints.
#include "artifact/reference.h"

#include <gtest/gtest.h>

#include "artifact/limits.h"

namespace berth::artifact {
namespace {

const std::string kHex(64, 'a');

template <class T>
T parsed(std::string_view text) {
  auto reference = parse_reference(text);
  EXPECT_TRUE(reference) << text << ": " << (reference ? "" : reference.error().message());
  if (!reference || !std::holds_alternative<T>(*reference)) {
    ADD_FAILURE() << text << " is of another kind";
    std::abort();
  }
  return std::get<T>(*reference);
}

void expect_refused(std::string_view text) {
  const auto reference = parse_reference(text);
  ASSERT_FALSE(reference) << text;
  EXPECT_EQ(reference.error().code(), Code::kInvalidArgument) << text;
}

TEST(FileReference, IsAPathAsWritten) {
  EXPECT_EQ(parsed<FileReference>("file:store.wasm").path, "store.wasm");
  EXPECT_EQ(parsed<FileReference>("file:../a b/%20.wasm").path, "../a b/%20.wasm");
  EXPECT_EQ(parsed<FileReference>("file:/srv/store.wasm").path, "/srv/store.wasm");
  EXPECT_EQ(parsed<FileReference>("file:///srv/store.wasm").path, "/srv/store.wasm");
  for (const char* text :
       {"file:", "file:/", "file:a/", "file://host/a", "file://a", "file:////", "File:a", "file:a\nb"}) {
    expect_refused(text);
  }
  expect_refused(std::string_view("file:a\0b", 8));
}

TEST(HttpReference, IsAStrictUrl) {
  EXPECT_EQ(parsed<HttpReference>("https://a.example:8443/x.wasm?v=1").url.to_string(),
            "https://a.example:8443/x.wasm?v=1");
  for (const char* text :
       {"http://", "HTTP://a/", "http://u:p@a/", "http://0x7f.1/", "http://a/#f", "ftp://a/"}) {
    expect_refused(text);
  }
}

TEST(OciReference, HasItsParts) {
  const auto plain = parsed<OciReference>("oci://Registry.Example.ORG/gather/core:v1.0_x-y");
  EXPECT_EQ(plain.host, "registry.example.org");
  EXPECT_EQ(plain.port, std::nullopt);
  EXPECT_EQ(plain.repository, "gather/core");
  EXPECT_EQ(plain.tag, "v1.0_x-y");
  EXPECT_EQ(plain.digest, std::nullopt);
  EXPECT_EQ(plain.registry(), "registry.example.org");
  EXPECT_EQ(plain.tag_or_digest(), "v1.0_x-y");

  const auto local = parsed<OciReference>("oci://127.0.0.1:5000/a");
  EXPECT_EQ(local.registry(), "127.0.0.1:5000");
  EXPECT_EQ(local.tag_or_digest(), "latest");
  EXPECT_TRUE(local.is_loopback());

  const auto pinned = parsed<OciReference>("oci://localhost/a@sha256:" + kHex);
  EXPECT_EQ(pinned.tag, std::nullopt);
  EXPECT_EQ(pinned.digest->hex(), kHex);
  EXPECT_EQ(pinned.tag_or_digest(), "sha256:" + kHex);
  EXPECT_TRUE(pinned.is_loopback());

  const auto both = parsed<OciReference>("oci://[::1]:443/a/b:v1@sha256:" + kHex);
  EXPECT_EQ(both.registry(), "[::1]:443");
  EXPECT_EQ(both.tag, "v1");
  EXPECT_EQ(both.tag_or_digest(), "sha256:" + kHex);
  EXPECT_TRUE(both.is_loopback());
  EXPECT_EQ(parsed<OciReference>("oci://[::1]/a").port, std::nullopt);
  EXPECT_FALSE(parsed<OciReference>("oci://localhost.example.org/a").is_loopback());
  EXPECT_FALSE(parsed<OciReference>("oci://10.0.0.1/a").is_loopback());
}

TEST(OciReference, KnowsNames) {
  for (const char* name :
       {"a", "0", "a0/b1", "a.b", "a_b", "a__b", "a-b", "a----b", "a/b/c/d", "a.b_c-d/e__f"}) {
    EXPECT_TRUE(is_repository(name)) << name;
  }
  for (const char* name :
       {"",      "/",  "a/", "/a", "a//b", "A",    "a.",  ".a",    "a..b", "..",  "../a",      "a/../b",
        "a___b", "_a", "a_", "-a", "a-",   "a._b", "a b", "a%2fb", "a:b",  "a@b", "a\xc3\xbc", "a.-b"}) {
    EXPECT_FALSE(is_repository(name)) << name;
  }
  EXPECT_TRUE(is_repository(std::string(kMaxRepositoryBytes, 'a')));
  EXPECT_FALSE(is_repository(std::string(kMaxRepositoryBytes + 1, 'a')));
  EXPECT_TRUE(is_tag(std::string(kMaxTagBytes, 'a')));
  EXPECT_FALSE(is_tag(std::string(kMaxTagBytes + 1, 'a')));
  for (const char* tag : {"", ".a", "-a", "a/b", "a b", "a+b", "..", "a:b"}) EXPECT_FALSE(is_tag(tag)) << tag;
  for (const char* tag : {"_a", "V1", "1.2.3-rc.1", "latest", "sha256-abc.sig"})
    EXPECT_TRUE(is_tag(tag)) << tag;
}

TEST(OciReference, RefusesEverythingElse) {
  for (const std::string& text : {std::string("oci:a"),
                                  std::string("oci:/a/b"),
                                  std::string("oci://"),
                                  std::string("oci://a"),
                                  std::string("oci:///a"),
                                  std::string("oci://a/"),
                                  std::string("oci://a/B"),
                                  std::string("oci://a/b:"),
                                  std::string("oci://a/b@"),
                                  std::string("oci://a/b:c:d"),
                                  std::string("oci://a/b:c/d"),
                                  std::string("oci://a/../b"),
                                  std::string("oci://u@a/b"),
                                  std::string("oci://u:p@a/b"),
                                  std::string("oci://a:0/b"),
                                  std::string("oci://a:/b"),
                                  std::string("oci://a/b?x"),
                                  std::string("oci://a?x/b"),
                                  std::string("oci://a#x/b"),
                                  std::string("oci://a/b#x"),
                                  std::string("oci://0x7f.1/a"),
                                  std::string("oci://127.0.0.1./a"),
                                  std::string("oci://a/b@md5:d41d8cd98f00b204e9800998ecf8427e"),
                                  "oci://a/b@sha256:" + kHex + "@sha256:" + kHex,
                                  "oci://a/b@sha256:" + kHex + ":v1",
                                  "oci://a/b@SHA256:" + kHex,
                                  std::string("OCI://a/b"),
                                  std::string("oci://a\\b/c"),
                                  std::string("oci://a b/c")}) {
    expect_refused(text);
  }
}

TEST(Reference, SaysWhatToWrite) {
  EXPECT_NE(parse_reference("store.wasm").error().message().find("file:PATH"), std::string::npos);
  EXPECT_NE(parse_reference("s3://a/b").error().message().find("unknown scheme"), std::string::npos);
  EXPECT_NE(parse_reference("oci://a").error().message().find("has no repository"), std::string::npos);
}

TEST(Reference, IsParsedFromWhatItPrints) {
  for (const std::string& text :
       {std::string("file:store.wasm"), std::string("file:/a"), std::string("file:////a"),
        std::string("https://a/b?c"), std::string("oci://a/b"), "oci://a:5/b:c@sha256:" + kHex}) {
    const auto first = parse_reference(text);
    ASSERT_TRUE(first) << text;
    const auto second = parse_reference(to_string(*first));
    ASSERT_TRUE(second) << to_string(*first);
    EXPECT_EQ(*first, *second);
  }
  EXPECT_EQ(shown(*parse_reference("https://a/b?token=x")), "https://a/b?...");
}

TEST(Reference, IsBounded) {
  const std::string file = "file:";
  EXPECT_TRUE(parse_reference(file + std::string(kMaxReferenceBytes - file.size(), 'a')));
  expect_refused(file + std::string(kMaxReferenceBytes - file.size() + 1, 'a'));
  EXPECT_FALSE(parse_oci_reference("a/" + std::string(kMaxReferenceBytes, 'a')));
}

TEST(Reference, CommandsMayLeaveTheSchemeOut) {
  EXPECT_EQ(parse_oci_reference("localhost:5000/a:b")->to_string(), "oci://localhost:5000/a:b");
  EXPECT_EQ(parse_oci_reference("oci://localhost:5000/a:b")->to_string(), "oci://localhost:5000/a:b");
  EXPECT_FALSE(parse_oci_reference("https://a/b"));
}

}  // namespace
}  // namespace berth::artifact
