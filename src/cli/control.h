// The control protocol: a request is one line {"method", "params"}, its answer one line {"result"} or
// {"error": {"code", "message", "detail"}}.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cli/control_socket.h"

namespace berth::cli {

using Json = nlohmann::json;

// Answers requests on a control socket with one thread for each connection.
// Thread-safe: handlers run on several threads at once and may block.
class ControlServer final {
 public:
  using Handler = std::function<Result<Json>(const Json& params)>;

  // Fails as listen_at does.
  [[nodiscard]] static Result<std::unique_ptr<ControlServer>> start(
      const std::filesystem::path& path, std::map<std::string, Handler, std::less<>> handlers);
  // Stops accepting, waits for handlers that run, removes the socket.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  struct Impl;
  explicit ControlServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Asks a running host. One thread at a time.
class ControlClient final {
 public:
  // kUnavailable, kPermissionDenied: as connect_to.
  [[nodiscard]] static Result<ControlClient> connect(const std::filesystem::path& path);

  // The result, or the host's own error with its code. kUnavailable when the host goes away.
  // Blocks for at most kControlAnswer.
  [[nodiscard]] Result<Json> call(std::string_view method, Json params);

 private:
  explicit ControlClient(LineSocket socket) : socket_(std::move(socket)) {}
  LineSocket socket_;
};

// A text parameter. kInvalidArgument naming it when it is missing or no text.
[[nodiscard]] Result<std::string> text_param(const Json& params, const char* name);
// A number that is not negative; `fallback` when it is missing.
[[nodiscard]] Result<std::uint64_t> number_param(const Json& params, const char* name,
                                                 std::uint64_t fallback);

// One line whatever is in it: invalid UTF-8 is replaced.
[[nodiscard]] std::string to_line(const Json& json);

}  // namespace berth::cli
