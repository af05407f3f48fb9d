// Kind: a store component of the build. Subject: one of them, running, for one test case.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "applications/statestore/native/store.h"
#include "host/host.h"
#include "host/test_pool.h"

namespace berth::statestore::conformance {

// What a store is started with. Plain value.
struct Kind {
  std::string name;
  std::string guest;  // build/guests/GUEST.wasm
  // Capabilities and their sections, as YAML.
  std::vector<std::pair<std::string, std::string>> grants;
  // What keeps its entries, if it does not do so itself: they outlive its instances.
  enum class Bucket : std::uint8_t { kNone, kSqlite, kRedis } bucket = Bucket::kNone;
  std::uint64_t memory = std::uint64_t{64} << 20;
  // False for a tool that frees nothing of what its functions return: componentize-py 0.25.1.
  bool frees_results = true;
};

[[nodiscard]] std::span<const Kind> kinds();

// The time of most calls.
inline constexpr Time kNow = 1'700'000'000'000;

inline constexpr Condition kAlways{};
inline constexpr Condition kIfAbsent{.kind = Condition::Kind::kIfAbsent};
[[nodiscard]] constexpr Condition if_etag(std::string_view etag) {
  return {.kind = Condition::Kind::kIfEtag, .etag = etag};
}

// A store of one kind, empty at first. Calls wait for their answer; an error of the host is thrown, because
// no case expects one. One thread at a time.
class Subject {
 public:
  explicit Subject(const Kind& kind);
  ~Subject();
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;

  [[nodiscard]] Store& store() { return *store_; }
  [[nodiscard]] const Features& features() const { return features_; }
  [[nodiscard]] const Kind& kind() const { return kind_; }

  template <class T, class E>
  std::expected<T, E> ask(Task<Answer<T, E>> task) {
    Answer<T, E> answer = host::test::block_on(std::move(task));
    if (!answer) throw std::runtime_error(answer.error().to_string());
    return *std::move(answer);
  }

  // What must succeed.
  std::optional<Entry> get(std::string_view key, Time now = kNow);
  std::string set(std::string_view key, std::string_view value, std::optional<Time> expires = {});
  void remove(std::string_view key);
  // What may not; at kNow unless said otherwise.
  std::expected<std::string, StoreError> try_set(const Write& write, Time now = kNow);
  std::expected<void, StoreError> try_remove(const Removal& removal, Time now = kNow);

  // A new instance takes the place of the running one, with whatever was handed over.
  void replace();
  // Another store does, or tries to.
  Result<void> replace_by(const Kind& kind);

 private:
  void clear();

  const Kind& kind_;
  std::shared_ptr<host::Workload> workload_;
  std::unique_ptr<Store> store_;
  Features features_;
};

// What an entry holds, or "(none)".
[[nodiscard]] std::string text_of(const std::optional<Entry>& entry);

// Why a store of this kind does not start with these settings; empty when it does.
[[nodiscard]] std::string start_error(const Kind& kind, Settings settings);

}  // namespace berth::statestore::conformance
