// berth run and berth inspect with real guests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/test_process.h"

namespace berth::cli {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

const std::string kAct = BERTH_BINARY_DIR "/guests/cli_act.wasm";
const std::string kCalculator = BERTH_BINARY_DIR "/guests/calculator.wasm";

TEST(Run, GuestsExitCodeIsOurs) {
  const TempFolder folder;
  std::ofstream(folder.path() / "exit.wat") << R"((component
    (import "wasi:cli/exit@0.2.12" (instance $e (export "exit-with-code" (func (param "status-code" u8)))))
    (core func $f (canon lower (func $e "exit-with-code")))
    (core module $m (import "e" "f" (func $f (param i32)))
      (func (export "run") (result i32) (call $f (i32.const 42)) (i32.const 0)))
    (core instance $i (instantiate $m (with "e" (instance (export "f" (func $f))))))
    (func $run (result (result)) (canon lift (core func $i "run")))
    (instance $r (export "run" (func $run)))
    (export "wasi:cli/run@0.2.12" (instance $r))))";
  EXPECT_EQ(berth({"run", (folder.path() / "exit.wat").string()}).code, 42);
}

TEST(Run, AModulesExitCodeIsOurs) {
  EXPECT_EQ(berth({"run", kAct, "exit", "0"}).code, 0);
  EXPECT_EQ(berth({"run", kAct, "exit", "42"}).code, 42);
}

TEST(Run, WhatFollowsTheFileBelongsToTheGuest) {
  const Output output = berth({"run", kAct, "args", "--env", "A=B", "--help", "--", "x"});
  EXPECT_EQ(output.code, 0) << output.err;
  EXPECT_THAT(output.out, testing::EndsWith("args\n--env\nA=B\n--help\n--\nx\n"));
}

TEST(Run, PassesVariablesThatWereGivenAndNoOthers) {
  ::setenv("OUTSIDE", "secret", 1);
  const Output output = berth({"run", "--env", "A=1", "--env", "B=x=y", kAct, "env", "A", "B", "OUTSIDE"});
  EXPECT_EQ(output.out, "A=1\nB=x=y\nOUTSIDE=(unset)\n");
  const Output wrong = berth({"run", "--env", "A", kAct});
  EXPECT_EQ(wrong.code, 3);
  EXPECT_THAT(wrong.err, HasSubstr("--env \"A\": write NAME=TEXT"));
}

TEST(Run, ConnectsTheStandardStreams) {
  const Output output = berth({"run", kAct, "echo"}, "one\ntwo\n");
  EXPECT_EQ(output.code, 0) << output.err;
  EXPECT_EQ(output.out, "one\ntwo\n");
}

TEST(Run, OpensDirectoriesReadOnlyOrReadWriteOrNotAtAll) {
  const TempFolder folder;
  const std::string host = folder.path();
  std::ofstream(folder.path() / "in.txt") << "hello\n";
  EXPECT_EQ(berth({"run", "--dir", host + "::/data", kAct, "cat", "/data/in.txt"}).out, "hello\n");
  EXPECT_EQ(berth({"run", "--dir", host + "::/data", kAct, "write", "/data/new.txt"}).code, 0);
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "new.txt"));
  EXPECT_EQ(berth({"run", "--dir", host + "::/data::ro", kAct, "cat", "/data/in.txt"}).out, "hello\n");
  const Output denied = berth({"run", "--dir", host + "::/data::ro", kAct, "write", "/data/no.txt"});
  EXPECT_EQ(denied.code, 9);
  EXPECT_THAT(denied.err,
              HasSubstr("berth: denied: open-at of \"no.txt\" below /data, which is read-only; to "
                        "allow it, leave out ::ro after --dir\n"));
  EXPECT_EQ(berth({"run", kAct, "cat", host + "/in.txt"}).code, 9);
  const Output outside = berth({"run", "--dir", host + "::/data", kAct, "cat", "/data/../../etc/hostname"});
  EXPECT_EQ(outside.code, 9);
  EXPECT_THAT(outside.err, HasSubstr("the path leads out of the directory that it starts in; give the folder "
                                     "that it leads to with another --dir\n"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "no.txt"));
}

TEST(Run, RefusesDirectoriesThatAreNoneOrWrittenWrong) {
  EXPECT_EQ(berth({"run", "--dir", "/nonexistent::/x", kAct, "exit", "0"}).code, 3);
  for (const char* wrong : {"::/x", "/tmp::", "/tmp::/x::rx", "/tmp::/x::ro::y"}) {
    const Output output = berth({"run", "--dir", wrong, kAct, "exit", "0"});
    EXPECT_EQ(output.code, 3) << wrong;
    EXPECT_THAT(output.err, HasSubstr("write HOST::GUEST"));
  }
}

TEST(Run, ATrapIs134WithTheGuestsStack) {
  const Output output = berth({"run", kAct, "trap"});
  EXPECT_EQ(output.code, 134);
  EXPECT_THAT(output.err, HasSubstr("unreachable"));
  EXPECT_THAT(output.err, HasSubstr("main"));
}

