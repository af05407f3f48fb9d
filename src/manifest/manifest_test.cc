// The manifest: what it accepts, and for each mistake the exact place and a way out.
#include "manifest/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "manifest/limits.h"
#include "manifest/reader.h"
#include "manifest/test_problems.h"

namespace berth::manifest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// One capability and one trigger, as the real ones are made.
constexpr std::array kColourKeys = {Key{"hue", "text", "required", "red", "A hue."},
                                    Key{"depth", "number", "8", "8", "Bits."}};
const Section kColourSection = {"grants.colour", "Test capability.", kColourKeys};
const Section kTickSection = {"triggers.tick", "Test trigger.", {}};

void check_colour(const Value& value, const std::string& path, Problems& problems) {
  MapReader reader(value, kColourSection, path, problems);
  if (reader.require("hue") != nullptr) (void)reader.text("hue");
  (void)reader.integer("depth", 1, 16);
}

const std::vector<Extension>& grants() {
  static const std::vector<Extension> kGrants = {
      {"colour", &kColourSection, "colour: {hue: red}", check_colour}};
  return kGrants;
}
const std::vector<Extension>& triggers() {
  static const std::vector<Extension> kTriggers = {
      {"tick", &kTickSection, "tick: {}", [](const Value& v, const std::string& path, Problems& problems) {
         MapReader reader(v, kTickSection, path, problems);
       }}};
  return kTriggers;
}

auto parse_text(std::string_view text) { return parse(text, "m.yaml", "/app", {grants(), triggers()}); }

std::vector<std::string> problems_of(std::string_view text) { return problems_in(parse_text(text)); }

constexpr std::string_view kFull = R"(# A full manifest
workloads:
  store:
    source: file:guests/store.wasm
    instances: {pool: 4}
    limits: { memory: 16MiB, tables: 100, instances: 7, call: 250ms, concurrency: 3, queue: 0 }
    grants:
      colour: { hue: "0x10", depth: 16 }
    update: { watch: false, drain: 2m }
    handover: off
    args: [one, "two words"]
    env: { A: "1", B: x=y }
    triggers:
      - tick: {}
  other:
    source: file:///abs/other.wasm
telemetry:
  listen: 127.0.0.1:9464
  log: { level: debug, format: json }
control: { socket: run/control.sock }
)";

TEST(Manifest, ReadsEveryKey) {
  const auto m = parse_text(kFull);
  ASSERT_TRUE(m) << m.error().to_string();
  ASSERT_EQ(m->workloads.size(), 2);
  const Workload& w = m->workloads[0];
  EXPECT_EQ(w.name, "store");
  EXPECT_EQ(w.mark.line, 3);
  EXPECT_EQ(w.source.path, "/app/guests/store.wasm");
  EXPECT_EQ(w.instances, InstancePolicy::kPool);
  EXPECT_EQ(w.instance_count, 4);
  EXPECT_EQ(w.limits.memory_bytes, 16u << 20);
  EXPECT_EQ(w.limits.table_elements, 100);
  EXPECT_EQ(w.limits.core_instances, 7);
  EXPECT_EQ(w.limits.call, std::chrono::milliseconds(250));
  EXPECT_EQ(w.limits.concurrency, 3);
  EXPECT_EQ(w.limits.queue, 0);
  ASSERT_EQ(w.grants.size(), 1);
  EXPECT_EQ(w.grants[0].name, "colour");
  EXPECT_EQ(w.grants[0].value.find("hue")->text(), "0x10");
  EXPECT_FALSE(w.update.watch);
  EXPECT_EQ(w.update.drain, std::chrono::minutes(2));
  EXPECT_FALSE(w.handover);
  EXPECT_THAT(w.args, ElementsAre("one", "two words"));
  EXPECT_THAT(w.env, ElementsAre(Pair("A", "1"), Pair("B", "x=y")));
  ASSERT_EQ(w.triggers.size(), 1);
  EXPECT_EQ(w.triggers[0].name, "tick");
  EXPECT_EQ(m->workloads[1].source.path, "/abs/other.wasm");
  EXPECT_EQ(m->telemetry.listen->to_string(), "127.0.0.1:9464");
  EXPECT_EQ(m->telemetry.log_level, "debug");
  EXPECT_EQ(m->telemetry.log_format, LogFormat::kJson);
  EXPECT_EQ(m->control_socket, "/app/run/control.sock");
}

