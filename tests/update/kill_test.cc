// SIGKILL at each stage of an update: after a restart without the source a good version serves and the store
// is consistent. BERTH_KILLS says how often at each stage.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "artifact/digest.h"
#include "artifact/store/test_store.h"
#include "cli/test_process.h"

namespace berth::update {
namespace {

namespace fs = std::filesystem;
using cli::berth;
using cli::Process;

int kills() {
  const char* text = std::getenv("BERTH_KILLS");
  return text != nullptr ? std::atoi(text) : 5;
}

class KillTest : public testing::Test {
 protected:
  KillTest() {
    std::ofstream(file("berth.yaml")) << R"(workloads:
  a: { source: "file:a.wasm", instances: one, update: { watch: false, rollback: { within: 1s } } }
telemetry: { log: { format: text, level: debug } }
control: { socket: control.sock }
store: { path: store }
)";
    original_ = artifact::read_file(BERTH_BINARY_DIR "/guests/cli_v1.wasm");
  }
  std::string file(const std::string& name) const { return (folder_.path() / name).string(); }
  std::string socket() const { return file("control.sock"); }
  // Another version of the source: the same code under another digest.
  std::string next() {
    std::vector<std::uint8_t> bytes = original_;
    const std::uint8_t number[] = {
        0x00, 0x04, 0x01, 'n', static_cast<std::uint8_t>(++number_), static_cast<std::uint8_t>(number_ >> 8)};
    bytes.insert(bytes.end(), std::begin(number), std::end(number));
    artifact::write_file(file("a.wasm.new"), bytes);
    fs::rename(file("a.wasm.new"), file("a.wasm"));
    return artifact::Digest::of(bytes)->to_string();
  }
  std::string serving() const {
    const cli::Output out = berth({"status", "--json", "--socket", socket()});
    const auto json = nlohmann::json::parse(out.out, nullptr, false);
    return json.is_discarded() ? out.err : json["workloads"][0]["version"]["digest"].get<std::string>();
  }

  cli::TempFolder folder_;
  std::vector<std::uint8_t> original_;
  int number_ = 0;
};

TEST_F(KillTest, AtEachStage) {
  std::set<std::string> known = {next()};  // those before the newest, which nothing has proved yet
  std::string newest;
  for (const std::string stage :
       {"update stage fetch", "update stage verify", "update stage compile", "update stage warm",
        "update stage publish", "update published", "update good"}) {
    for (int i = 0; i < kills(); ++i) {
      {
        Process host({"up", file("berth.yaml")});
        ASSERT_TRUE(host.wait_for("ready ")) << host.err();
        newest = next();
        ASSERT_EQ(berth({"update", "a", "--socket", socket()}).code, 0);
        ASSERT_TRUE(host.wait_for(stage)) << stage << "\n" << host.err();
        // Somewhere in the stage that follows.
        std::this_thread::sleep_for(std::chrono::microseconds(i * 7919 % 5000));
        host.signal(SIGKILL);
        EXPECT_EQ(host.wait().code, 128 + SIGKILL);
      }
      artifact::expect_consistent(folder_.path() / "store");
      fs::rename(file("a.wasm"), file("gone"));
      {
        Process host({"up", file("berth.yaml")});
        ASSERT_TRUE(host.wait_for("ready ")) << stage << "\n" << host.err();
        EXPECT_TRUE(known.contains(serving()) || (serving() == newest && stage == "update good"))
            << serving() << " after " << stage;
      }
      fs::rename(file("gone"), file("a.wasm"));
      known.insert(newest);  // the next start may find it good
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace berth::update
