// Manifests, indexes and the wasm layouts: what is read, what is refused, what is written.
#include "artifact/oci/manifest.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artifact/oci/limits.h"
#include "artifact/oci/media_type.h"
#include "artifact/oci/wasm_layout.h"

namespace berth::artifact::oci {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kHex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const std::string kOtherHex = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

std::string descriptor(std::string_view type, std::string_view more = "", std::string_view digest = "") {
  return fmt::format(R"({{"mediaType":"{}","digest":"{}","size":7{}}})", type,
                     digest.empty() ? "sha256:" + kHex : std::string(digest), more);
}
std::string manifest(std::string_view config, std::string_view layers, std::string_view more = "") {
  return fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]{}}})", kManifestType,
                     config, layers, more);
}
std::string wasm() { return manifest(descriptor(kWasmConfigType), descriptor(kWasmLayerType)); }

Error refused(std::string_view text, std::string_view type = kManifestType) {
  auto content = parse_content(text, type);
  return content ? Error(Code::kInternal, "it was not refused") : content.error();
}

TEST(MediaType, IgnoresParametersAndCase) {
  EXPECT_EQ(media_type("Application/WASM; charset=utf-8"), "application/wasm");
  EXPECT_EQ(media_type(" text/plain "), "text/plain");
  for (const char* wrong : {"", "wasm", "a/", "/b", "a/b/c", "a b/c", "a/b\n", "a/\xc3\xa9"}) {
    EXPECT_FALSE(media_type(wrong)) << wrong;
  }
  EXPECT_FALSE(media_type("a/" + std::string(128, 'b')));
}

