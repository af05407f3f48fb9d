// Kubernetes for tests: the real API of tests/kubernetes/running_kubernetes.py, one for a whole program.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "capabilities/kubernetes/api/cluster_config.h"
#include "net/http_client.h"

namespace berth::kubernetes {

// Starts it, waits until it is ready, and ends it with the program. Requires $BERTH_SERVERS. One thread at a
// time.
class TestKubernetes {
 public:
  // The program's own.
  static TestKubernetes& shared() {
    static TestKubernetes kubernetes;
    return kubernetes;
  }
  ~TestKubernetes() {
    http_.reset();
    ::close(stdin_);
    if (process_ > 0) ::waitpid(process_, nullptr, 0);
  }
  TestKubernetes(const TestKubernetes&) = delete;
  TestKubernetes& operator=(const TestKubernetes&) = delete;

  [[nodiscard]] std::string kubeconfig() const { return text("kubeconfig"); }
  [[nodiscard]] std::string url() const { return text("url"); }
  [[nodiscard]] std::filesystem::path folder() const { return text("folder"); }
  [[nodiscard]] std::string token(const char* user) const { return facts_["tokens"][user]; }
  [[nodiscard]] std::string file(std::string_view name) const {
    return read_file(folder() / name, 1U << 20U).value();
  }

  struct Reply {
    int status = 0;
    std::string body;
    net::HttpHead head;
    [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(body); }
  };
  // What the API answers, with nothing in between.
  Reply request(std::string method, std::string_view path, std::string_view query = "",
                std::string_view body = "", std::string_view type = "application/json",
                const char* user = "admin", const char* accept = "application/json, */*") {
    net::HttpTextSink sink;
    net::HttpClientRequest request{.method = std::move(method),
                                   .url = net::Url::parse(url()).value().with_target(path, query).value(),
                                   .headers = {{"Accept", accept}},
                                   .authorization = Secret("Bearer " + token(user))};
    request.max_body_bytes = 256U << 20U;
    if (!body.empty()) {
      request.body = std::span(reinterpret_cast<const std::uint8_t*>(body.data()), body.size());
      request.headers.emplace_back("Content-Type", type);
    }
    auto response = http_->send_and_wait(std::move(request), sink);
    if (!response) {
      ADD_FAILURE() << response.error().to_string();
      return {};
    }
    return {response->head.status, std::move(sink.text), std::move(response->head)};
  }
  // Creates; it must succeed.
  nlohmann::json make(std::string_view path, const nlohmann::json& object) {
    const Reply reply = request("POST", path, "", object.dump());
    EXPECT_EQ(reply.status, 201) << path << ": " << reply.body;
    return reply.json();
  }
  // How many such requests the API server has had.
  int requests(std::string_view resource, std::string_view verb) {
    const std::string metrics = request("GET", "/metrics").body;
    double total = 0;
    for (std::size_t at = 0; (at = metrics.find("\napiserver_request_total{", at)) != std::string::npos;
         ++at) {
      const std::string line = metrics.substr(at + 1, metrics.find('\n', at + 1) - at - 1);
      if (line.contains("resource=\"" + std::string(resource) + "\"") &&
          line.contains("verb=\"" + std::string(verb) + "\""))
        total += std::atof(line.substr(line.rfind(' ')).c_str());
    }
    return static_cast<int>(total);
  }
  // Forgets what etcd had before now.
  void compact() {
    const std::string status = etcd("maintenance/status", "{}");
    const std::string revision = nlohmann::json::parse(status)["header"]["revision"];
    etcd("kv/compaction", R"({"revision":")" + revision + R"(","physical":true})");
  }

 private:
  TestKubernetes() {
    const char* servers = std::getenv("BERTH_SERVERS");
    if (servers == nullptr) {
      ADD_FAILURE() << "BERTH_SERVERS is not set: where tools/dev/servers.sh puts what it builds";
      std::exit(1);
    }
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) std::abort();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    std::string python = "python3", script = BERTH_SOURCE_DIR "/tests/kubernetes/running_kubernetes.py";
    char* const args[] = {python.data(), script.data(), nullptr};
    const bool started = ::posix_spawnp(&process_, "python3", &actions, nullptr, args, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    stdin_ = in[1];
    std::string line;
    for (char c = 0; started && ::read(out[0], &c, 1) == 1 && c != '\n';) line += c;
    ::close(out[0]);
    facts_ = nlohmann::json::parse(line, nullptr, false);
    if (!facts_.is_object()) {
      ADD_FAILURE() << "Kubernetes for tests does not start";
      std::exit(1);
    }
    http_ = net::HttpClient::create(
                *io_, {.tls = {.system_ca = false, .extra_ca_pem = read_file(text("ca"), 1U << 20U).value()}})
                .value();
  }
  [[nodiscard]] std::string text(const char* key) const { return facts_[key]; }
  std::string etcd(const std::string& path, std::string_view body) {
    net::HttpTextSink sink;
    net::HttpClientRequest request{.method = "POST",
                                   .url = net::Url::parse(text("etcd") + "/v3/" + path).value()};
    request.body = std::span(reinterpret_cast<const std::uint8_t*>(body.data()), body.size());
    const auto response = http_->send_and_wait(std::move(request), sink);
    EXPECT_TRUE(response && response->head.status == 200) << path << sink.text;
    return sink.text;
  }

  nlohmann::json facts_;
  pid_t process_ = 0;
  int stdin_ = -1;
  std::unique_ptr<net::IoContext> io_ = net::IoContext::create(1).value();
  std::unique_ptr<net::HttpClient> http_;
};

}  // namespace berth::kubernetes
