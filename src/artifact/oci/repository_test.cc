// Repository, wasm artifacts and OciSource over HTTP; what real and hostile registries do is in
// tests/registry.
#include "artifact/oci/repository.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "artifact/oci/oci_source.h"
#include "artifact/oci/test_registry.h"
#include "artifact/oci/wasm_artifact.h"

namespace berth::artifact::oci {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string kModule("\0asm\x01\0\0\0", 8);
const WasmConfig kConfig{.created = "2026-01-02T03:04:05Z", .os = "wasip1"};

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// One thread at a time.
class TextSink final : public ByteSink {
 public:
  Result<> write(std::span<const std::uint8_t> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }
  std::string text;
};

class Registries : public testing::Test {
 protected:
  Descriptor publish(const std::string& tag, std::string_view data, WasmConfig config = kConfig) {
    const Descriptor layer = wasm_layer(*Digest::of(bytes_of(data)), data.size());
    auto pushed = push(repository, tag, bytes_of(data), layer, config, {}, {});
    EXPECT_TRUE(pushed) << pushed.error().message();
    (void)server.take_requests();
    return *pushed;
  }
  // A manifest that refers to `subject`.
  Result<Descriptor> attach(const Descriptor& subject, const std::string& type) {
    Manifest manifest = std::get<Manifest>(repository.manifest(subject, {})->content);
    manifest.subject = subject;
    manifest.artifact_type = type;
    return repository.push_manifest(to_text(manifest), kManifestType, std::nullopt, {});
  }
  std::vector<std::string> referrers(const Descriptor& subject, std::string_view type = {}) {
    auto found = repository.referrers(subject.digest, type, {});
    EXPECT_TRUE(found) << found.error().message();
    std::vector<std::string> out;
    for (const Descriptor& entry : *found) out.push_back(entry.artifact_type);
    std::ranges::sort(out);
    return out;
  }

