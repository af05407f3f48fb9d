// keyvalue binding: wasi:keyvalue over Buckets.
#include "capabilities/keyvalue/binding.h"

#include <bindings/keyvalue_wit.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "abi/utf8.h"
#include "capabilities/grants/denials.h"
#include "capabilities/grants/failures.h"
#include "capabilities/grants/interfaces.h"
#include "capabilities/keyvalue/limits.h"

namespace berth::keyvalue {
namespace {

namespace contract = wit::wasi::keyvalue;
namespace store = contract::store;
namespace atomics = contract::atomics;
template <class T = void>
using Said = std::expected<T, store::Error>;
template <class T = void>
using Answer = Task<Result<Said<T>>>;

constexpr std::string_view kNames[] = {"store", "atomics", "batch"};

// What the values in the cas handles of a workload take. Thread-safe.
class HeldBytes {
 public:
  [[nodiscard]] bool take(std::size_t bytes) {
    if (held_.fetch_add(bytes) + bytes <= kMaxCasBytes) return true;
    give_back(bytes);
    return false;
  }
  void give_back(std::size_t bytes) { held_.fetch_sub(bytes); }

 private:
  std::atomic<std::size_t> held_ = 0;
};

// What all handles of one bucket share; outlives them.
struct Opened {
  std::string_view name;
  keyvalue::Bucket& bucket;
  grants::Failures& failures;
  HeldBytes& held;

  // What the guest is told. An error of our own making ends the call instead.
  [[nodiscard]] store::Error told(const Error& error) const {
    switch (error.code()) {
      case Code::kInvalidArgument: break;
      default: failures.report(name, error.message());
    }
    return store::Error::Other{error.message()};
  }
  template <class T>
  [[nodiscard]] Said<T> said(Result<T> result) const {
    if (!result) return Said<T>(std::unexpect, told(result.error()));
    if constexpr (std::is_void_v<T>)
      return {};
    else
      return std::move(*result);
  }
};

// The guest's handles. One thread at a time.
class BucketHandle final : public store::Bucket {
 public:
  explicit BucketHandle(const Opened& opened) : opened_(opened) {}

  Answer<Value> get(std::string key) override {
    auto values = co_await opened_.bucket.get({std::move(key)});
    if (!values) co_return Said<Value>(std::unexpect, opened_.told(values.error()));
    co_return Said<Value>(std::move(values->front()));
  }
  Answer<> set(std::string key, Bytes value) override {
    std::vector<std::tuple<std::string, Bytes>> entries;
    entries.emplace_back(std::move(key), std::move(value));
    co_return opened_.said(co_await opened_.bucket.set(std::move(entries)));
  }
  // The WIT's `delete`.
  Answer<> delete_(std::string key) override {
    co_return opened_.said(co_await opened_.bucket.remove({std::move(key)}));
  }
  Answer<bool> exists(std::string key) override {
    co_return opened_.said(co_await opened_.bucket.exists(std::move(key)));
  }
  Answer<store::KeyResponse> list_keys(std::optional<std::string> cursor) override {
    auto page = co_await opened_.bucket.list(std::move(cursor));
    if (!page) co_return Said<store::KeyResponse>(std::unexpect, opened_.told(page.error()));
    // Others may have written what is no text.
    std::erase_if(page->keys, [](const std::string& key) { return !abi::is_utf8(key); });
    if (page->cursor && !abi::is_utf8(*page->cursor))
      co_return Said<store::KeyResponse>(std::unexpect,
                                         store::Error::Other{"the bucket holds keys that are no text"});
    co_return Said<store::KeyResponse>(
        store::KeyResponse{.keys = std::move(page->keys), .cursor = std::move(page->cursor)});
  }

  [[nodiscard]] const Opened& opened() const { return opened_; }

 private:
  const Opened& opened_;
};

class CasHandle final : public atomics::Cas {
 public:
  // `held` bytes are taken.
  CasHandle(const Opened& opened, std::string key, Value seen)
      : opened_(opened), key_(std::move(key)), seen_(std::move(seen)) {}
  ~CasHandle() override { opened_.held.give_back(size_of(seen_)); }

  [[nodiscard]] static Said<std::unique_ptr<atomics::Cas>> create(const Opened& opened, std::string key,
                                                                  Value seen) {
    if (!opened.held.take(size_of(seen)))
      return Said<std::unique_ptr<atomics::Cas>>(
          std::unexpect,
          store::Error::Other{fmt::format(
              "the cas handles of this workload hold more than {} bytes: drop some", kMaxCasBytes)});
    return std::make_unique<CasHandle>(opened, std::move(key), std::move(seen));
  }

  Result<Said<Value>> current() override { return Said<Value>(seen_); }

  Task<Result<std::expected<void, atomics::CasError>>> swap(Bytes value) {
    using Done = std::expected<void, atomics::CasError>;
    auto swapped = co_await opened_.bucket.swap(key_, seen_, std::move(value));
    if (!swapped) co_return Done(std::unexpect, atomics::CasError::StoreError{opened_.told(swapped.error())});
    if (swapped->done) co_return Done();
    auto next = create(opened_, key_, std::move(swapped->now));
    if (!next) co_return Done(std::unexpect, atomics::CasError::StoreError{std::move(next).error()});
    co_return Done(std::unexpect, atomics::CasError::CasFailed{std::move(*next)});
  }

