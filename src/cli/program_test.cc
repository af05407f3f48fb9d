// The berth program from outside: what it prints, its exit codes, and the help of every command.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "cli/test_process.h"

namespace berth::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

TEST(Program, VersionInTwoWays) {
  const Output flag = berth({"--version"});
  EXPECT_EQ(flag.code, 0);
  EXPECT_THAT(flag.out, testing::MatchesRegex("berth [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  EXPECT_EQ(berth({"version"}).out, flag.out);
  EXPECT_EQ("berth " + Json::parse(berth({"version", "--json"}).out)["version"].get<std::string>() + "\n",
            flag.out);
}

TEST(Program, EveryCommandHasHelpWithAnExample) {
  const std::string help = berth({"--help"}).out;
  for (const std::string command :
       {"up", "run", "inspect", "push", "pull", "copy", "tags", "new", "keygen", "sign", "verify", "check",
        "status", "swap", "logs", "reference", "version"}) {
    EXPECT_THAT(help, HasSubstr("\n  " + command + " ")) << command;
    const Output own = berth({command, "--help"});
    EXPECT_EQ(own.code, 0) << command;
    EXPECT_THAT(own.out, HasSubstr("Example:\n  berth " + command)) << command;
  }
}

// The page in docs is written by hand; this keeps it complete.
TEST(Program, TheCommandLineReferenceNamesEveryOption) {
  const std::string page = read(fs::path(BERTH_SOURCE_DIR) / "docs/reference/cli.md");
  for (const std::string command :
       {"up", "run", "inspect", "push", "pull", "copy", "tags", "new", "keygen", "sign", "verify", "check",
        "status", "swap", "logs", "reference", "version"}) {
    EXPECT_THAT(page, HasSubstr("berth " + command)) << command;
    std::istringstream help(berth({command, "--help"}).out);
    for (std::string word; help >> word;) {
      if (!word.starts_with("--") || word.starts_with("--help")) continue;
      while (!word.empty() && (word.back() == ',' || word.back() == '.')) word.pop_back();
      EXPECT_THAT(page, HasSubstr("`" + word)) << command;
    }
  }
  for (const char* code : {"| 0 |", "| 1 |", "| 2 |", "| 3 |", "| 4 |", "| 5 |", "| 130 |", "| 134 |"}) {
    EXPECT_THAT(page, HasSubstr(code));
  }
}

// `berth compile` is for hosts: nobody is shown it, and whoever tries it is told so.
TEST(Program, CompilesForHostsOnly) {
  EXPECT_THAT(berth({"--help"}).out, Not(HasSubstr("\n  compile")));
  const Output bare = berth({"compile"}, "component");
  EXPECT_EQ(bare.code, 2);
  EXPECT_THAT(bare.err, HasSubstr("this command is for a running host"));
  const std::vector<std::string> good = {
      "compile",          "--compiler=cranelift",      "--allocation=pool", "--max-memory=67108864",
      "--key=wasmtime-1", "--limit-memory=4294967296", "--limit-cpu=10",    "--limit-code=1000000",
      "--nice=0"};
  EXPECT_EQ(berth(good, "").code, 2) << "nothing to compile";
  const Output other = berth(good, "component");
  EXPECT_EQ(other.code, 23);
  EXPECT_THAT(other.err, testing::MatchesRegex("this compiler makes code for wasmtime-.*\n"));
  for (std::size_t i = 1; i < good.size(); ++i) {
    std::vector<std::string> bad = good;
    bad[i] += "x";
    if (good[i].starts_with("--key")) bad[i] = "--key=";
    EXPECT_EQ(berth(bad, "component").code, 2) << bad[i];
  }
}

TEST(Program, TheManifestReferenceIsFresh) {
  EXPECT_EQ(read(fs::path(BERTH_SOURCE_DIR) / "docs/reference/manifest.md"), berth({"reference"}).out)
      << "run: build/berth reference > docs/reference/manifest.md";
}

TEST(Program, AWrongCommandLineIsTwo) {
  for (const std::vector<std::string>& args : {std::vector<std::string>{},
                                               {"nope"},
                                               {"check"},
                                               {"inspect"},
                                               {"inspect", "a", "--nope"},
                                               {"sign", "a"},
                                               {"verify", "a"},
                                               {"sign", "--key", "k", "--attach", "nope", "a"},
                                               {"run"},
                                               {"run", "--nope", "x"},
                                               {"swap", "store"},
                                               {"push", "a.wasm"},
                                               {"copy", "oci://127.0.0.1:1/a:v1"},
                                               {"pull", "oci://127.0.0.1:1/a:v1", "--nope"},
                                               {"logs", "-n", "-1"},
                                               {"up"}}) {
    const Output output = berth(args);
    EXPECT_EQ(output.code, 2) << testing::PrintToString(args);
    EXPECT_THAT(output.err, HasSubstr("berth: "));
    EXPECT_THAT(output.err, HasSubstr("--help"));
  }
}

TEST(Program, NoHostIsFour) {
  const TempFolder folder;
  const std::string socket = (folder.path() / "s.sock").string();
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"status"}, {"swap", "store", "x.wasm"}, {"logs"}}) {
    std::vector<std::string> with = args;
    with.insert(with.end(), {"--socket", socket});
    const Output output = berth(with);
    EXPECT_EQ(output.code, 4) << args[0];
    EXPECT_THAT(output.err, HasSubstr("no host answers on " + socket));
  }
}

