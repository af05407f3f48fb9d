// berth up, status, swap and logs: one host from its start to its end.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/test_process.h"

namespace berth::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Json = nlohmann::json;

const fs::path kGuests = BERTH_BINARY_DIR "/guests";

// Body and status of one request, "" when nobody answers.
std::string http_get(int port, const std::string& path) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    (void)!::write(fd, request.data(), request.size());
    char buffer[4096];
    for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;)
      answer.append(buffer, static_cast<std::size_t>(n));
  }
  ::close(fd);
  return answer;
}

bool eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 600; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

class Up : public ::testing::Test {
 protected:
  Up() {
    copy("cli_v1.wasm", "a.wasm");
    manifest(R"(workloads:
  a:
    source: file:a.wasm
    instances: one
telemetry: { listen: "127.0.0.1:0", log: { format: text } }
control: { socket: run/control.sock }
store: { path: store }
)");
  }
  void manifest(const std::string& text) { std::ofstream(folder_.path() / "berth.yaml") << text; }
  // As a build tool replaces a file: a new one, renamed over the old one.
  void copy(const std::string& guest, const std::string& name) {
    fs::copy_file(kGuests / guest, folder_.path() / (name + ".new"), fs::copy_options::overwrite_existing);
    fs::rename(folder_.path() / (name + ".new"), folder_.path() / name);
  }
  std::string file(const std::string& name = "berth.yaml") const { return (folder_.path() / name).string(); }
  std::string socket() const { return file("run/control.sock"); }
  Json status() const {
    const Output output = berth({"status", "--json", "--socket", socket()});
    EXPECT_EQ(output.code, 0) << output.err;
    return Json::parse(output.out, nullptr, false);
  }
  Json workload() const { return status()["workloads"][0]; }
  std::string digest() const { return workload()["version"]["digest"]; }

  TempFolder folder_;
};

TEST_F(Up, ServesUntilItIsToldToStop) {
  Process host({"up", file()});
  ASSERT_TRUE(host.wait_for("ready ")) << host.err();
  EXPECT_THAT(host.err(), HasSubstr(" info     loaded workload=a version=sha256:"));

  const Json json = status();
  EXPECT_EQ(json["ready"], true);
  EXPECT_EQ(json["workloads"].size(), 1);
  EXPECT_EQ(json["workloads"][0]["name"], "a");
  EXPECT_THAT(berth({"status", "--socket", socket()}).out, HasSubstr("\na         sha256:"));

  const std::string line = host.err().substr(host.err().find("metrics at http://127.0.0.1:") + 28);
  const int port = std::stoi(line);
  EXPECT_THAT(http_get(port, "/metrics"), HasSubstr("berth_instances{"));
  EXPECT_THAT(http_get(port, "/healthz"), HasSubstr("200 OK"));
  EXPECT_THAT(http_get(port, "/readyz"), HasSubstr("\r\n\r\nready\n"));
  EXPECT_THAT(http_get(port, "/nope"), HasSubstr("404"));

  host.signal(SIGTERM);
  const Output output = host.wait(std::chrono::seconds(30));
  EXPECT_EQ(output.code, 0) << output.err;
  EXPECT_THAT(output.err, HasSubstr("stopped\n"));
  EXPECT_EQ(http_get(port, "/metrics"), "");
  EXPECT_FALSE(fs::exists(socket()));
}

// Between the first line that says where it serves and "ready" somebody may have called already.
TEST_F(Up, EndsInOrderAsSoonAsItServes) {
  for (int i = 0; i < 10; ++i) {
    Process host({"up", file()});
    ASSERT_TRUE(host.wait_for("control socket at ")) << host.err();
    host.signal(SIGTERM);
    const Output output = host.wait(std::chrono::seconds(30));
    ASSERT_EQ(output.code, 0) << output.err;
    ASSERT_THAT(output.err, HasSubstr("stopped\n"));
  }
}

