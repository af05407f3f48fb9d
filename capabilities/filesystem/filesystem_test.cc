// filesystem: the section, and directories that stay what they were.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "capabilities/filesystem/grants.h"
#include "capabilities/filesystem/limits.h"
#include "capabilities/grants/testing.h"

namespace berth::filesystem {
namespace {

namespace fs = std::filesystem;

std::optional<std::vector<Directory>> read_yaml(std::string_view yaml,
                                                const std::string& file = "/etc/berth/berth.yaml") {
  manifest::Problems problems(file);
  const auto value = manifest::parse_yaml(yaml, problems);
  if (!value) return std::nullopt;
  return read(*value, "grants.filesystem", problems);
}

TEST(Filesystem, ReadsDirectories) {
  const auto directories =
      read_yaml("- { host: ./data, guest: /data/ }\n- { host: /var/tmp, guest: /tmp, access: read-write }\n");
  ASSERT_TRUE(directories);
  ASSERT_EQ(directories->size(), 2U);
  EXPECT_EQ((*directories)[0].host, "/etc/berth/data");
  EXPECT_EQ((*directories)[0].guest, "/data");
  EXPECT_EQ((*directories)[0].access, Access::kReadOnly);
  EXPECT_EQ((*directories)[1].host, "/var/tmp");
  EXPECT_EQ((*directories)[1].access, Access::kReadWrite);
  EXPECT_TRUE(read_yaml("[]")->empty());
}

TEST(Filesystem, MistakesHaveAPlace) {
  const auto problems = [](std::string_view yaml) {
    return grants::testing::read(capability(), yaml).problems;
  };
  const struct {
    const char *yaml, *expected;
  } cases[] = {
      {"/data", "berth.yaml:1:1: grants.filesystem must be a list; write `filesystem: [{ host: ./data"},
      {"- { guest: /data }", "berth.yaml:1:3: grants.filesystem[0]: the key host is missing"},
      {"- { host: ./data }", "the key guest is missing"},
      {"- { host: ./data, guest: data }",
       "berth.yaml:1:26: grants.filesystem[0].guest: must be an absolute path"},
      {"- { host: ./data, guest: /data/../etc }", "must be an absolute path without . and .."},
      {"- { host: \"\", guest: /data }", "grants.filesystem[0].host: is no path"},
      {"- { host: ./data, guest: /data, access: write }",
       "berth.yaml:1:41: grants.filesystem[0].access: \"write\" is not known here; write one of read-only, "
       "read-write"},
      {"- { host: ./data, guest: /data, mode: ro }", "no key \"mode\""},
      {"- { host: ./a, guest: /data }\n- { host: ./b, guest: /data/ }",
       "berth.yaml:2:3: grants.filesystem[1].guest: /data is used twice"},
  };
  for (const auto& c : cases) EXPECT_TRUE(problems(c.yaml).contains(c.expected)) << problems(c.yaml);
  std::string many;
  for (std::size_t i = 0; i <= kMaxDirectories; ++i)
    many += "- { host: ., guest: /" + std::to_string(i) + " }\n";
  EXPECT_TRUE(problems(many).contains("has 65 items; 64 is the most")) << problems(many);
  EXPECT_TRUE(problems("- { host: ., guest: /" + std::string(kMaxPathBytes, 'x') + " }")
                  .contains("is no path of 1 to 4095 bytes"));
}

class Folder : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/berth-filesystem-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }
  fs::path root_;
};

TEST_F(Folder, MissingDirectoriesAreErrorsThatSayWhatToDo) {
  grants::testing::Process process;
  auto missing = make({{.host = root_ / "none", .guest = "/data"}}, process.services());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
  EXPECT_TRUE(missing.error().message().contains("create it or correct `host`")) << missing.error().message();
  std::ofstream(root_ / "file") << "x";
  auto file = make({{.host = root_ / "file", .guest = "/data"}}, process.services());
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code(), Code::kInvalidArgument);
  EXPECT_TRUE(file.error().message().contains("grant the folder of a file")) << file.error().message();
}

// A guest with write access above another grant could swap that directory for a link to anywhere.
TEST_F(Folder, DirectoryStaysTheOneThatWasGranted) {
  fs::create_directories(root_ / "work" / "granted");
  fs::create_directories(root_ / "secret");
  std::ofstream(root_ / "work" / "granted" / "mine") << "x";
  std::ofstream(root_ / "secret" / "theirs") << "x";
  grants::testing::Process process;
  auto grant = make({{.host = root_ / "work" / "granted", .guest = "/data", .access = Access::kReadWrite}},
                    process.services());
  ASSERT_TRUE(grant) << grant.error().message();
  fs::rename(root_ / "work" / "granted", root_ / "work" / "moved");
  fs::create_directory_symlink(root_ / "secret", root_ / "work" / "granted");
  host::WasiSettings settings;
  (*grant)->configure(settings);
  ASSERT_EQ(settings.preopens.size(), 1U);
  EXPECT_TRUE(settings.preopens[0].write);
  EXPECT_TRUE(fs::exists(fs::path(settings.preopens[0].host_path) / "mine"));
  EXPECT_FALSE(fs::exists(fs::path(settings.preopens[0].host_path) / "theirs"));
}

// The line is YAML whatever the path is, and relative paths stay as the manifest has them.
TEST_F(Folder, DenialNamesALineThatWorks) {
  grants::testing::Process process;
  const fs::path odd = root_ / "a \"b\" \\c: {d}";
  fs::create_directories(odd);
  const std::string written = fs::relative(odd).string();
  const auto grant =
      grants::testing::grant(capability(), "[{ host: '" + written + "', guest: /data }]", process.services());
  ASSERT_TRUE(grant);
  host::WasiSettings settings{.version = "sha256:1"};
  grant->configure(settings);
  ASSERT_EQ(settings.file_denied.size(), 1U);
  settings.file_denied[0]({.operation = "open-at", .directory = "/data", .path = "x\r\n\x1b[2J"});
  const std::string message = process.log().last(1)[0].message;
  EXPECT_TRUE(message.starts_with("denied: open-at of \"x\\r\\n\\x1b[2J\" below /data, which is read-only; "))
      << message;
  const std::string line = message.substr(message.find("filesystem: ") + 12);
  const auto proposed = read_yaml(line, "berth.yaml");
  ASSERT_TRUE(proposed) << line;
  EXPECT_EQ((*proposed)[0].host, fs::path(written).lexically_normal());
  EXPECT_EQ((*proposed)[0].guest, "/data");
  EXPECT_EQ((*proposed)[0].access, Access::kReadWrite);
  EXPECT_TRUE(process.metrics().expose().contains("capability=\"filesystem\""));
}

TEST(Filesystem, ADenialIsOneLine) {
  EXPECT_EQ(text_of({.operation = "write-via-stream", .directory = "/data"}),
            "write-via-stream of an open file below /data, which is read-only");
  EXPECT_EQ(
      text_of(
          {.why = abi::FileRefusal::kOutside, .operation = "stat-at", .directory = "/data", .path = "../x"}),
      "stat-at of \"../x\" below /data: the path leads out of the directory that it starts in");
  EXPECT_LT(text_of({.operation = "open-at", .directory = "/data", .path = std::string(100'000, 'x')}).size(),
            400U);
}

}  // namespace
}  // namespace berth::filesystem
