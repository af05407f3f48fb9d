// berth check with real components: what it says of one that `up` would refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "abi/component.h"
#include "artifact/file_source.h"
#include "cli/test_process.h"
#include "host/component/loader.h"

namespace berth::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

fs::path guest(const std::string& name) { return fs::path(BERTH_BINARY_DIR) / "guests" / (name + ".wasm"); }

std::string binary(std::string_view text) {
  const auto bytes = abi::parse_text(text);
  EXPECT_TRUE(bytes) << bytes.error().message();
  return bytes ? std::string(bytes->begin(), bytes->end()) : std::string();
}

class CheckComponents : public testing::Test {
 protected:
  // What check says about a workload "a" with this component and these grants.
  Output check(const fs::path& component, const std::string& grants) {
    std::ofstream(folder_.path() / "berth.yaml") << "workloads:\n"
                                                    "  a:\n"
                                                    "    source: file:"
                                                 << component.string() << "\n    grants: " << grants << "\n";
    return berth({"check", file()});
  }
  std::string file() const { return (folder_.path() / "berth.yaml").string(); }
  fs::path write(const std::string& name, std::string_view bytes) {
    std::ofstream(folder_.path() / name, std::ios::binary) << bytes;
    return folder_.path() / name;
  }

  TempFolder folder_;
};

TEST_F(CheckComponents, NamesEachImportThatNothingCovers) {
  const Output output = check(guest("cli_act"), "{clocks: {}}");
  EXPECT_EQ(output.code, 3);
  EXPECT_THAT(output.out, HasSubstr(file() + ":3:13: workloads.a.source: the component imports "
                                             "wasi:filesystem/types@"));
  EXPECT_THAT(output.out, HasSubstr("wasi:filesystem/preopens@"));
  EXPECT_THAT(output.out, HasSubstr("to allow it, write under workloads.a.grants: filesystem: []\n"));
  EXPECT_THAT(output.out, Not(HasSubstr("wasi:clocks"))) << "granted";
  EXPECT_THAT(output.out, Not(HasSubstr("wasi:cli"))) << "needs no grant";
  const Json json = Json::parse(berth({"check", "--json", file()}).out);
  EXPECT_EQ(json[0]["ok"], false);
  EXPECT_EQ(json[0]["problems"][0]["line"], 3);

  const Output granted = check(guest("cli_act"), "{clocks: {}, filesystem: [], random: {}}");
  EXPECT_EQ(granted.code, 0) << granted.out;
  EXPECT_EQ(granted.out, file() + ": ok, 1 workload\n");
}

TEST_F(CheckComponents, NamesImportsThatNoGrantCanCover) {
  const std::string shop = binary(R"((component
    (import "acme:shop/prices@1.0.0" (instance (export "get" (func (result u32)))))
    (import "acme:shop/types@1.0.0" (instance (type $t (record (field "a" u32))) (export "t" (type (eq $t)))))))");
  const Output output = check(write("shop.wasm", shop), "{}");
  EXPECT_EQ(output.code, 3);
  EXPECT_THAT(output.out, HasSubstr("the component imports acme:shop/prices@1.0.0, which is not granted; no "
                                    "capability of this program provides it"));
  EXPECT_THAT(output.out, Not(HasSubstr("acme:shop/types"))) << "types need no code";
}

TEST_F(CheckComponents, NamesWhatIsNoComponent) {
  const struct {
    fs::path file;
    std::string said;
  } cases[] = {
      {write("text.wasm", "(component)"), "it is not WebAssembly"},
      {write("short.wasm", std::string_view("\0asm\x0d\0\1\0\7", 9)), "malformed component"},
      {write("module.wasm", binary("(module (import \"e\" \"f\" (func)))")),
       "it is a core module, not a component"},
      {folder_.path(), "it is not a regular file"},
      {folder_.path() / "none.wasm", "build it, or correct the path"},
  };
  for (const auto& c : cases) {
    const Output output = check(c.file, "{}");
    EXPECT_EQ(output.code, 3) << c.file;
    EXPECT_THAT(output.out, HasSubstr(file() + ":3:13: workloads.a.source: ")) << c.file;
    EXPECT_THAT(output.out, HasSubstr(c.said));
  }
}

TEST_F(CheckComponents, NamesWhatATriggerWouldMiss) {
  const Output output =
      check(guest("calculator"), "{}\n    triggers:\n      - state: { store: s, listen: 127.0.0.1:0 }");
  EXPECT_EQ(output.code, 3);
  EXPECT_THAT(output.out, HasSubstr(file() + ":6:9: workloads.a.triggers: the component does not export "
                                             "berth:state/store@0.2.0, which the trigger state calls"));
}

// Reading finds the same names as compiling, also after a real toolchain.
TEST_F(CheckComponents, SeesWhatTheEngineSees) {
  const auto without_types = [](this auto&& self, std::vector<abi::Item> items) -> std::vector<abi::Item> {
    for (abi::Item& item : items) {
      item.type.clear();
      item.items = self(std::move(item.items));
    }
    return items;
  };
  const auto engine = abi::Engine::create({.allocation = abi::Allocation::kOnDemand});
  ASSERT_TRUE(engine);
  const auto names = {guest("cli_act"), guest("cli_v1"), guest("calculator")};
  for (const fs::path& name : names) {
    const auto artifact = artifact::read_artifact(name);
    ASSERT_TRUE(artifact) << artifact.error().message();
    const auto read = host::read_shape(*artifact);
    ASSERT_TRUE(read) << read.error().message();
    const bool module = abi::binary_kind(artifact->bytes) == abi::BinaryKind::kModule;
    const auto component =
        abi::Component::compile(*engine, module ? *abi::adapt_module(artifact->bytes) : artifact->bytes);
    ASSERT_TRUE(component) << component.error().message();
    EXPECT_EQ(read->imports, without_types((*component)->shape().imports)) << name;
    EXPECT_EQ(read->exports, without_types((*component)->shape().exports)) << name;
    EXPECT_FALSE(read->exports.empty()) << name;
  }
}

}  // namespace
}  // namespace berth::cli