// A tick is 1 ms. The rest of the bound is for the signal, the scheduler and the end of the process
// on a busy machine; what matters is that the endless loop is not waited for.
TEST(Run, CtrlCStopsAGuestThatComputes) {
  for (const int signal : {SIGINT, SIGTERM}) {
    Process process({"run", kAct, "loop"});
    ASSERT_TRUE(process.wait_for("looping"));
    const auto begin = Clock::now();
    process.signal(signal);
    EXPECT_EQ(process.wait(std::chrono::seconds(10)).code, 130);
    EXPECT_LT(Clock::now() - begin, std::chrono::seconds(1));
  }
}

TEST(Run, CtrlCStopsAGuestThatWaits) {
  Process process({"run", kAct, "sleep"});
  ASSERT_TRUE(process.wait_for("sleeping"));
  process.signal(SIGINT);
  EXPECT_EQ(process.wait(std::chrono::seconds(10)).code, 130);
}

TEST(Run, InvokesFunctionsWithWave) {
  EXPECT_EQ(berth({"run", "--invoke", "add(1, 2)", kCalculator}).out, "3\n");
  EXPECT_EQ(berth({"run", "--invoke", "concat([\"a\", \"b\"])", kCalculator}).out, "\"ab\"\n");
  EXPECT_THAT(berth({"run", "--invoke", "divide(1, 0)", kCalculator}).out, testing::StartsWith("err("));
  EXPECT_EQ(berth({"run", "--invoke", "berth:calculator/shapes@0.1.0#bounds([{x: 1, y: 5}, {x: 3, y: 2}])",
                   kCalculator})
                .out,
            "some(({x: 1, y: 2}, {x: 3, y: 5}))\n");
}

TEST(Run, SaysWhatIsWrongWithACall) {
  for (const char* call : {"nope()", "add(1)", "add(1, \"x\")", "add(1, 2", "add"}) {
    const Output output = berth({"run", std::string("--invoke=") + call, kCalculator});
    EXPECT_EQ(output.code, 3) << call << output.out;
    EXPECT_THAT(output.err, HasSubstr("berth: ")) << call;
  }
}

TEST(Run, ALibraryNeedsInvokeAndListsItsExports) {
  const Output output = berth({"run", kCalculator});
  EXPECT_EQ(output.code, 3);
  EXPECT_THAT(output.err, HasSubstr("--invoke"));
  EXPECT_THAT(output.err, HasSubstr("  add: func(a: s32, b: s32) -> s32\n"));
}

TEST(Run, RefusesWhatIsNoWebAssembly) {
  const TempFolder folder;
  std::ofstream(folder.path() / "text") << "hello";
  std::ofstream(folder.path() / "empty");
  std::ofstream(folder.path() / "broken.wat") << "(component (nope))";
  for (const char* name : {"text", "empty", "broken.wat", "missing", "."}) {
    const Output run = berth({"run", (folder.path() / name).string()});
    EXPECT_EQ(run.code, 3) << name << run.err;
    EXPECT_THAT(run.err, HasSubstr(folder.path().string())) << name;
    EXPECT_EQ(berth({"inspect", (folder.path() / name).string()}).code, 3) << name;
  }
}

TEST(Run, TakesComponentText) {
  const TempFolder folder;
  std::ofstream(folder.path() / "a.wat") << R"(;; text
(component
  (core module $m (func (export "f") (result i32) i32.const 7))
  (core instance $i (instantiate $m))
  (func (export "seven") (result u32) (canon lift (core func $i "f")))))";
  EXPECT_EQ(berth({"run", "--invoke", "seven()", (folder.path() / "a.wat").string()}).out, "7\n");
}

TEST(Inspect, ShowsKindSizeDigestImportsAndExports) {
  const Json json = Json::parse(berth({"inspect", "--json", kCalculator}).out);
  EXPECT_EQ(json["kind"], "component");
  EXPECT_EQ(json["size"], std::filesystem::file_size(kCalculator));
  EXPECT_THAT(json["digest"].get<std::string>(), testing::MatchesRegex("sha256:[0-9a-f]+"));
  EXPECT_EQ(json["exports"][0]["name"], "add");
  EXPECT_EQ(json["exports"][0]["type"], "func(a: s32, b: s32) -> s32");
  const Output text = berth({"inspect", kCalculator});
  EXPECT_THAT(text.out, HasSubstr("kind     component\n"));
  EXPECT_THAT(text.out, HasSubstr("  berth:calculator/shapes@0.1.0\n"));
  EXPECT_THAT(text.out, HasSubstr("    bounds: func("));
  const Json module = Json::parse(berth({"inspect", "--json", kAct}).out);
  EXPECT_EQ(module["kind"], "module (preview 1)");
  EXPECT_GT(module["imports"].size(), 3);
}

}  // namespace
}  // namespace berth::cli