TEST(Manifest, ReadsEverythingThatIsActedOn) {
  const auto content = parse_content(
      manifest(descriptor(kWasmConfigType),
               descriptor(kWasmLayerType, R"(,"annotations":{"a":"b"},"urls":["http://127.0.0.1/"])"),
               fmt::format(R"(,"subject":{},"artifactType":"A/b","annotations":{{"c":"d"}})",
                           descriptor(kManifestType))),
      std::string(kManifestType) + "; charset=utf-8");
  ASSERT_TRUE(content) << content.error().message();
  const auto& read = std::get<Manifest>(*content);
  EXPECT_EQ(read.config.media_type, kWasmConfigType);
  EXPECT_EQ(read.layers.at(0).size, 7);
  EXPECT_EQ(read.layers.at(0).digest.hex(), kHex);
  EXPECT_EQ(read.layers.at(0).annotations.at("a"), "b");
  EXPECT_TRUE(read.layers.at(0).elsewhere);
  EXPECT_EQ(read.subject->media_type, kManifestType);
  EXPECT_EQ(read.artifact_type, "a/b");
  EXPECT_EQ(read.annotations.at("c"), "d");
  EXPECT_EQ(artifact_type_of(*content), "a/b");
}

TEST(Manifest, WithoutArtifactTypeItsConfigTellsWhatItIs) {
  EXPECT_EQ(artifact_type_of(*parse_content(wasm(), kManifestType)), kWasmConfigType);
}

TEST(Manifest, RefusesAnotherTypeThanItWasAnnouncedAs) {
  EXPECT_THAT(refused(wasm(), kIndexType).message(), HasSubstr("but it calls itself"));
  EXPECT_THAT(refused(wasm(), "application/json").message(),
              HasSubstr("neither an OCI image manifest nor an index"));
  EXPECT_FALSE(parse_content(wasm(), ""));
}

TEST(Manifest, RefusesADocumentThatIsTwoThings) {
  EXPECT_THAT(refused(manifest(descriptor(kWasmConfigType), "", R"(,"manifests":[])")).message(),
              HasSubstr("a manifest and an index at once"));
  EXPECT_THAT(refused(R"({"schemaVersion":2,"schemaVersion":2,"config":{},"layers":[]})").message(),
              HasSubstr("a key twice"));
}

TEST(Manifest, RefusesDescriptorsThatNameNothingSafely) {
  const std::string config = descriptor(kWasmConfigType);
  for (const std::string digest : {"md5:d41d8cd98f00b204e9800998ecf8427e",
                                   "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709", "sha512:00", "sha256:",
                                   "sha256:"
                                   "E3B0",
                                   ":", "../../x"}) {
    EXPECT_EQ(refused(manifest(config, descriptor(kWasmLayerType, "", digest))).code(),
              Code::kInvalidArgument)
        << digest;
  }
  for (const std::string size :
       {"-1", "1.5", "\"7\"", "null", "9223372036854775808", "99999999999999999999", "1e3"}) {
    const std::string layer =
        fmt::format(R"({{"mediaType":"{}","digest":"sha256:{}","size":{}}})", kWasmLayerType, kHex, size);
    EXPECT_EQ(refused(manifest(config, layer)).code(), Code::kInvalidArgument) << size;
  }
  EXPECT_THAT(refused(manifest(config, "{}")).message(), HasSubstr("layers[0]: a descriptor lacks"));
  EXPECT_THAT(refused(manifest(config, "3")).message(),
              HasSubstr("layers[0]: a descriptor is not an object"));
}

TEST(Manifest, RefusesWhatIsNoManifest) {
  for (const char* text :
       {"", "null", "[]", "\"a\"", "{", "{}", R"({"schemaVersion":1})", R"({"schemaVersion":2})", "\xff\xfe",
        R"({"schemaVersion":2,"config":{},"layers":{}})"}) {
    EXPECT_EQ(refused(text).code(), Code::kInvalidArgument) << text;
  }
}

TEST(Manifest, ReachesEachLimit) {
  const std::string config = descriptor(kWasmConfigType);
  const auto repeated = [](std::string_view text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += (i > 0 ? "," : "") + std::string(text);
    return out;
  };
  const std::string layer = descriptor(kWasmLayerType);
  EXPECT_TRUE(parse_content(manifest(config, repeated(layer, kMaxLayers)), kManifestType));
  EXPECT_EQ(refused(manifest(config, repeated(layer, kMaxLayers + 1))).code(), Code::kResourceExhausted);

  const auto index = [](const std::string& entries) {
    return R"({"schemaVersion":2,"manifests":[)" + entries + "]}";
  };
  const std::string entry = descriptor(kManifestType);
  EXPECT_TRUE(parse_content(index(repeated(entry, kMaxIndexEntries)), kIndexType));
  EXPECT_EQ(refused(index(repeated(entry, kMaxIndexEntries + 1)), kIndexType).code(),
            Code::kResourceExhausted);
  EXPECT_EQ(refused(index(repeated(entry, 10'000)), kIndexType).code(), Code::kResourceExhausted);

  const auto with = [&](const std::string& more) { return manifest(config, layer, more); };
  const auto nested = [&](std::size_t depth) {
    return with(",\"x\":" + std::string(depth, '[') + std::string(depth, ']'));
  };
  EXPECT_TRUE(parse_content(nested(kMaxJsonDepth - 1), kManifestType));
  EXPECT_EQ(refused(nested(kMaxJsonDepth)).code(), Code::kResourceExhausted);
  EXPECT_EQ(refused(nested(100'000)).code(), Code::kResourceExhausted);
  EXPECT_EQ(refused(with(",\"x\":[" + repeated("0", kMaxJsonValues) + "]")).code(), Code::kResourceExhausted);
  EXPECT_EQ(refused(with(",\"x\":\"" + std::string(kMaxManifestBytes, 'x') + "\"")).code(),
            Code::kResourceExhausted);

  std::string annotations;
  for (std::size_t i = 0; i <= kMaxAnnotations; ++i)
    annotations += fmt::format("{}\"k{}\":\"v\"", i > 0 ? "," : "", i);
  EXPECT_EQ(refused(with(",\"annotations\":{" + annotations + "}")).code(), Code::kResourceExhausted);
}

TEST(Manifest, WritesWhatItReads) {
  const Descriptor one{.media_type = "a/b", .digest = *Digest::parse("sha256:" + kHex), .size = 3};
  const Descriptor two{.media_type = "c/d",
                       .digest = *Digest::parse("sha256:" + kOtherHex),
                       .size = 4,
                       .artifact_type = "e/f",
                       .annotations = {{"k", "v"}},
                       .platform = Platform{"wasip2", "wasm"}};
  const Manifest manifest{
      .config = one, .layers = {two}, .artifact_type = "g/h", .subject = one, .annotations = {{"a", "b"}}};
  EXPECT_EQ(std::get<Manifest>(*parse_content(to_text(manifest), kManifestType)), manifest);
  const Index index{
      .manifests = {one, two}, .artifact_type = "g/h", .subject = two, .annotations = {{"a", "b"}}};
  EXPECT_EQ(std::get<Index>(*parse_content(to_text(index), kIndexType)), index);
}

// --- the wasm layouts ---

Manifest parsed(const std::string& text) { return std::get<Manifest>(*parse_content(text, kManifestType)); }

TEST(WasmLayout, AcceptsTheCurrentAndTheOlderOnes) {
  const std::vector<std::pair<std::string_view, std::string_view>> layouts = {
      {kWasmConfigType, kWasmLayerType},
      {kOldConfigType, kOldLayerType},
      {"application/vnd.oci.empty.v1+json", kComponentLayerType}};
  for (const auto& [config, layer] : layouts) {
    const auto parts = wasm_parts(parsed(manifest(descriptor(config), descriptor(layer))));
    ASSERT_TRUE(parts) << parts.error().message();
    EXPECT_EQ(parts->layer.media_type, layer);
  }
}

TEST(WasmLayout, RefusesWhatIsNotExactlyOneWasmLayer) {
  const std::string config = descriptor(kWasmConfigType);
  const std::string layer = descriptor(kWasmLayerType);
  const auto why = [](const std::string& text) {
    const auto parts = wasm_parts(parsed(text));
    return parts ? std::string("it was not refused") : parts.error().message();
  };
  EXPECT_THAT(why(manifest(config, "")), HasSubstr("0 layers"));
  EXPECT_THAT(why(manifest(config, layer + "," + layer)), HasSubstr("2 layers"));
  EXPECT_THAT(why(manifest(descriptor(kOldConfigType), layer)), HasSubstr("no wasm artifact"));
  EXPECT_THAT(why(manifest(config, descriptor("application/vnd.oci.image.layer.v1.tar+gzip"))),
              HasSubstr("no wasm artifact"));
  EXPECT_THAT(why(manifest(config, descriptor(kWasmLayerType, R"(,"urls":["https://127.0.0.1/x"])"))),
              HasSubstr("other places (urls)"));
  const std::string empty =
      fmt::format(R"({{"mediaType":"{}","digest":"sha256:{}","size":0}})", kWasmLayerType, kHex);
  EXPECT_THAT(why(manifest(config, empty)), HasSubstr("empty"));
}

WasmParts parts() { return *wasm_parts(parsed(wasm())); }

TEST(WasmConfig, IsWrittenAsTheLayoutSays) {
  const WasmConfig config{
      .created = "2026-01-02T03:04:05Z",
      .author = "Ada",
      .os = "wasip2",
      .component = WasmInterface{{"wasi:cli/environment@0.2.0"}, {"wasi:cli/run@0.2.0"}, "wasi:cli/command"}};
  const std::string text = to_text(config, parts().layer.digest);
  EXPECT_EQ(text, R"({"architecture":"wasm","author":"Ada","component":{"exports":["wasi:cli/run@0.2.0"],)"
                  R"("imports":["wasi:cli/environment@0.2.0"],"target":"wasi:cli/command"},)"
                  R"("created":"2026-01-02T03:04:05Z","layerDigests":["sha256:)" +
                      kHex + R"("],"os":"wasip2"})");
  EXPECT_EQ(*parse_wasm_config(text, parts()), config);
  const WasmConfig module{.created = "2026-01-02T03:04:05Z", .os = "wasip1"};
  EXPECT_EQ(*parse_wasm_config(to_text(module, parts().layer.digest), parts()), module);
}

TEST(WasmConfig, RefusesOneForSomethingElse) {
  const auto why = [](const std::string& text) {
    const auto config = parse_wasm_config(text, parts());
    return config ? std::string("it was not refused") : config.error().message();
  };
  EXPECT_THAT(why("{}"), HasSubstr("architecture"));
  EXPECT_THAT(why(R"({"architecture":"amd64","os":"linux"})"), HasSubstr("\"amd64\""));
  EXPECT_THAT(why(R"({"architecture":"wasm","os":"linux"})"), HasSubstr("\"linux\""));
  EXPECT_THAT(why(R"({"architecture":"wasm","os":"wasip2","layerDigests":["sha256:)" + kOtherHex + "\"]}"),
              HasSubstr("layerDigests"));
  EXPECT_THAT(why(R"({"architecture":"wasm","os":"wasip2","layerDigests":[]})"), HasSubstr("layerDigests"));
  EXPECT_THAT(why(R"({"architecture":"wasm","os":"wasip2","component":{"imports":[1]}})"),
              HasSubstr("imports"));
  std::string many = "\"x\"";
  for (std::size_t i = 0; i < kMaxWorldNames; ++i) many += ",\"x\"";
  EXPECT_THAT(why(R"({"architecture":"wasm","os":"wasip2","component":{"imports":[)" + many + "]}}"),
              HasSubstr("more than"));
  EXPECT_THAT(why(std::string(kMaxConfigBytes + 1, ' ')), HasSubstr("more than"));
}

TEST(WasmConfig, OfAnOlderLayoutIsNotLookedInto) {
  const WasmParts old = *wasm_parts(parsed(manifest(descriptor(kOldConfigType), descriptor(kOldLayerType))));
  EXPECT_EQ(*parse_wasm_config("{}", old), WasmConfig());
  EXPECT_EQ(*parse_wasm_config("anything", old), WasmConfig());
}

// --- indexes ---

Index index_of(const std::string& entries) {
  return std::get<Index>(*parse_content(R"({"schemaVersion":2,"manifests":[)" + entries + "]}", kIndexType));
}
std::string platform(std::string_view os, std::string_view architecture) {
  return fmt::format(R"(,"platform":{{"os":"{}","architecture":"{}"}})", os, architecture);
}

TEST(WasmIndex, PicksNothingButWasm) {
  const std::string foreign = descriptor(kManifestType, platform("linux", "amd64"), "sha256:" + kOtherHex);
  const std::string wasm = descriptor(kManifestType, platform("wasip2", "wasm"));
  const std::string silent = descriptor(kManifestType);
  const std::string typed =
      descriptor(kManifestType, fmt::format(R"(,"artifactType":"{}")", kWasmConfigType));
  const std::string other = descriptor(kManifestType, R"(,"artifactType":"a/b")", "sha256:" + kOtherHex);
  EXPECT_EQ(wasm_entry(index_of(foreign + "," + wasm))->digest.hex(), kHex);
  EXPECT_EQ(wasm_entry(index_of(other + "," + typed))->digest.hex(), kHex);
  EXPECT_EQ(wasm_entry(index_of(foreign + "," + silent))->digest.hex(), kHex);
  EXPECT_EQ(wasm_entry(index_of(foreign)).error().code(), Code::kNotFound);
  EXPECT_EQ(wasm_entry(index_of("")).error().code(), Code::kNotFound);
  EXPECT_EQ(wasm_entry(index_of(descriptor("application/octet-stream"))).error().code(), Code::kNotFound);
}

TEST(WasmIndex, GuessesNothing) {
  const std::string one = descriptor(kManifestType, platform("wasip1", "wasm"));
  const std::string two = descriptor(kManifestType, platform("wasip2", "wasm"), "sha256:" + kOtherHex);
  const auto entry = wasm_entry(index_of(one + "," + two));
  ASSERT_FALSE(entry);
  EXPECT_EQ(entry.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(entry.error().message(), HasSubstr("@sha256:" + kHex));
  EXPECT_THAT(entry.error().message(), HasSubstr("@sha256:" + kOtherHex));
}

}  // namespace
}  // namespace berth::artifact::oci
