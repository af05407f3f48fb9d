// Daprd: a real daprd with one state store, "bench".
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include "bench/program.h"

namespace berth::bench {

// Killed at the end. One thread at a time.
class Daprd final {
 public:
  // `type` is what Dapr calls the store; `sockets` is where pluggable components are. Writes into `folder`.
  Daprd(const std::filesystem::path& folder, const std::string& type, const std::filesystem::path& sockets)
      : port_(unused_port()),
        program_(command(folder / (type + "-resources"), type, port_),
                 {"DAPR_COMPONENTS_SOCKETS_FOLDER=" + sockets.string()}, folder / (type + "-daprd.log")) {
    program_.wait_until([this] { return answers(port_, "/v1.0/healthz/outbound"); });
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  static std::vector<std::string> command(const std::filesystem::path& resources, const std::string& type,
                                          std::uint16_t port) {
    std::filesystem::create_directories(resources);
    std::ofstream(resources / "component.yaml") << fmt::format(
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{ name: bench }}\n"
        "spec: {{ type: state.{}, version: v1, metadata: [] }}\n",
        type);
    return {BERTH_SERVERS "/daprd",
            "--app-id=bench",
            "--mode=standalone",
            "--resources-path=" + resources.string(),
            fmt::format("--dapr-http-port={}", port),
            fmt::format("--dapr-grpc-port={}", unused_port()),
            fmt::format("--dapr-internal-grpc-port={}", unused_port()),
            "--dapr-listen-addresses=127.0.0.1",
            "--dapr-internal-grpc-listen-address=127.0.0.1",
            "--enable-metrics=false",
            "--log-level=error"};
  }

  std::uint16_t port_;
  Program program_;
};

}  // namespace berth::bench