TEST(Manifest, DefaultsAreTheDocumentedOnes) {
  const auto m = parse_text("workloads: {a: {source: file:a.wasm}}");
  ASSERT_TRUE(m) << m.error().to_string();
  const auto json = nlohmann::json::parse(to_json(*m))["workloads"]["a"];
  std::set<std::string> compared;
  for (const Section* section : sections()) {
    if (section->path != "workloads.<name>.limits" && section->path != "workloads.<name>.update" &&
        section->path != "workloads.<name>.update.rollback") {
      continue;
    }
    const bool rollback = section->path.ends_with("rollback");
    const auto& shown_here =
        rollback ? json["update"]["rollback"] : json[section->path.ends_with("limits") ? "limits" : "update"];
    for (const Key& key : section->keys) {
      const std::string name(key.name);
      ASSERT_TRUE(shown_here.contains(name)) << name;
      if (name == "rollback") continue;  // its keys follow
      const std::string effective =
          shown_here[name].is_string() ? shown_here[name].get<std::string>() : shown_here[name].dump();
      EXPECT_EQ(effective, key.fallback.substr(0, key.fallback.find(" or "))) << name;
      compared.insert(name);
    }
  }
  EXPECT_EQ(compared.size(), 6u + 9u + 4u);
  EXPECT_EQ(json["signature"], "none");
  EXPECT_EQ(json["instances"], "fresh");
  EXPECT_EQ(json["handover"], "auto");
  EXPECT_FALSE(m->telemetry.listen);
  EXPECT_FALSE(m->control_socket);
}

TEST(Manifest, JsonIsTheEffectiveManifest) {
  const auto m = parse_text(kFull);
  ASSERT_TRUE(m);
  const auto json = nlohmann::json::parse(to_json(*m));
  const auto& w = json["workloads"]["store"];
  EXPECT_EQ(w["limits"]["memory"], "16MiB");
  EXPECT_EQ(w["limits"]["call"], "250ms");
  EXPECT_EQ(w["instances"]["pool"], 4);
  EXPECT_EQ(w["grants"]["colour"]["hue"], "0x10");
  EXPECT_EQ(w["grants"]["colour"]["depth"], 16);
  EXPECT_EQ(w["triggers"][0]["tick"], nlohmann::json::object());
  EXPECT_EQ(w["path"], "/app/guests/store.wasm");
  EXPECT_EQ(json["telemetry"]["listen"], "127.0.0.1:9464");
  EXPECT_EQ(json["control"]["socket"], "/app/run/control.sock");
}

// Each bad text with the first problem it must give, place and all.
class BadManifest : public ::testing::TestWithParam<Bad> {};

TEST_P(BadManifest, IsRefusedWithPlaceAndAdvice) {
  const auto problems = problems_of(GetParam().text);
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems[0], GetParam().problem);
}

