// PluggableComponent: services, and what daprd expects of each.
#include "applications/statestore/native/grpc/pluggable_component.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "applications/statestore/native/grpc/dapr_messages.h"
#include "applications/statestore/native/grpc/store_calls.h"
#include "applications/statestore/native/grpc/wire.h"
#include "applications/statestore/native/json_reader.h"
#include "applications/statestore/native/limits.h"
#include "applications/statestore/native/query.h"

namespace berth::statestore {

namespace {

constexpr GrpcApi kComponentApi = GrpcApi::kComponent;
constexpr std::string_view kPackage = "/dapr.proto.components.v1.";
constexpr std::string_view kReflection = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

// Properties of a state component that daprd acts on, in lower case: it does not mind the case.
constexpr std::string_view kDaprs[] = {
    "keyprefix",           "actorstatestore",    "primaryencryptionkey", "secondaryencryptionkey",
    "outboxpublishpubsub", "outboxpublishtopic", "outboxpubsub",         "outboxdiscardwhenmissingstate"};

bool is_daprs(std::string_view name) {
  const auto same = [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
  };
  return std::ranges::any_of(kDaprs,
                             [&](std::string_view one) { return std::ranges::equal(name, one, same); });
}

Parsed<> check_key(std::string_view key) {
  const auto bad = [](std::string message) {
    return std::unexpected(Refusal{400, "ERR_MALFORMED_REQUEST", std::move(message)});
  };
  if (key.empty()) return bad("a key is missing or empty");
  if (key.size() > kMaxKeyBytes) {
    return bad("a key of " + std::to_string(key.size()) + " bytes is longer than this store accepts (" +
               std::to_string(kMaxKeyBytes) + ")");
  }
  if (!is_utf8(key)) return bad("a key is not UTF-8");
  return {};
}

Parsed<std::vector<RequestItem>> prepare(const std::vector<WireItem>& items, Time now) {
  std::vector<RequestItem> out;
  out.reserve(items.size());
  for (const WireItem& item : items) {
    if (auto good = check_key(item.key); !good) return std::unexpected(std::move(good).error());
    auto one = to_request_item(item, std::string(item.key), now);
    if (!one) return std::unexpected(std::move(one).error());
    out.push_back(*std::move(one));
  }
  return out;
}

// A single item as a list of one.
std::optional<std::vector<WireItem>> list(std::optional<WireItem> item) {
  if (!item) return std::nullopt;
  return std::vector<WireItem>{*item};
}

Task<GrpcOutcome> write_items(Store& store, std::optional<std::vector<WireItem>> read, std::string doing,
                              Task<GrpcOutcome> (*write)(GrpcApi, Store&, Time, std::span<const RequestItem>,
                                                         std::string)) {
  if (!read) co_return malformed_message();
  const Time now = current_time();
  const auto items = prepare(*read, now);
  if (!items) co_return failure(items.error());
  co_return co_await write(kComponentApi, store, now, *items, std::move(doing));
}

Task<GrpcOutcome> ready(GrpcOutcome outcome) { co_return outcome; }

Task<GrpcOutcome> unknown_call(std::string method) {
  co_return failed(grpc::StatusCode::UNIMPLEMENTED, "a state component has no method " + method);
}

}  // namespace

bool PluggableComponent::streams(std::string_view method) const { return method == kReflection; }

Task<GrpcOutcome> PluggableComponent::serve(std::string_view method, std::string_view message) {
  if (method == kReflection) return reflect(message);
  const auto name = method.starts_with(kPackage) ? method.substr(kPackage.size()) : std::string_view();
  if (name == "StateStore/Get") return get(message);
  if (name == "StateStore/Set") return set(message);
  if (name == "StateStore/Delete") return remove(message);
  if (name == "StateStore/BulkGet") return bulk_get(message);
  if (name == "StateStore/BulkSet") return bulk_set(message);
  if (name == "StateStore/BulkDelete") return bulk_delete(message);
  if (name == "TransactionalStateStore/Transact") return transact(message);
  if (name == "QueriableStateStore/Query") return query(message);
  if (name == "StateStore/Init") return ready(init(message));
  if (name == "StateStore/Features") return features();
  if (name == "StateStore/Ping") return ping();
  if (name == "TransactionalStoreMultiMaxSize/MultiMaxSize") {
    std::string response;  // MultiMaxSizeResponse { max_size = 1; }
    append_number(response, 1, kMaxItems);
    return ready(std::move(response));
  }
  return unknown_call(std::string(method));
}

GrpcOutcome PluggableComponent::init(std::string_view message) const {
  const auto properties = parse_component_init(message);
  if (!properties) return malformed_message();
  for (const auto& [name, value] : *properties) {
    if (is_daprs(name)) continue;
    const auto setting =
        std::ranges::find(settings_, name, [](const auto& s) -> std::string_view { return s.first; });
    if (setting != settings_.end() && setting->second == value) continue;
    const std::string where = "`settings` of its trigger `state`, in berth's manifest";
    std::string message_text =
        "the metadata " + std::string(name) + " of Dapr's component is not that of the store " + name_;
    message_text += setting == settings_.end()
                        ? ": take it away here and set it in the " + where
                        : ", which has another value in the " + where + ": write the same";
    return failed(grpc::StatusCode::INVALID_ARGUMENT, std::move(message_text));
  }
  return std::string();
}

// FeaturesResponse { repeated features = 1; }
Task<GrpcOutcome> PluggableComponent::features() const {
  const auto answer = co_await store_->features();
  if (!answer || !*answer) co_return failure(kComponentApi, answer, "asking the store for its features");
  std::string response;
  append_bytes(response, 1, "ETAG");
  if ((*answer)->transactions) append_bytes(response, 1, "TRANSACTIONAL");
  if ((*answer)->scanning) append_bytes(response, 1, "QUERY_API");
  if ((*answer)->expiry) append_bytes(response, 1, "TTL");
  co_return response;
}

Task<GrpcOutcome> PluggableComponent::ping() const {
  const auto answer = co_await store_->features();
  if (!answer || !*answer) co_return failure(kComponentApi, answer, "the store does not answer");
  co_return std::string();
}

Task<GrpcOutcome> PluggableComponent::get(std::string_view message) const {
  const auto key = parse_component_get(message);
  if (!key) co_return malformed_message();
  if (const auto good = check_key(*key); !good) co_return failure(good.error());
  const auto answer = co_await store_->get(current_time(), *key);
  if (!answer || !*answer)
    co_return failure(kComponentApi, answer, "failed getting state with key " + std::string(*key));
  co_return component_get_response(**answer);
}

Task<GrpcOutcome> PluggableComponent::set(std::string_view message) const {
  return write_items(*store_, list(parse_component_set(message)), "failed saving state", save_items);
}

Task<GrpcOutcome> PluggableComponent::remove(std::string_view message) const {
  return write_items(*store_, list(parse_component_delete(message)), "failed deleting state", remove_items);
}

Task<GrpcOutcome> PluggableComponent::bulk_get(std::string_view message) const {
  const auto keys = parse_component_bulk_get(message);
  if (!keys) co_return malformed_message();
  for (const std::string_view key : *keys) {
    if (const auto good = check_key(key); !good) co_return failure(good.error());
  }
  const auto answer = co_await store_->get_many(current_time(), *keys);
  if (!answer || !*answer) co_return failure(kComponentApi, answer, "failed getting state");
  std::string response;
  for (std::size_t i = 0; i < keys->size(); ++i) {
    const auto& one = (**answer)[i];
    append_component_bulk_item(
        response, (*keys)[i], one ? *one : std::nullopt,
        one ? "" : to_status(kComponentApi, one.error(), "failed getting state").error_message());
  }
  co_return response;
}

Task<GrpcOutcome> PluggableComponent::bulk_set(std::string_view message) const {
  return write_items(*store_, parse_component_bulk_set(message), "failed saving state", save_items);
}

Task<GrpcOutcome> PluggableComponent::bulk_delete(std::string_view message) const {
  return write_items(*store_, parse_component_bulk_delete(message), "failed deleting state", remove_items);
}

Task<GrpcOutcome> PluggableComponent::transact(std::string_view message) const {
  const auto read = parse_component_transaction(message);
  if (!read) co_return malformed_message();
  const Time now = current_time();
  const auto items = prepare(*read, now);
  if (!items) co_return failure(items.error());
  co_return co_await transact_items(kComponentApi, *store_, now, *items);
}

// QueryResponse { repeated items = 1; token = 2; }
Task<GrpcOutcome> PluggableComponent::query(std::string_view message) const {
  const auto text = parse_component_query(message);
  if (!text) co_return malformed_message();
  const auto result = co_await run_query(*store_, current_time(), "", *text);
  if (!result) co_return failure(result.error());
  std::string response;
  for (const Page::Item& item : result->items) append_component_query_item(response, item.key, item.entry);
  append_bytes(response, 2, result->token);
  co_return response;
}

// ServerReflectionRequest { host = 1; oneof { …; list_services = 7; } } and ServerReflectionResponse
// { valid_host = 1; original_request = 2; oneof { …; ListServiceResponse list_services_response = 6;
// ErrorResponse error_response = 7; } }. Nobody asks for the descriptors, which would be Dapr's own files.
Task<GrpcOutcome> PluggableComponent::reflect(std::string_view message) const {
  bool lists = false;
  const bool good = each_field(message, [&](const WireField& f) {
    lists |= f.number == 7;
    return true;
  });
  if (!good) co_return malformed_message();
  std::string response;
  append_message(response, 2, message);
  if (!lists) {
    std::string error;  // ErrorResponse { error_code = 1; error_message = 2; }
    append_number(error, 1, grpc::StatusCode::UNIMPLEMENTED);
    append_bytes(error, 2, "only the services are listed here; the messages are Dapr's");
    append_message(response, 7, error);
    co_return response;
  }
  const auto answer = co_await store_->features();
  if (!answer || !*answer) co_return failure(kComponentApi, answer, "asking the store for its features");
  std::string services;  // ListServiceResponse { repeated ServiceResponse { name = 1; } service = 1; }
  const auto add = [&](std::string_view service) {
    std::string name;
    append_bytes(name, 1, service);
    append_message(services, 1, name);
  };
  add("grpc.reflection.v1alpha.ServerReflection");
  add("dapr.proto.components.v1.StateStore");
  if ((*answer)->transactions) {
    add("dapr.proto.components.v1.TransactionalStateStore");
    add("dapr.proto.components.v1.TransactionalStoreMultiMaxSize");
  }
  if ((*answer)->scanning) add("dapr.proto.components.v1.QueriableStateStore");
  append_message(response, 6, services);
  co_return response;
}

}  // namespace berth::statestore
