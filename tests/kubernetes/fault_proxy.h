// FaultProxy: stands in front of the real API server, speaks TLS as it does, and does to each request what a
// test says.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "capabilities/kubernetes/test_kubernetes.h"
#include "net/scripted_server.h"

namespace berth::kubernetes {

// What happens to one request. Plain value.
struct Fault {
  enum class Kind : std::uint8_t {
    kNone,
    kReply,   // `status`, `headers` and `body` in place of the server's
    kCut,     // closes after `bytes` of the server's body
    kStall,   // says nothing more after `bytes` of it, and stays open
    kDrop,    // closes at once
    kSlow,    // a byte in each 3 ms
    kChange,  // `body` in place of the server's, with its status
  };
  Kind kind = Kind::kNone;
  std::string status, headers, body;
  std::size_t bytes = 0;
};

// Thread-safe.
class FaultProxy {
 public:
  // `line`: "GET /api/v1/pods?limit=500"; `number`: how many such lines of the same path came before.
  using Judge = std::function<Fault(const std::string& line, int number)>;

  explicit FaultProxy(Judge judge)
      : judge_(std::move(judge)),
        server_([this](net::ScriptedConnection& connection) { serve(connection); },
                net::ScriptedTls{.identity = {.certificate_pem = TestKubernetes::shared().file("server.pem"),
                                              .key_pem = TestKubernetes::shared().file("server.key")}}) {
    auto config = nlohmann::json::parse(TestKubernetes::shared().file("kubeconfig"));
    config["clusters"][0]["cluster"]["server"] = server_.url("");
    kubeconfig_ = TestKubernetes::shared().folder() / ("proxied-" + std::to_string(server_.port()));
    std::ofstream(kubeconfig_) << config;
  }

  [[nodiscard]] std::string kubeconfig() const { return kubeconfig_; }
  // Connections so far.
  [[nodiscard]] int accepted() const { return server_.accepted(); }
  ~FaultProxy() { stop_.request_stop(); }
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  // The requests that came.
  [[nodiscard]] std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  // The last Authorization header.
  [[nodiscard]] std::string authorization() {
    const std::lock_guard lock(mutex_);
    return authorization_;
  }

 private:
  // Hands the server's answer on, up to where the fault says.
  class Forward final : public net::HttpSink {
   public:
    Forward(net::ScriptedConnection& to, const Fault& fault) : to_(to), fault_(fault) {}
    Result<> begin(const net::HttpHead& head) override {
      std::string out =
          "HTTP/1.1 " + std::to_string(head.status) + " From-The-Server\r\nTransfer-Encoding: chunked\r\n";
      for (const char* name : {"content-type", "retry-after"})
        if (const auto value = head.find(name))
          out += std::string(name) + ": " + std::string(*value) + "\r\n";
      if (!to_.send(out + "\r\n")) return said(false);
      if (fault_.kind != Fault::Kind::kChange) return {};
      changed_ = (fault_.body.empty() || chunk(fault_.body)) && to_.send("0\r\n\r\n");
      return said(false);
    }
    Result<> write(std::span<const std::uint8_t> bytes) override {
      std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      using Kind = Fault::Kind;
      if (fault_.kind == Kind::kCut || fault_.kind == Kind::kStall)
        rest = rest.substr(0, fault_.bytes - sent_);
      if (fault_.kind == Kind::kSlow) {
        for (const char c : rest) {
          std::this_thread::sleep_for(std::chrono::milliseconds(3));
          if (!chunk({&c, 1})) return said(false);
        }
        return {};
      }
      sent_ += rest.size();
      if (!rest.empty() && !chunk(rest)) return said(false);
      const bool done = (fault_.kind == Kind::kCut || fault_.kind == Kind::kStall) && sent_ >= fault_.bytes;
      return said(!done);
    }
    bool end() { return to_.send("0\r\n\r\n"); }
    // Said what was to be said in place of the server.
    [[nodiscard]] bool changed() const { return changed_; }

   private:
    bool chunk(std::string_view some) {
      char size[32];
      std::snprintf(size, sizeof size, "%zx\r\n", some.size());
      return to_.send(size) && to_.send(some) && to_.send("\r\n");
    }
    static Result<> said(bool fine) {
      return fine ? Result<>() : fail(Code::kCancelled, "the proxy ends here");
    }
    net::ScriptedConnection& to_;
    const Fault& fault_;
    std::size_t sent_ = 0;
    bool changed_ = false;
  };

  void serve(net::ScriptedConnection& connection) {
    auto io = net::IoContext::create(1).value();
    auto client =
        net::HttpClient::create(
            *io, {.tls = {.system_ca = false, .extra_ca_pem = TestKubernetes::shared().file("ca.pem")}})
            .value();
    for (std::string request; !(request = connection.request()).empty();) {
      const std::string line = request.substr(0, request.find(" HTTP/"));
      const std::string path = line.substr(0, line.find('?'));
      int number = 0;
      {
        const std::lock_guard lock(mutex_);
        for (const std::string& before : lines_) number += before.substr(0, before.find('?')) == path ? 1 : 0;
        lines_.push_back(line);
        authorization_ = header(request, "Authorization");
      }
      const Fault fault = judge_(line, number);
      if (fault.kind == Fault::Kind::kDrop) return;
      if (fault.kind == Fault::Kind::kReply) {
        if (!connection.reply(fault.status, fault.headers, fault.body)) return;
        continue;
      }
      if (!forward(connection, *client, request, fault)) {
        if (fault.kind == Fault::Kind::kStall) connection.wait_closed();
        return;
      }
    }
  }

  bool forward(net::ScriptedConnection& connection, net::HttpClient& client, const std::string& request,
               const Fault& fault) {
    const std::size_t space = request.find(' ');
    const std::string target = request.substr(space + 1, request.find(" HTTP/") - space - 1);
    const std::size_t question = std::min(target.find('?'), target.size());
    const std::string body = request.substr(request.find("\r\n\r\n") + 4);
    net::HttpClientRequest sent{
        .method = request.substr(0, space),
        .url = net::Url::parse(TestKubernetes::shared().url())
                   .value()
                   .with_target(target.substr(0, question),
                                question < target.size() ? target.substr(question + 1) : "")
                   .value(),
        .headers = {{"Accept", header(request, "Accept")}},
        .authorization = Secret(header(request, "Authorization"))};
    sent.max_body_bytes = std::uint64_t{1} << 40U;
    if (!body.empty()) {
      sent.body = std::span(reinterpret_cast<const std::uint8_t*>(body.data()), body.size());
      sent.headers.emplace_back("Content-Type", header(request, "Content-Type"));
    }
    Forward to(connection, fault);
    sent.timeouts = {
        .total = std::chrono::minutes(5), .low_speed_bytes = 1, .low_speed_for = std::chrono::minutes(5)};
    const auto response = client.send_and_wait(std::move(sent), to, stop_.get_token());
    return to.changed() || (response && to.end());
  }

  static std::string header(const std::string& request, const std::string& name) {
    const std::size_t at = request.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const std::size_t begin = at + name.size() + 4;
    return request.substr(begin, request.find("\r\n", begin) - begin);
  }

  Judge judge_;
  std::stop_source stop_;
  std::mutex mutex_;  // guards what follows
  std::vector<std::string> lines_;
  std::string authorization_;
  std::string kubeconfig_;
  net::ScriptedServer server_;  // last: its threads use the others
};

}  // namespace berth::kubernetes
