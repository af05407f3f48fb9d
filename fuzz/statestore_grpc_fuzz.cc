// Whatever is sent to a pluggable component or as a state call is answered or refused; a refusal has a
// message.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "applications/statestore/native/grpc/dapr_messages.h"
#include "applications/statestore/native/grpc/pluggable_component.h"
#include "applications/statestore/native/memory_store.h"

using namespace berth::statestore;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array<std::string_view, 13> kMethods = {
      "/dapr.proto.components.v1.StateStore/Init",
      "/dapr.proto.components.v1.StateStore/Features",
      "/dapr.proto.components.v1.StateStore/Ping",
      "/dapr.proto.components.v1.StateStore/Get",
      "/dapr.proto.components.v1.StateStore/Set",
      "/dapr.proto.components.v1.StateStore/Delete",
      "/dapr.proto.components.v1.StateStore/BulkGet",
      "/dapr.proto.components.v1.StateStore/BulkSet",
      "/dapr.proto.components.v1.StateStore/BulkDelete",
      "/dapr.proto.components.v1.TransactionalStateStore/Transact",
      "/dapr.proto.components.v1.TransactionalStoreMultiMaxSize/MultiMaxSize",
      "/dapr.proto.components.v1.QueriableStateStore/Query",
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"};
  if (size == 0) return 0;
  const std::string_view message(reinterpret_cast<const char*>(data) + 1, size - 1);

  PluggableComponent component("fuzzed", {{"name", "value"}}, std::make_shared<MemoryStore>());
  // Twice: the second time upon what the first one wrote.
  for (int i = 0; i < 2; ++i) {
    std::optional<GrpcOutcome> outcome;
    berth::detach(component.serve(kMethods[data[0] % kMethods.size()], message),
                  [&](GrpcOutcome done) { outcome = std::move(done); });
    if (!outcome || (!*outcome && outcome->error().error_message().empty())) std::abort();
  }
  (void)parse_get_state(message);
  (void)parse_get_bulk_state(message);
  (void)parse_items(message);
  (void)parse_delete_state(message);
  (void)parse_transaction_request(message);
  (void)parse_query_state(message);
  return 0;
}
