// PluggableComponent: one store as a state component of Dapr's, which daprd calls.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "applications/statestore/native/grpc/grpc_server.h"
#include "applications/statestore/native/store.h"

namespace berth::statestore {

// The services StateStore, TransactionalStateStore, QueriableStateStore and TransactionalStoreMultiMaxSize
// of dapr.proto.components.v1, and of gRPC's server reflection (v1alpha) the list of services, by which
// daprd finds out what a socket serves. Keys are daprd's: it has put its own prefix before them.
//
// Init configures nothing, since the manifest did: each property must be one that daprd itself acts on, or
// say what the manifest says, or it is refused with the place where it belongs.
//
// Thread-safe.
class PluggableComponent final : public GrpcCalls {
 public:
  PluggableComponent(std::string name, Settings settings, std::shared_ptr<Store> store)
      : name_(std::move(name)), settings_(std::move(settings)), store_(std::move(store)) {}

  Task<GrpcOutcome> serve(std::string_view method, std::string_view message) override;
  [[nodiscard]] bool streams(std::string_view method) const override;

 private:
  [[nodiscard]] GrpcOutcome init(std::string_view message) const;
  Task<GrpcOutcome> features() const;
  Task<GrpcOutcome> ping() const;
  Task<GrpcOutcome> get(std::string_view message) const;
  Task<GrpcOutcome> set(std::string_view message) const;
  Task<GrpcOutcome> remove(std::string_view message) const;
  Task<GrpcOutcome> bulk_get(std::string_view message) const;
  Task<GrpcOutcome> bulk_set(std::string_view message) const;
  Task<GrpcOutcome> bulk_delete(std::string_view message) const;
  Task<GrpcOutcome> transact(std::string_view message) const;
  Task<GrpcOutcome> query(std::string_view message) const;
  Task<GrpcOutcome> reflect(std::string_view message) const;

  const std::string name_;
  const Settings settings_;
  const std::shared_ptr<Store> store_;
};

}  // namespace berth::statestore
