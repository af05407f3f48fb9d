// Store calls: one item or many.
#include "applications/statestore/native/grpc/store_calls.h"

#include <vector>

namespace berth::statestore {

namespace {

template <class T>
GrpcOutcome first_failure(GrpcApi api, const Answer<Each<T>>& answer, std::span<const RequestItem> items,
                          const std::string& doing) {
  if (!answer || !*answer) return failure(api, answer, doing);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& one = (**answer)[i];
    if (!one) return std::unexpected(to_status(api, one.error(), doing + " with key " + items[i].key));
  }
  return std::string();
}

// Of the only item.
template <class T>
GrpcOutcome outcome(GrpcApi api, const Answer<T>& answer, const RequestItem& item, const std::string& doing) {
  if (answer && *answer) return std::string();
  return failure(api, answer, doing + " with key " + item.key);
}

}  // namespace

Parsed<RequestItem> to_request_item(const WireItem& item, std::string key, Time now) {
  RequestItem out{
      .removal = item.removal, .key = std::move(key), .value = item.value, .etag = std::string(item.etag)};
  auto expires = expiry(now, item.ttl_in_seconds);
  if (!expires) return std::unexpected(std::move(expires).error());
  out.expires = *expires;
  out.kind = *condition_kind(item.first_write ? "first-write" : "", !item.etag.empty());
  return out;
}

Task<GrpcOutcome> save_items(GrpcApi api, Store& store, Time now, std::span<const RequestItem> items,
                             std::string doing) {
  if (items.empty()) co_return std::string();
  if (items.size() == 1) {
    co_return outcome(api, co_await store.set(now, items.front().to_write()), items.front(), doing);
  }
  std::vector<Write> writes;
  writes.reserve(items.size());
  for (const RequestItem& item : items) writes.push_back(item.to_write());
  co_return first_failure(api, co_await store.set_many(now, writes), items, doing);
}

Task<GrpcOutcome> remove_items(GrpcApi api, Store& store, Time now, std::span<const RequestItem> items,
                               std::string doing) {
  if (items.empty()) co_return std::string();
  if (items.size() == 1) {
    co_return outcome(api, co_await store.remove(now, items.front().to_removal()), items.front(), doing);
  }
  std::vector<Removal> removals;
  removals.reserve(items.size());
  for (const RequestItem& item : items) removals.push_back(item.to_removal());
  co_return first_failure(api, co_await store.remove_many(now, removals), items, doing);
}

Task<GrpcOutcome> transact_items(GrpcApi api, Store& store, Time now, std::span<const RequestItem> items) {
  const std::vector<Operation> operations = to_operations(items);
  const auto answer = co_await store.transact(now, operations);
  if (answer && *answer) co_return std::string();
  if (!answer) co_return std::unexpected(to_status(answer.error(), std::string(kTransactionFailed)));
  const Failure& failure = answer->error();
  const grpc::Status status = to_status(api, failure.error, transaction_failed(failure, items));
  co_return failed(stopped_by_condition(failure) ? grpc::StatusCode::INTERNAL : status.error_code(),
                   status.error_message());
}

}  // namespace berth::statestore
