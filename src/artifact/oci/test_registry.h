// For tests: a registry in this process, over real HTTP, that keeps manifests and blobs in memory.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "artifact/oci/manifest.h"
#include "artifact/oci/media_type.h"
#include "artifact/oci/registry.h"
#include "artifact/reference.h"
#include "net/http_server.h"
#include "net/io_context.h"

namespace berth::artifact::oci {

// Serves one repository named "a". Thread-safe.
class TestRegistry final {
 public:
  // What a test answers instead; nothing: as the registry does.
  using Script =
      std::function<std::optional<net::HttpResponse>(const std::string& request, const net::HttpRequest&)>;

  TestRegistry()
      : io_(std::move(*net::IoContext::create(2))),
        handler_(net::sync_handler([this](const net::HttpRequest& request) { return answer(request); })),
        server_(std::make_unique<net::HttpServer>(*io_, *handler_)),
        port_(*server_->listen("127.0.0.1", 0)) {}
  TestRegistry(const TestRegistry&) = delete;
  TestRegistry& operator=(const TestRegistry&) = delete;

  [[nodiscard]] OciReference reference(const std::string& tag = "v1") const {
    return *parse_oci_reference(fmt::format("127.0.0.1:{}/a:{}", port_, tag));
  }
  [[nodiscard]] std::unique_ptr<Registry> connect() {
    return std::move(*Registry::create(*io_, reference(), {.first_pause = std::chrono::milliseconds(1)}));
  }
  void script(Script script) {
    const std::scoped_lock lock(mutex_);
    script_ = std::move(script);
  }
  // "GET /v2/a/manifests/v1" of every request since the last call.
  [[nodiscard]] std::vector<std::string> take_requests() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(requests_, {});
  }
  [[nodiscard]] std::string manifest(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    return manifests_[name].second;
  }
  void remove_manifest(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    manifests_.erase(name);
  }
  // True: lists referrers by itself, as registries with the API do.
  void lists_referrers(bool does) { lists_referrers_ = does; }

 private:
  static std::string digest(std::string_view text) {
    return Digest::of({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()})->to_string();
  }
  static net::HttpResponse status(int code, std::vector<std::pair<std::string, std::string>> headers = {}) {
    return {.status = code, .headers = std::move(headers)};
  }

  net::HttpResponse answer(const net::HttpRequest& request) {
    const std::scoped_lock lock(mutex_);
    std::string text = fmt::format("{} {}", request.method_text(), request.target());
    requests_.push_back(text);
    if (script_) {
      if (auto scripted = script_(text, request)) return std::move(*scripted);
    }
    const std::string_view path = request.path();
    const std::string last(path.substr(path.rfind('/') + 1));
    if (path.starts_with("/v2/a/manifests/")) return manifest_answer(request, last);
    if (path == "/v2/a/blobs/uploads/") return upload_answer(request);
    if (path.starts_with("/v2/a/blobs/") && blobs_.contains(last))
      return {.status = 200, .body = blobs_[last]};
    if (path.starts_with("/v2/a/referrers/") && lists_referrers_) return referrers_answer(last);
    return status(404);
  }
  net::HttpResponse manifest_answer(const net::HttpRequest& request, const std::string& name) {
    if (request.method() == net::HttpMethod::kPut) {
      const std::string body(request.body());
      manifests_[name] = manifests_[digest(body)] = {std::string(*request.header("content-type")), body};
      net::HttpResponse out = status(201, {{"Docker-Content-Digest", digest(body)}});
      const auto content = parse_content(body, *request.header("content-type"));
      if (lists_referrers_ && content && subject_of(*content)) {
        out.headers.emplace_back("OCI-Subject", subject_of(*content)->digest.to_string());
      }
      return out;
    }
    const auto found = manifests_.find(name);
    if (found == manifests_.end()) return status(404);
    return {.status = 200,
            .content_type = found->second.first,
            .headers = {{"Docker-Content-Digest", digest(found->second.second)}},
            .body = found->second.second};
  }
  net::HttpResponse upload_answer(const net::HttpRequest& request) {
    const std::string body(request.body());
    blobs_[digest(body)] = body;
    return status(201);
  }
  net::HttpResponse referrers_answer(const std::string& subject) {
    Index index;
    for (const auto& [name, entry] : manifests_) {
      const auto content = parse_content(entry.second, entry.first);
      if (!name.starts_with("sha256:") || !content || !subject_of(*content)) continue;
      if (subject_of(*content)->digest.to_string() != subject) continue;
      index.manifests.push_back({.media_type = entry.first,
                                 .digest = *Digest::parse(name),
                                 .size = entry.second.size(),
                                 .artifact_type = artifact_type_of(*content)});
    }
    return {.status = 200, .content_type = std::string(kIndexType), .body = to_text(index)};
  }

  std::mutex mutex_;  // guards everything but what is constant
  Script script_;
  std::vector<std::string> requests_;
  std::map<std::string, std::pair<std::string, std::string>> manifests_;  // by tag and by digest: type, bytes
  std::map<std::string, std::string> blobs_;
  std::atomic<bool> lists_referrers_ = true;
  std::unique_ptr<net::IoContext> io_;
  std::unique_ptr<net::HttpHandler> handler_;
  std::unique_ptr<net::HttpServer> server_;
  std::uint16_t port_;
};

}  // namespace berth::artifact::oci
