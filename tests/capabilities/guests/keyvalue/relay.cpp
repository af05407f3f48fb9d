// relay: one call of wasi:keyvalue for each call of the test, and some that misuse it.
#include <string>
#include <vector>

#include "relay_cpp.h"

namespace store = wasi::keyvalue::store;
namespace atomics = wasi::keyvalue::atomics;
namespace batch = wasi::keyvalue::batch;
namespace api = exports::test::relay::bucket;

namespace {

template <class T>
using Answer = std::expected<T, wit::string>;

std::unexpected<wit::string> refused(store::Error error) {
  if (auto* other = std::get_if<store::Error::Other>(&error.variants))
    return std::unexpected(std::move(other->value));
  return std::unexpected(wit::string::from_view(
      std::holds_alternative<store::Error::AccessDenied>(error.variants) ? "access-denied"
                                                                         : "no-such-store"));
}

template <class T>
Answer<T> answer(std::expected<T, store::Error> result) {
  if (!result) return refused(std::move(result.error()));
  if constexpr (std::is_void_v<T>)
    return {};
  else
    return std::move(*result);
}

std::vector<std::string_view> views(const wit::vector<wit::string>& texts) {
  std::vector<std::string_view> out;
  for (const wit::string& text : texts.get_const_view()) out.push_back(text.get_view());
  return out;
}

using Value = std::optional<wit::vector<std::uint8_t>>;

bool same(const Value& a, const Value& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->size() == b->size() && (a->size() == 0 || memcmp(a->data(), b->data(), a->size()) == 0);
}

// What a failed swap says.
std::expected<atomics::Cas, wit::string> next_of(atomics::CasError error) {
  if (auto* failed = std::get_if<atomics::CasError::CasFailed>(&error.variants))
    return std::move(failed->value);
  return refused(std::move(std::get<atomics::CasError::StoreError>(error.variants).value));
}

std::vector<atomics::Cas>& kept() {
  static std::vector<atomics::Cas> all;
  return all;
}

}  // namespace

Answer<wit::vector<Value>> api::Get(wit::string bucket, wit::vector<wit::string> keys) {
  auto opened = store::Open(bucket.get_view());
  if (!opened) return refused(std::move(opened.error()));
  if (keys.size() == 1) {  // as most guests would
    auto value = opened->Get(keys[0].get_view());
    if (!value) return refused(std::move(value.error()));
    auto out = wit::vector<Value>::allocate(1);
    out.initialize(0, std::move(*value));
    return out;
  }
  auto found = batch::GetMany(*opened, views(keys));
  if (!found) return refused(std::move(found.error()));
  auto out = wit::vector<Value>::allocate(found->size());
  for (std::size_t i = 0; i < found->size(); ++i) {
    auto& pair = (*found)[i];
    if (pair && std::get<0>(*pair).get_view() != keys[i].get_view())
      return std::unexpected(wit::string::from_view("another key than asked for"));
    out.initialize(i, pair ? Value(std::move(std::get<1>(*pair))) : std::nullopt);
  }
  return out;
}

Answer<bool> api::Exists(wit::string bucket, wit::string key) {
  auto opened = store::Open(bucket.get_view());
  if (!opened) return refused(std::move(opened.error()));
  return answer(opened->Exists(key.get_view()));
}

Answer<void> api::Set(wit::string bucket,
                      wit::vector<std::tuple<wit::string, wit::vector<std::uint8_t>>> entries) {
  auto opened = store::Open(bucket.get_view());
  if (!opened) return refused(std::move(opened.error()));
  if (entries.size() == 1) {
    auto& [key, value] = entries[0];
    return answer(opened->Set(key.get_view(), value.get_const_view()));
  }
  std::vector<std::tuple<std::string_view, std::span<std::uint8_t const>>> all;
  for (auto& [key, value] : entries.get_view()) all.emplace_back(key.get_view(), value.get_const_view());
  return answer(batch::SetMany(*opened, all));
}

Answer<void> api::Remove(wit::string bucket, wit::vector<wit::string> keys) {
  auto opened = store::Open(bucket.get_view());
  if (!opened) return refused(std::move(opened.error()));
  if (keys.size() == 1) return answer(opened->Delete(keys[0].get_view()));
  return answer(batch::DeleteMany(*opened, views(keys)));
}

Answer<std::int64_t> api::Increment(wit::string bucket, wit::string key, std::int64_t delta) {
  auto opened = store::Open(bucket.get_view());
  if (!opened) return refused(std::move(opened.error()));
  return answer(atomics::Increment(*opened, key.get_view(), delta));
}

Answer<api::Swapped> api::Swap(wit::string bucket, wit::string key, Value expected,
                               wit::vector<std::uint8_t> value) {
  auto opened = store::Open(bucket.get_view());
  if (!opened) return refused(std::move(opened.error()));
  auto cas = atomics::Cas::New(*opened, key.get_view());
  if (!cas) return refused(std::move(cas.error()));
  auto current = cas->Current();
  if (!current) return refused(std::move(current.error()));
  if (!same(*current, expected)) return Swapped{false, std::move(*current)};
  auto done = atomics::Swap(std::move(*cas), value.get_const_view());
  if (done) return Swapped{true, std::nullopt};
  auto next = next_of(std::move(done.error()));
  if (!next) return std::unexpected(std::move(next.error()));
  auto now = next->Current();
  if (!now) return refused(std::move(now.error()));
  return Swapped{false, std::move(*now)};
}

Answer<api::Page> api::ListKeys(wit::string bucket, std::optional<wit::string> cursor) {
  auto opened = store::Open(bucket.get_view());
  if (!opened) return refused(std::move(opened.error()));
  auto page = opened->ListKeys(cursor ? std::optional(cursor->get_view()) : std::nullopt);
  if (!page) return refused(std::move(page.error()));
  return Page{std::move(page->keys), std::move(page->cursor)};
}

Answer<std::tuple<Value, Value>> api::Retry(wit::string bucket, wit::string key,
                                            wit::vector<std::uint8_t> between,
                                            wit::vector<std::uint8_t> value) {
  auto opened = store::Open(bucket.get_view());
  if (!opened) return refused(std::move(opened.error()));
  auto cas = atomics::Cas::New(*opened, key.get_view());
  if (!cas) return refused(std::move(cas.error()));
  if (auto set = opened->Set(key.get_view(), between.get_const_view()); !set)
    return refused(std::move(set.error()));
  auto first = atomics::Swap(std::move(*cas), value.get_const_view());
  if (first) return std::unexpected(wit::string::from_view("swapped past what another wrote"));
  auto next = next_of(std::move(first.error()));
  if (!next) return std::unexpected(std::move(next.error()));
  auto current = next->Current();
  if (!current) return refused(std::move(current.error()));
  auto second = atomics::Swap(std::move(*next), value.get_const_view());
  if (!second) return std::unexpected(wit::string::from_view("the new handle failed too"));
  auto end = opened->Get(key.get_view());
  if (!end) return refused(std::move(end.error()));
  return std::tuple(std::move(*current), std::move(*end));
}

std::tuple<std::uint32_t, wit::string> api::Hoard(wit::string bucket, wit::string key, std::uint32_t count) {
  auto opened = store::Open(bucket.get_view());
  if (!opened) return {0, refused(std::move(opened.error())).error()};
  for (std::uint32_t i = 0; i < count; ++i) {
    auto cas = atomics::Cas::New(*opened, key.get_view());
    if (!cas) return {i, refused(std::move(cas.error())).error()};
    kept().push_back(std::move(*cas));
  }
  kept().clear();
  return {count, wit::string::from_view("")};
}