TEST(Program, RegistryOptionsThatDoNotFitAreThree) {
  const TempFolder folder;
  const std::string file = (folder.path() / "pem").string();
  std::ofstream{file};
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--user", "ada"},
                                                {"--password-stdin"},
                                                {"--user", "a:b", "--password-stdin"},
                                                {"--cert", file},
                                                {"--ca", file},
                                                {"--ca", "/nonexistent.pem"},
                                                {"--allow-address", "everywhere"},
                                                {"--docker-config", file}}) {
    std::vector<std::string> args = {"tags", "oci://127.0.0.1:1/a"};
    args.insert(args.end(), wrong.begin(), wrong.end());
    const Output output = berth(args, "password\n");
    EXPECT_EQ(output.code, 3) << testing::PrintToString(args) << output.err;
    EXPECT_THAT(output.err, HasSubstr("berth: "));
  }
}

TEST(Check, ReportsEveryProblemWithItsPlace) {
  const TempFolder folder;
  std::ofstream(folder.path() / "berth.yaml") << "workloads:\n"
                                                 "  store:\n"
                                                 "    source: file:none.wasm\n"
                                                 "    limits: { memroy: 1MiB }\n"
                                                 "    grants: { loging: {} }\n";
  const std::string file = (folder.path() / "berth.yaml").string();
  const Output output = berth({"check", file});
  EXPECT_EQ(output.code, 3);
  EXPECT_THAT(
      output.out,
      HasSubstr(file + ":4:15: workloads.store.limits: no key \"memroy\"; did you mean \"memory\"?\n"));
  EXPECT_THAT(output.out, HasSubstr(file + ":5:15: "));
  EXPECT_THAT(output.out, HasSubstr("did you mean \"logging\"?"));
}

TEST(Check, SaysOkAndShowsTheEffectiveManifest) {
  const TempFolder folder;
  // The smallest component.
  std::ofstream(folder.path() / "a.wasm") << std::string_view("\0asm\x0d\0\1\0", 8);
  std::ofstream(folder.path() / "berth.yaml")
      << "workloads: {a: {source: file:a.wasm, grants: {clocks: {}}}}\n";
  const std::string file = (folder.path() / "berth.yaml").string();
  const Output output = berth({"check", file});
  EXPECT_EQ(output.code, 0) << output.out;
  EXPECT_EQ(output.out, file + ": ok, 1 workload\n");
  const Json json = Json::parse(berth({"check", "--json", file}).out);
  EXPECT_EQ(json[0]["ok"], true);
  EXPECT_EQ(json[0]["manifest"]["workloads"]["a"]["limits"]["memory"], "64MiB");
}

TEST(Check, NamesAMissingComponent) {
  const TempFolder folder;
  std::ofstream(folder.path() / "berth.yaml") << "workloads: {a: {source: file:a.wasm}}\n";
  const std::string file = (folder.path() / "berth.yaml").string();
  const Output output = berth({"check", "--json", file, "/nonexistent.yaml"});
  EXPECT_EQ(output.code, 3);
  const Json json = Json::parse(output.out);
  EXPECT_EQ(json[0]["problems"][0]["line"], 1);
  EXPECT_EQ(json[0]["problems"][0]["column"], 25);
  EXPECT_THAT(json[0]["problems"][0]["message"].get<std::string>(),
              HasSubstr("build it, or correct the path"));
  EXPECT_THAT(json[1]["problems"][0]["message"].get<std::string>(), HasSubstr("cannot read the manifest"));
}

TEST(Check, EscapesWhatAManifestWouldDoToTheTerminal) {
  const TempFolder folder;
  std::ofstream(folder.path() / "berth.yaml") << "workloads: {\"\\e[2J\\u202e\": 1}\n";
  const Output output = berth({"check", (folder.path() / "berth.yaml").string()});
  EXPECT_EQ(output.code, 3);
  EXPECT_THAT(output.out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(output.out, Not(HasSubstr("\xe2\x80\xae")));
}

}  // namespace
}  // namespace berth::cli