  TestRegistry server;
  std::unique_ptr<Registry> registry = server.connect();
  Repository repository{*registry, "a"};
};

TEST_F(Registries, PublishInspectAndFetch) {
  const Descriptor manifest = publish("v1", kModule);
  const auto artifact = inspect(repository, "v1", {});
  ASSERT_TRUE(artifact) << artifact.error().message();
  EXPECT_EQ(artifact->manifest.digest, manifest.digest);
  EXPECT_EQ(artifact->named, manifest.digest);
  EXPECT_EQ(artifact->config, kConfig);
  EXPECT_THAT(server.take_requests(),
              Not(Contains(HasSubstr("GET /v2/a/blobs/" + artifact->parts.layer.digest.to_string()))));
  TextSink sink;
  std::uint64_t last = 0;
  ASSERT_TRUE(pull(repository, *artifact, kMaxLayerBytes, sink,
                   [&](std::uint64_t done, std::uint64_t) { last = done; }, {}));
  EXPECT_EQ(sink.text, kModule);
  EXPECT_EQ(last, kModule.size());
  EXPECT_EQ(pull(repository, *artifact, kModule.size() - 1, sink, {}, {}).error().code(),
            Code::kResourceExhausted);
}

TEST_F(Registries, NothingIsSentTwice) {
  publish("v1", kModule);
  publish("v2", kModule);
  const Descriptor layer = wasm_layer(*Digest::of(bytes_of(kModule)), kModule.size());
  ASSERT_TRUE(push(repository, "v3", bytes_of(kModule), layer, kConfig, {}, {}));
  EXPECT_THAT(server.take_requests(), Not(Contains(HasSubstr("POST"))));
}

TEST_F(Registries, AStopRequestEndsAPause) {
  server.script([](const std::string&, const net::HttpRequest&) {
    return net::HttpResponse{.status = 429, .headers = {{"Retry-After", "20"}}};
  });
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop.request_stop();
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(repository.resolve("v1", stop.get_token()).error().code(), Code::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

// --- referrers ---

TEST_F(Registries, ReferrersByTheApi) {
  const Descriptor subject = publish("v1", kModule);
  EXPECT_THAT(referrers(subject), IsEmpty());
  ASSERT_TRUE(attach(subject, "test/one"));
  ASSERT_TRUE(attach(subject, "test/two"));
  EXPECT_THAT(referrers(subject), ElementsAre("test/one", "test/two"));
  // This registry does not pick by itself.
  EXPECT_THAT(referrers(subject, "test/two"), ElementsAre("test/two"));
  EXPECT_EQ(server.manifest(referrers_tag(subject.digest)), "");
}

TEST_F(Registries, ReferrersByTheTag) {
  server.lists_referrers(false);
  const Descriptor subject = publish("v1", kModule);
  EXPECT_THAT(referrers(subject), IsEmpty());
  ASSERT_TRUE(attach(subject, "test/one"));
  ASSERT_TRUE(attach(subject, "test/two"));
  ASSERT_TRUE(attach(subject, "test/two"));  // once is enough
  EXPECT_THAT(referrers(subject), ElementsAre("test/one", "test/two"));
  EXPECT_EQ(referrers_tag(subject.digest), "sha256-" + subject.digest.hex());
  EXPECT_THAT(server.manifest(referrers_tag(subject.digest)), HasSubstr("test/two"));
}

TEST_F(Registries, ReferrersByTheTagWhereTheApiIsSwitchedOff) {
  server.lists_referrers(false);
  server.script([](const std::string& request, const net::HttpRequest&) -> std::optional<net::HttpResponse> {
    if (!request.starts_with("GET /v2/a/referrers/")) return std::nullopt;
    return net::HttpResponse{.status = 405};
  });
  const Descriptor subject = publish("v1", kModule);
  EXPECT_THAT(referrers(subject), IsEmpty());
  ASSERT_TRUE(attach(subject, "test/one"));
  EXPECT_THAT(referrers(subject), ElementsAre("test/one"));
}

TEST_F(Registries, AnEntryThatAnotherWriterUndidIsWrittenAgain) {
  server.lists_referrers(false);
  const Descriptor subject = publish("v1", kModule);
  const std::string put = "PUT /v2/a/manifests/" + referrers_tag(subject.digest);
  int undone = 0;
  server.script([&](const std::string& request, const net::HttpRequest&) -> std::optional<net::HttpResponse> {
    if (request != put || undone == 2) return std::nullopt;
    ++undone;  // says yes, but somebody else's list is there afterwards
    return net::HttpResponse{.status = 201};
  });
  ASSERT_TRUE(attach(subject, "test/one"));
  EXPECT_EQ(undone, 2);
  EXPECT_THAT(referrers(subject), ElementsAre("test/one"));
  server.script([&](const std::string& request, const net::HttpRequest&) -> std::optional<net::HttpResponse> {
    return request == put ? std::optional(net::HttpResponse{.status = 201}) : std::nullopt;
  });
  EXPECT_EQ(attach(subject, "test/two").error().code(), Code::kAborted);
}

TEST_F(Registries, AFullListTakesNoMore) {
  server.lists_referrers(false);
  const Descriptor subject = publish("v1", kModule);
  Index full;
  for (std::size_t i = 0; i < kMaxReferrers; ++i) {
    full.manifests.push_back({.media_type = std::string(kManifestType),
                              .digest = *Digest::of(bytes_of(std::to_string(i))),
                              .size = 1,
                              .artifact_type = "test/one"});
  }
  ASSERT_TRUE(repository.push_manifest(to_text(full), kIndexType, referrers_tag(subject.digest), {}));
  EXPECT_EQ(referrers(subject).size(), kMaxReferrers);
  EXPECT_EQ(attach(subject, "test/two").error().code(), Code::kResourceExhausted);
}

TEST_F(Registries, ReferrersInPages) {
  const Descriptor subject = publish("v1", kModule);
  const std::string path = "/v2/a/referrers/" + subject.digest.to_string();
  server.script([&](const std::string& request, const net::HttpRequest&) -> std::optional<net::HttpResponse> {
    if (!request.starts_with("GET " + path)) return std::nullopt;
    Index page{
        .manifests = {{.media_type = std::string(kManifestType), .digest = subject.digest, .size = 1}}};
    const bool last = request.ends_with("page=2");
    page.manifests[0].artifact_type = last ? "test/two" : "test/one";
    net::HttpResponse out{.status = 200, .content_type = std::string(kIndexType), .body = to_text(page)};
    if (!last) out.headers.emplace_back("Link", "<" + path + "?page=2>; rel=\"next\"");
    return out;
  });
  EXPECT_THAT(referrers(subject), ElementsAre("test/one", "test/two"));
}

// --- as a source ---

class Sources : public Registries {
 protected:
  Result<FetchOutcome> fetch(const FetchRequest& request) {
    sink.text.clear();
    return source.fetch(request, sink, {});
  }
  static FetchRequest first() { return {.max_bytes = kMaxLayerBytes}; }
  static FetchRequest again(const Fetched& known) {
    return {.known = Known{known.digest, known.validators}, .max_bytes = kMaxLayerBytes};
  }

  TextSink sink;
  Result<> verdict;
  std::vector<WasmArtifact> shown;
  OciSource source{server.connect(), server.reference(),
                   [this](const Repository&, const WasmArtifact& artifact, const std::stop_token&) {
                     shown.push_back(artifact);
                     return verdict;
                   }};
};

TEST_F(Sources, GivesTheComponentAndThenThatNothingChanged) {
  publish("v1", kModule);
  const auto outcome = fetch(first());
  ASSERT_TRUE(outcome) << outcome.error().message();
  const auto& fetched = std::get<Fetched>(*outcome);
  EXPECT_EQ(sink.text, kModule);
  EXPECT_EQ(fetched.digest, *Digest::of(bytes_of(kModule)));
  EXPECT_EQ(fetched.bytes, kModule.size());
  EXPECT_EQ(fetched.media_type, kWasmLayerType);
  EXPECT_EQ(shown.size(), 1);
  (void)server.take_requests();

  const auto second = fetch(again(fetched));
  ASSERT_TRUE(second && std::holds_alternative<Unchanged>(*second));
  EXPECT_EQ(std::get<Unchanged>(*second).validators, fetched.validators);
  EXPECT_THAT(server.take_requests(), ElementsAre("HEAD /v2/a/manifests/v1"));
}

TEST_F(Sources, GivesWhatTheTagWasMovedTo) {
  publish("v1", kModule);
  const auto before = std::get<Fetched>(*fetch(first()));
  const std::string newer = kModule + std::string("\0\x05\x04name", 7);
  publish("v1", newer);
  const auto outcome = fetch(again(before));
  ASSERT_TRUE(outcome && std::holds_alternative<Fetched>(*outcome));
  EXPECT_EQ(sink.text, newer);
}

TEST_F(Sources, TheSameComponentPublishedAgainIsUnchangedButLookedAt) {
  publish("v1", kModule);
  const auto before = std::get<Fetched>(*fetch(first()));
  publish("v1", kModule, WasmConfig{.created = "2027-01-02T03:04:05Z", .os = "wasip1"});
  const auto outcome = fetch(again(before));
  ASSERT_TRUE(outcome && std::holds_alternative<Unchanged>(*outcome));
  EXPECT_NE(std::get<Unchanged>(*outcome).validators, before.validators);
  EXPECT_EQ(shown.size(), 2);
  EXPECT_EQ(sink.text, "");
}

TEST_F(Sources, RefusesBeforeTheComponentIsFetched) {
  publish("v1", kModule);
  verdict = fail(Code::kPermissionDenied, "no grant covers it");
  EXPECT_EQ(fetch(first()).error().code(), Code::kPermissionDenied);
  verdict = {};
  EXPECT_EQ(fetch({.expected = Digest(), .max_bytes = kMaxLayerBytes}).error().code(),
            Code::kFailedPrecondition);
  EXPECT_EQ(fetch({.max_bytes = kModule.size() - 1}).error().code(), Code::kResourceExhausted);
  const std::string layer = Digest::of(bytes_of(kModule))->to_string();
  EXPECT_THAT(server.take_requests(), Not(Contains("GET /v2/a/blobs/" + layer)));
  EXPECT_EQ(sink.text, "");
}

TEST_F(Sources, SaysWhatIsMissing) {
  const auto outcome = fetch(first());
  EXPECT_EQ(outcome.error().code(), Code::kNotFound);
  EXPECT_THAT(outcome.error().message(), HasSubstr("resolving v1"));
}

}  // namespace
}  // namespace berth::artifact::oci