TEST_F(Up, SwapsWhenTheFileIsReplacedOrRewritten) {
  Process host({"up", file()});
  ASSERT_TRUE(host.wait_for("ready ")) << host.err();
  const std::string first = digest();

  copy("cli_v2.wasm", "a.wasm");
  ASSERT_TRUE(host.wait_for("swapped " + first.substr(0, 19) + " -> ")) << host.err();
  const std::string second = digest();
  EXPECT_NE(second, first);

  // In place, slowly: what is half written is not loaded.
  std::ifstream in(kGuests / "cli_v1.wasm", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  {
    std::ofstream out(file("a.wasm"), std::ios::binary);
    for (const char c : bytes) {
      out << c << std::flush;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  ASSERT_TRUE(eventually([&] { return digest() == first; })) << host.err();
  EXPECT_EQ(workload()["swaps"]["ok"], 2);
  EXPECT_EQ(workload()["swaps"]["failed"], 0);
  host.signal(SIGINT);
  EXPECT_EQ(host.wait(std::chrono::seconds(30)).code, 0);
}

TEST_F(Up, ABadReplacementLeavesTheRunningVersion) {
  Process host({"up", file()});
  ASSERT_TRUE(host.wait_for("ready ")) << host.err();
  const std::string first = digest();
  std::ofstream(file("a.wasm"), std::ios::binary) << "no component";
  ASSERT_TRUE(host.wait_for("update refused workload=a")) << host.err();
  EXPECT_EQ(digest(), first);
  EXPECT_EQ(workload()["update"]["state"], "refused");
  EXPECT_THAT(workload()["update"]["reason"].get<std::string>(), HasSubstr("a.wasm"));
  EXPECT_THAT(berth({"status", "--socket", socket()}).out, HasSubstr("a: update refused since "));
  const std::string line = host.err().substr(host.err().find("metrics at http://127.0.0.1:") + 28);
  EXPECT_THAT(http_get(std::stoi(line), "/metrics"),
              HasSubstr("berth_updates_total{result=\"refused\",workload=\"a\"} 1\n"));
  copy("cli_v2.wasm", "a.wasm");
  EXPECT_TRUE(eventually([&] { return digest() != first; })) << host.err();
}

TEST_F(Up, SwapsOnRequestAndSaysWhyNot) {
  Process host({"up", file()});
  ASSERT_TRUE(host.wait_for("ready ")) << host.err();
  const std::string first = digest();

  const Output swapped = berth({"swap", "a", (kGuests / "cli_v2.wasm").string(), "--socket", socket()});
  EXPECT_EQ(swapped.code, 0) << swapped.err;
  EXPECT_THAT(
      swapped.out,
      testing::MatchesRegex("a: swapped sha256:[0-9a-f]{12} -> sha256:[0-9a-f]{12} in [0-9.]+ ms pause\n"));
  EXPECT_NE(digest(), first);

  const Json report = Json::parse(
      berth({"swap", "--json", "a", (kGuests / "cli_v1.wasm").string(), "--socket", socket()}).out);
  EXPECT_EQ(report["ok"], true);
  EXPECT_EQ(report["to"], first);

  const Output unknown = berth({"swap", "aa", (kGuests / "cli_v1.wasm").string(), "--socket", socket()});
  EXPECT_EQ(unknown.code, 3);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean \"a\"?"));
  EXPECT_EQ(berth({"swap", "a", "/nonexistent.wasm", "--socket", socket()}).code, 3);
  EXPECT_EQ(digest(), first);
}

// A component of the size from which there are two tiers: the rest of it is a section that says nothing.
TEST_F(Up, ServesALargeComponentWithQuickCodeAndThenWithBetter) {
  constexpr std::size_t kPadding = 300'000;
  std::ifstream in(kGuests / "cli_v1.wasm", std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  // Section 0, its size of 300,003 bytes, its name of two, its content.
  bytes += std::string("\x00\xe3\xa7\x12\x02xx", 7) + std::string(kPadding, ' ');
  std::ofstream(file("a.wasm"), std::ios::binary) << bytes;
  manifest(R"(workloads: { a: { source: file:a.wasm } }
telemetry: { log: { format: text } }
control: { socket: run/control.sock }
store: { path: store }
)");
  Process host({"up", file()});
  ASSERT_TRUE(host.wait_for("ready ")) << host.err();
  EXPECT_THAT(host.err(), HasSubstr(" tier=winch "));
  ASSERT_TRUE(host.wait_for("better code serves workload=a")) << host.err();
  EXPECT_EQ(workload()["version"]["tier"], "cranelift");
  EXPECT_EQ(workload()["swaps"]["ok"], 0);
  EXPECT_THAT(berth({"status", "--socket", socket()}).out, HasSubstr("  cranelift  "));
  host.signal(SIGTERM);
  EXPECT_EQ(host.wait(std::chrono::seconds(30)).code, 0);
}

TEST_F(Up, ShowsItsLogs) {
  Process host({"up", file()});
  ASSERT_TRUE(host.wait_for("ready ")) << host.err();
  const Output text = berth({"logs", "--socket", socket()});
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.out, HasSubstr("loaded workload=a"));
  const Json last = Json::parse(berth({"logs", "--json", "-n", "1", "--socket", socket()}).out);
  EXPECT_EQ(last["message"], "ready");

  Process follow({"logs", "-f", "-n", "0", "--socket", socket()});
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  ASSERT_EQ(berth({"swap", "a", (kGuests / "cli_v2.wasm").string(), "--socket", socket()}).code, 0);
  EXPECT_TRUE(eventually([&] { return follow.out().find("swapped") != std::string::npos; }));
  EXPECT_EQ(follow.out().find("loaded"), std::string::npos);
}

TEST_F(Up, RefusesASecondHostOnTheSameSocket) {
  Process host({"up", file()});
  ASSERT_TRUE(host.wait_for("ready ")) << host.err();
  const Output second = berth({"up", file()});
  EXPECT_EQ(second.code, 5);
  EXPECT_THAT(second.err, HasSubstr("another host listens on " + socket()));
  EXPECT_EQ(status()["ready"], true);
}

TEST_F(Up, SurvivesAHostThatWasKilled) {
  {
    Process killed({"up", file()});
    ASSERT_TRUE(killed.wait_for("ready ")) << killed.err();
  }
  EXPECT_EQ(berth({"status", "--socket", socket()}).code, 4);
  Process host({"up", file()});
  ASSERT_TRUE(host.wait_for("ready ")) << host.err();
  EXPECT_EQ(status()["ready"], true);
}

TEST_F(Up, FailsEarlyForAnImportThatNoGrantCovers) {
  copy("cli_act.wasm", "a.wasm");
  const Output output = berth({"up", file()});
  EXPECT_EQ(output.code, 5) << output.err;
  EXPECT_THAT(output.err, HasSubstr(file() + ":2:3: workload a: "));
  EXPECT_THAT(output.err, HasSubstr("workloads.a.grants"));
}

TEST_F(Up, SaysWhatIsWrongBeforeItServes) {
  fs::remove(file("a.wasm"));
  const Output missing = berth({"up", file()});
  EXPECT_EQ(missing.code, 3);
  EXPECT_THAT(missing.err, HasSubstr(file() + ":3:13: "));
  manifest("workloads: {a: {sorce: file:a.wasm}}\n");
  const Output bad = berth({"up", file()});
  EXPECT_EQ(bad.code, 3);
  EXPECT_THAT(bad.err, HasSubstr(":1:17: workloads.a: no key \"sorce\"; did you mean \"source\"?"));
}

}  // namespace
}  // namespace berth::cli
