// ComponentSocket: a store as Dapr's pluggable component at a Unix socket.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "applications/statestore/native/grpc/grpc_server.h"
#include "applications/statestore/native/grpc/pluggable_component.h"
#include "applications/statestore/native/store.h"
#include "base/error.h"

namespace berth::statestore {

// Serves a store at <folder>/<name>.sock, which daprd finds in DAPR_COMPONENTS_SOCKETS_FOLDER and offers as
// `type: state.<name>`. The socket's mode is 0660: it is open to this user and the folder's group.
// One thread at a time.
class ComponentSocket final {
 public:
  // Makes the folder (0770 but for the umask) where there is none, and takes the place of a socket that a
  // process left behind. Blocks while another process starts in the same folder. Requests have at most
  // `max_body_bytes`; as many as `threads` begin at once.
  //  kAlreadyExists: another process serves there, or it is no socket. kPermissionDenied, kInvalidArgument.
  [[nodiscard]] static Result<std::unique_ptr<ComponentSocket>> open(
      const std::filesystem::path& folder, const std::string& name, Settings settings,
      std::uint64_t max_body_bytes, std::uint32_t threads, std::shared_ptr<Store> store);
  // stop(0).
  ~ComponentSocket();
  ComponentSocket(const ComponentSocket&) = delete;
  ComponentSocket& operator=(const ComponentSocket&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // Removes the socket, lets calls finish for up to `drain`, and cancels the rest. Blocks.
  void stop(std::chrono::milliseconds drain);

 private:
  ComponentSocket(std::filesystem::path path, PluggableComponent component, std::uint32_t threads)
      : path_(std::move(path)), component_(std::move(component)), server_(component_, threads) {}
  Result<> publish(std::uint64_t max_message);
  Result<> clear_place() const;

  const std::filesystem::path path_;
  PluggableComponent component_;
  bool published_ = false;
  GrpcServer server_;  // last: it calls component_
};

}  // namespace berth::statestore