 private:
  static std::size_t size_of(const Value& value) { return value ? value->size() : 0; }

  const Opened& opened_;
  std::string key_;
  Value seen_;
};

const Opened& opened_of(store::Bucket& bucket) { return static_cast<BucketHandle&>(bucket).opened(); }

// Thread-safe.
class Binding final : public contract::Store, public contract::Atomics, public contract::Batch {
 public:
  Binding(Buckets buckets, const grants::Services& services)
      : failures_(services, "keyvalue", "bucket"),
        denials_(services, "keyvalue", ""),
        buckets_(std::move(buckets)) {
    for (const auto& [name, bucket] : buckets_)
      opened_.emplace(name, Opened{name, *bucket, failures_, held_});
  }

  Result<Said<std::unique_ptr<store::Bucket>>> open(std::string_view identifier) override {
    using Handle = Said<std::unique_ptr<store::Bucket>>;
    const auto found = opened_.find(identifier);
    if (found != opened_.end()) return Handle(std::make_unique<BucketHandle>(found->second));
    denials_.report(fmt::format("the bucket \"{}\"", grants::shown(identifier)),
                    is_bucket_name(identifier)
                        ? fmt::format("keyvalue: {{ {}: {{ sqlite: FILE }} }}", identifier)
                        : std::string("nothing; no bucket can have this name"));
    return Handle(std::unexpect, store::Error::AccessDenied{});
  }

  Answer<std::unique_ptr<atomics::Cas>> cas_new(store::Bucket& bucket, std::string key) override {
    using Handle = Said<std::unique_ptr<atomics::Cas>>;
    const Opened& opened = opened_of(bucket);
    auto values = co_await opened.bucket.get({key});
    if (!values) co_return Handle(std::unexpect, opened.told(values.error()));
    co_return CasHandle::create(opened, std::move(key), std::move(values->front()));
  }
  Answer<std::int64_t> increment(store::Bucket& bucket, std::string key, std::int64_t delta) override {
    const Opened& opened = opened_of(bucket);
    co_return opened.said(co_await opened.bucket.increment(std::move(key), delta));
  }
  Task<Result<std::expected<void, atomics::CasError>>> swap(std::unique_ptr<atomics::Cas> cas,
                                                            Bytes value) override {
    co_return co_await static_cast<CasHandle&>(*cas).swap(std::move(value));
  }

  using Found = std::vector<std::optional<std::tuple<std::string, Bytes>>>;
  Answer<Found> get_many(store::Bucket& bucket, std::vector<std::string> keys) override {
    const Opened& opened = opened_of(bucket);
    auto values = co_await opened.bucket.get(keys);
    if (!values) co_return Said<Found>(std::unexpect, opened.told(values.error()));
    Found found(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i)
      if (Value& value = (*values)[i]) found[i].emplace(std::move(keys[i]), std::move(*value));
    co_return Said<Found>(std::move(found));
  }
  Answer<> set_many(store::Bucket& bucket, std::vector<std::tuple<std::string, Bytes>> key_values) override {
    const Opened& opened = opened_of(bucket);
    co_return opened.said(co_await opened.bucket.set(std::move(key_values)));
  }
  Answer<> delete_many(store::Bucket& bucket, std::vector<std::string> keys) override {
    const Opened& opened = opened_of(bucket);
    co_return opened.said(co_await opened.bucket.remove(std::move(keys)));
  }

 private:
  grants::Failures failures_;
  HeldBytes held_;
  grants::Denials denials_;
  std::map<std::string, Opened, std::less<>> opened_;
  Buckets buckets_;  // last: their workers finish the calls that use the others
};

class KeyvalueGrant final : public host::Grant {
 public:
  KeyvalueGrant(Buckets buckets, const grants::Services& services) : binding_(std::move(buckets), services) {}

  std::string_view capability() const override { return "keyvalue"; }
  bool covers(std::string_view interface) const override { return keyvalue::covers(interface); }
  // The grant outlives every linker's result: host::Grant says so.
  Result<void> link(abi::Linker& linker) const override {
    BERTH_TRY(contract::Store::add_to_linker(
        linker, [this](abi::InstanceState&) -> contract::Store* { return &binding_; }));
    BERTH_TRY(contract::Atomics::add_to_linker(
        linker, [this](abi::InstanceState&) -> contract::Atomics* { return &binding_; }));
    return contract::Batch::add_to_linker(
        linker, [this](abi::InstanceState&) -> contract::Batch* { return &binding_; });
  }

 private:
  mutable Binding binding_;
};

}  // namespace

bool is_bucket_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxBucketNameBytes && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

bool covers(std::string_view interface) {
  return grants::contains({"wasi:keyvalue", "0.2.0-draft2", kNames}, interface);
}

std::shared_ptr<const host::Grant> grant(Buckets buckets, const grants::Services& services) {
  return std::make_shared<KeyvalueGrant>(std::move(buckets), services);
}

}  // namespace berth::keyvalue