INSTANTIATE_TEST_SUITE_P(
    Yaml, BadManifest,
    ::testing::Values(
        Bad{"Empty", "",
            "1:1: manifest: the key workloads is missing; write for example \"workloads: {store: {source: "
            "\"file:store.wasm\"}}\""},
        Bad{"JustText", "hello",
            "1:1: manifest: expected a map with workloads, registries, store, telemetry, control, found a "
            "text"},
        Bad{"Tab", "workloads:\n\ta: {}", "2:1: a tab in the indentation; indent with spaces"},
        Bad{"NotUtf8", "workloads:\n  a\xff: {}", "2:4: the byte 0xff is not UTF-8; save the file as UTF-8"},
        Bad{"Control", "work\x01loads: {}", "1:5: the control character 0x01; remove it"},
        Bad{"DuplicateKey", "workloads:\n  a: {source: file:a}\n  a: {source: file:b}",
            "3:3: the key \"a\" is written twice; remove one of them"},
        Bad{"DuplicateInFlow", "workloads: {a: {source: file:a, source: file:b}}",
            "1:33: the key \"source\" is written twice; remove one of them"},
        Bad{"Anchor", "workloads:\n  a: &x {source: file:a}",
            "2:6: anchors (&name) are not supported; leave the anchor out"},
        Bad{"MergeKey", "workloads:\n  a:\n    <<: {source: file:a}",
            "3:5: merge keys (<<) are not supported; write the keys out"},
        Bad{"Tag", "workloads:\n  a: {source: !!str file:a}",
            "2:15: tags (\"tag:yaml.org,2002:str\") are not supported; leave the tag out"},
        Bad{"MapAsKey", "workloads:\n  {a: b}: c", "2:3: a key must be a plain name, not a map or a list"},
        Bad{"NoKey", "workloads:\n  : c", "2:3: a key is missing before \":\"; write a name there"},
        Bad{"OpenBracket", "workloads: {a: {source: file:a}",
            "1:12: not YAML: end of map flow not found; close the {"},
        Bad{"ColonInText", "workloads:\n  a: b: c",
            "2:7: not YAML: illegal map value; a value that contains \": \" needs quotes, and a list item "
            "after a key its "
            "own line"},
        Bad{"ColumnsAreCharacters", "workloads: {\"\xc3\xa4\xc3\xb6\xc3\xbc\": 1, b: 2}",
            "1:13: workloads: \"\xc3\xa4\xc3\xb6\xc3\xbc\" is no name for a workload; write up to 63 "
            "lower-case letters, digits and "
            "-, not - at either end"}),
    [](const auto& param_info) { return param_info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Keys, BadManifest,
    ::testing::Values(
        Bad{"UnknownTop", "workload: {}\nworkloads: {a: {source: file:a}}",
            "1:1: manifest: no key \"workload\"; did you mean \"workloads\"?"},
        Bad{"UnknownKey", "workloads:\n  a:\n    source: file:a\n    limits: { meomry: 1MiB }",
            "4:15: workloads.a.limits: no key \"meomry\"; did you mean \"memory\"?"},
        Bad{"UnknownFarKey", "workloads: {a: {source: file:a, instances: {zzzzzz: 1}}}",
            "1:45: workloads.a.instances: no key \"zzzzzz\"; known here: pool"},
        Bad{"NoWorkloads", "workloads: {}",
            "1:12: workloads: expected at least one workload; write {NAME: {source: \"file:NAME.wasm\"}}"},
        Bad{"WorkloadsList", "workloads:\n  - a",
            "2:3: workloads: expected at least one workload; write {NAME: {source: \"file:NAME.wasm\"}}"},
        Bad{"WorkloadText", "workloads:\n  a: file:a",
            "2:6: workloads.a: expected a map with source, instances, limits, grants, update, signature, "
            "handover, args, env, "
            "triggers, found a text"},
        Bad{"NoSource", "workloads:\n  a:\n    args: []",
            "3:5: workloads.a: the key source is missing; write for example \"source: file:store.wasm\""},
        Bad{"Name", "workloads:\n  Store_1: {source: file:a}",
            "2:3: workloads: \"Store_1\" is no name for a workload; write up to 63 lower-case letters, "
            "digits and -, not "
            "- at either end"},
        Bad{"SourceWithoutScheme", "workloads:\n  a: {source: a.wasm}",
            "2:15: workloads.a.source: \"a.wasm\" has no scheme; write \"file:a.wasm\""},
        Bad{"SourceEmpty", "workloads:\n  a: {source: \"file:\"}",
            "2:15: workloads.a.source: \"file:\" names no file; write \"file:\" and a path"},
        Bad{"Megabytes", "workloads:\n  a: {source: file:a, limits: {memory: 64MB}}",
            "2:40: workloads.a.limits.memory: \"64MB\" is no size; write 64MiB"},
        Bad{"TooMuchMemory", "workloads:\n  a: {source: file:a, limits: {memory: 5GiB}}",
            "2:40: workloads.a.limits.memory: 5GiB is out of range; write 64KiB to 4GiB"},
        Bad{"NoUnit", "workloads:\n  a: {source: file:a, limits: {call: 30}}",
            "2:38: workloads.a.limits.call: \"30\" has no unit; write 30s, 30ms, 30m or 30h"},
        Bad{"NegativeDuration", "workloads:\n  a: {source: file:a, limits: {call: -1s}}",
            "2:38: workloads.a.limits.call: \"-1s\" is no duration; write a whole number with ms, s, m or h, "
            "such as 250ms "
            "or 30s"},
        Bad{"LongDuration", "workloads:\n  a: {source: file:a, limits: {call: 25h}}",
            "2:38: workloads.a.limits.call: 25h is out of range; write 1ms to 24h"},
        Bad{"Concurrency", "workloads:\n  a: {source: file:a, limits: {concurrency: 0}}",
            "2:45: workloads.a.limits.concurrency: \"0\" does not do; write a whole number from 1 to 65536"},
        Bad{"QueueText", "workloads:\n  a: {source: file:a, limits: {queue: many}}",
            "2:39: workloads.a.limits.queue: \"many\" does not do; write a whole number from 0 to 1000000"},
        Bad{"MemoryList", "workloads:\n  a: {source: file:a, limits: {memory: [1MiB]}}",
            "2:40: workloads.a.limits.memory: expected a size such as 64MiB, found a list"},
        Bad{"Instances", "workloads:\n  a: {source: file:a, instances: many}",
            "2:34: workloads.a.instances: \"many\" is not known here; write one of fresh, one, a number, "
            "{pool: N}"},
        Bad{"TooManyInstances", "workloads:\n  a: {source: file:a, instances: 1000}",
            "2:34: workloads.a.instances: \"1000\" does not do; write a whole number from 1 to 256"},
        Bad{"PoolWithoutSize", "workloads:\n  a: {source: file:a, instances: pool}",
            "2:34: workloads.a.instances: a pool needs its size; write {pool: 8}"},
        Bad{"PoolTooLarge", "workloads:\n  a: {source: file:a, instances: {pool: 10001}}",
            "2:41: workloads.a.instances.pool: \"10001\" does not do; write a whole number from 1 to 10000"},
        Bad{"UnknownGrant", "workloads:\n  a:\n    source: file:a\n    grants: {color: {}}",
            "4:14: workloads.a.grants: this build has no capability \"color\"; did you mean \"colour\"?"},
        Bad{"GrantKey",
            "workloads:\n  a:\n    source: file:a\n    grants:\n      colour: {hue: red, deph: 1}",
            "5:26: workloads.a.grants.colour: no key \"deph\"; did you mean \"depth\"?"},
        Bad{"GrantNeedsKey", "workloads:\n  a:\n    source: file:a\n    grants:\n      colour:",
            "5:7: workloads.a.grants.colour: the key hue is missing; write for example \"hue: red\""},
        Bad{"GrantsList", "workloads:\n  a:\n    source: file:a\n    grants: [colour]",
            "4:13: workloads.a.grants: expected a map such as {logging: {}}"},
        Bad{"TriggerMap", "workloads:\n  a:\n    source: file:a\n    triggers: {tick: {}}",
            "4:15: workloads.a.triggers: expected a list of maps with one key each; begin each with \"- \""},
        Bad{"TriggerTwoKeys",
            "workloads:\n  a:\n    source: file:a\n    triggers:\n      - tick: {}\n        tock: {}",
            "5:9: workloads.a.triggers[0]: expected a map with one key, the kind of trigger; known here: "
            "tick"},
        Bad{"UnknownTrigger", "workloads:\n  a:\n    source: file:a\n    triggers:\n      - tock: {}",
            "5:9: workloads.a.triggers[0]: this build has no trigger \"tock\"; did you mean \"tick\"?"},
        Bad{"Watch", "workloads:\n  a: {source: file:a, update: {watch: yes}}",
            "2:39: workloads.a.update.watch: \"yes\" is neither; write true or false"},
        Bad{"Handover", "workloads:\n  a: {source: file:a, handover: on}",
            "2:33: workloads.a.handover: \"on\" is not known here; write one of auto, off"},
        Bad{"ArgsMap", "workloads:\n  a: {source: file:a, args: {x: y}}",
            "2:29: workloads.a.args: expected a list such as [a, b], found a map"},
        Bad{"ArgsNested", "workloads:\n  a: {source: file:a, args: [x, [y]]}",
            "2:33: workloads.a.args[1]: expected a text, found a list"},
        Bad{"EnvList", "workloads:\n  a: {source: file:a, env: [A=1]}",
            "2:28: workloads.a.env: expected a map such as {NAME: text}, found a list"},
        Bad{"EnvName", "workloads:\n  a: {source: file:a, env: {\"A=B\": c}}",
            "2:29: workloads.a.env: \"A=B\" is no variable's name; write a name without ="},
        Bad{"EnvNull", "workloads:\n  a: {source: file:a, env: {A: }}",
            "2:29: workloads.a.env.A: expected a text, found nothing"},
        Bad{"Listen", "workloads: {a: {source: file:a}}\ntelemetry: {listen: 9464}",
            "2:21: telemetry.listen: \"9464\" is no address to listen on; write address:port, such as "
            "127.0.0.1:3500 or "
            "[::1]:3500"},
        Bad{"LogLevel", "workloads: {a: {source: file:a}}\ntelemetry: {log: {level: loud}}",
            "2:26: telemetry.log.level: \"loud\" is not known here; write one of trace, debug, info, warn, "
            "error, "
            "critical"},
        Bad{"Socket", "workloads: {a: {source: file:a}}\ncontrol: {socket: \"\"}",
            "2:19: control.socket: expected a path such as /run/berth/control.sock"}),
    [](const auto& param_info) { return param_info.param.name; });

TEST(Manifest, ReportsSeveralProblemsInOrder) {
  EXPECT_THAT(
      problems_of("workloads:\n  a:\n    sorce: file:a\n    limits: {memory: 1, call: 1}\n    handover: 3\n"),
      ElementsAre(testing::StartsWith("3:5: workloads.a: no key \"sorce\""),
                  testing::StartsWith("3:5: workloads.a: the key source is missing"),
                  testing::StartsWith("4:22: workloads.a.limits.memory: 1B is out of range"),
                  testing::StartsWith("4:31: workloads.a.limits.call: \"1\" has no unit"),
                  testing::StartsWith("5:15: workloads.a.handover: \"3\"")));
}

TEST(Manifest, ReportsSomeOfManyProblems) {
  std::string text = "workloads:\n  a:\n    source: file:a\n";
  for (std::size_t i = 0; i < kMaxProblems + 5; ++i) text += "    x" + std::to_string(i) + ": 1\n";
  const auto m = parse_text(text);
  ASSERT_FALSE(m);
  EXPECT_EQ(m.error().errors().size(), kMaxProblems);
  EXPECT_EQ(m.error().more(), 5);
  EXPECT_THAT(m.error().to_string(), HasSubstr("m.yaml: 5 more problems\n"));
  const Error error = m.error().to_error();
  EXPECT_EQ(error.position()->line, 4);
  EXPECT_THAT(error.detail(), HasSubstr("m.yaml:5:5: "));
}

TEST(Manifest, AliasIsRefusedWithoutExpandingIt) {
  const auto problems = problems_of("workloads:\n  a: &x {source: file:a}\n  b: *x\n");
  ASSERT_GE(problems.size(), 2);
  EXPECT_EQ(problems[1], "3:6: aliases (*name) are not supported; write the value out");
}

TEST(Manifest, SecondDocumentIsRefused) {
  EXPECT_THAT(problems_of("workloads: {a: {source: file:a}}\n---\nx: y\n"),
              ElementsAre("3:1: a second document; a manifest is one, remove the \"---\""));
}

TEST(Manifest, ByteOrderMarkAndCarriageReturnsAreFine) {
  EXPECT_THAT(problems_of("\xef\xbb\xbfworkloads:\r\n  a: {source: file:a, x: 1}\r\n"),
              ElementsAre(testing::StartsWith("2:23: workloads.a: no key \"x\"")));
}

// ---- every maximum, reached ------------------------------------------------------------------

TEST(ManifestLimits, Bytes) {
  std::string text = "workloads: {a: {source: file:a}}\n#";
  text.resize(kMaxManifestBytes, 'x');
  EXPECT_TRUE(parse_text(text));
  text += 'x';
  EXPECT_THAT(problems_of(text), ElementsAre("1:1: the file has 1048577 bytes; a manifest may have 1048576"));
}

TEST(ManifestLimits, Depth) {
  const std::string deep = "a: " + std::string(kMaxDepth, '[') + std::string(kMaxDepth, ']');
  EXPECT_EQ(problems_of(deep)[0],
            "1:" + std::to_string(3 + kMaxDepth) + ": nested more than 32 deep; no key of a manifest is");
  const std::string deeper = "a: " + std::string(100'000, '[');
  EXPECT_EQ(problems_of(deeper).size(), 1);
  EXPECT_EQ(problems_of(std::string(100'000, '{')).size(), 1);
}

TEST(ManifestLimits, Values) {
  std::string text = "workloads:\n";
  for (std::size_t i = 0; i < kMaxValues; ++i) text += "- \n";
  const auto problems = problems_of(text);
  ASSERT_EQ(problems.size(), 1);
  EXPECT_THAT(problems[0], HasSubstr("more than 50000 values"));
}

TEST(ManifestLimits, Scalar) {
  const auto with = [](std::size_t n) {
    return "workloads: {a: {source: file:a, args: [" + std::string(n, 'x') + "]}}";
  };
  EXPECT_TRUE(parse_text(with(kMaxScalarBytes)));
  EXPECT_EQ(problems_of(with(kMaxScalarBytes + 1))[0],
            "1:40: a value of 65537 bytes is too long; 65536 are allowed, put it into a file");
}

TEST(ManifestLimits, NamesAndWorkloads) {
  EXPECT_TRUE(parse_text("workloads: {" + std::string(kMaxNameBytes, 'a') + ": {source: file:a}}"));
  EXPECT_FALSE(parse_text("workloads: {" + std::string(kMaxNameBytes + 1, 'a') + ": {source: file:a}}"));
  std::string text = "workloads:\n";
  for (std::size_t i = 0; i < kMaxWorkloads; ++i) text += "  w" + std::to_string(i) + ": {source: file:a}\n";
  EXPECT_TRUE(parse_text(text));
  EXPECT_EQ(problems_of(text + "  more: {source: file:a}\n")[0],
            "1002:3: workloads: 1001 of them; one host runs up to 1000");
}

TEST(ManifestLimits, ValuesAtTheirMaximaAreAccepted) {
  const auto m = parse_text(
      "workloads: {a: {source: file:a, instances: {pool: 10000}, limits: {memory: 4GiB, tables: 10000000, "
      "instances: "
      "1000, call: 24h, concurrency: 65536, queue: 1000000}, update: {drain: 1h}}}");
  ASSERT_TRUE(m) << m.error().to_string();
  EXPECT_EQ(m->workloads[0].limits.memory_bytes, kMaxMemoryBytes);
  EXPECT_EQ(m->workloads[0].limits.queue, kMaxQueue);
}

TEST(ManifestLimits, LongTextIsCutInMessages) {
  const auto problems = problems_of("workloads: {a: {source: " + std::string(5000, 'x') + "}}");
  ASSERT_EQ(problems.size(), 1);
  EXPECT_LT(problems[0].size(), 6000u);
  EXPECT_THAT(problems[0], HasSubstr(std::string(kMaxShownBytes, 'x') + "...\" has no scheme"));
}

// ---- files -----------------------------------------------------------------------------------

TEST(ManifestFile, ResolvesAgainstItsFolder) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "berth_manifest_test";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "berth.yaml") << "workloads: {a: {source: file:../x/a.wasm}}";
  const auto m = load(folder / "berth.yaml", {grants(), triggers()});
  ASSERT_TRUE(m) << m.error().to_string();
  EXPECT_EQ(m->workloads[0].source.path, (folder.parent_path() / "x/a.wasm").lexically_normal());
  std::filesystem::remove_all(folder);
}

TEST(ManifestFile, UnreadableFilesAreProblems) {
  EXPECT_THAT(load("/nonexistent/berth.yaml", {}).error().to_string(),
              HasSubstr("/nonexistent/berth.yaml:1:1: cannot read the manifest: "));
  EXPECT_THAT(load("/", {}).error().to_string(), HasSubstr("it is a folder; give the path of a berth.yaml"));
}

// ---- the reference ---------------------------------------------------------------------------

TEST(Reference, ShowsEveryKeyWithTypeDefaultAndExample) {
  const std::string text = reference({grants(), triggers()});
  std::vector<const Section*> all(sections().begin(), sections().end());
  all.push_back(&kColourSection);
  all.push_back(&kTickSection);
  for (const Section* section : all) {
    EXPECT_THAT(text, HasSubstr("## " + std::string(section->path) + "\n"));
    for (const Key& key : section->keys) {
      EXPECT_FALSE(key.type.empty() || key.fallback.empty() || key.example.empty() || key.text.empty())
          << key.name;
      EXPECT_THAT(text, HasSubstr("| `" + std::string(key.name) + "` | " + std::string(key.type)))
          << section->path;
    }
  }
}

// The examples of the reference are not decoration: each is accepted where it is shown.
TEST(Reference, EveryExampleIsAccepted) {
  for (const Section* section : sections()) {
    for (const Key& key : section->keys) {
      std::string line = std::string(key.name) + ": " + std::string(key.example);
      std::string text = "workloads: {a: {source: file:a}}\n";
      if (section->path == "(top level)") {
        text = key.name == "workloads" ? line : text + line;
      } else if (section->path.starts_with("workloads")) {
        const auto dot = section->path.rfind("<name>");
        std::string inner(section->path.substr(dot + 6));
        while (!inner.empty()) {
          const auto last = inner.rfind('.');
          line = inner.substr(last + 1) + ": {" + line + "}";
          inner.resize(last);
        }
        // Some keys mean something beside another one only.
        if (key.name == "jitter") line.insert(line.find("jitter"), "every: 1h, ");
        text = "workloads: {a: {" + std::string(key.name == "source" ? "" : "source: file:a, ") + line + "}}";
      } else if (section->path.starts_with("registries")) {
        static const std::map<std::string_view, std::string_view> kBeside = {{"cert", ", key: k"},
                                                                             {"key", ", cert: c"},
                                                                             {"user", ", password-file: p"},
                                                                             {"password-file", ", user: u"}};
        if (const auto beside = kBeside.find(key.name); beside != kBeside.end()) line += beside->second;
        text += key.name == "<host:port>" ? "registries: {r: " + std::string(key.example) + "}"
                                          : "registries: {r: {" + line + "}}";
      } else {
        const bool log = section->path == "telemetry.log";
        text += log ? "telemetry: {log: {" + line + "}}" : std::string(section->path) + ": {" + line + "}";
      }
      // Capabilities and triggers that the examples name.
      constexpr auto accept = [](const Value&, const std::string&, Problems&) {};
      const std::vector<Extension> any_grant = {{"logging", &kTickSection, "", accept}};
      const std::vector<Extension> any_trigger = {{"state", &kTickSection, "", accept}};
      const auto m = parse(text, "m.yaml", "/", {any_grant, any_trigger});
      EXPECT_TRUE(m) << text << "\n" << m.error().to_string();
    }
  }
}

}  // namespace
}  // namespace berth::manifest
