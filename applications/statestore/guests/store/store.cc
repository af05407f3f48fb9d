// The guest: berth:state/store and berth:lifecycle over Entries.
#include <charconv>
#include <cstdlib>

#include "entries.h"
#include "memory_store_cpp.h"

namespace api = exports::berth::state::store;

// Tells builds of one source apart, so that a swap can be seen.
#ifndef STORE_BUILD
#define STORE_BUILD 1
#endif
[[gnu::used]] const int kStoreBuild = 0x570e0000 + STORE_BUILD;

namespace {

// Memory grows and never shrinks in wasm, so what could be had once can be had again, if only in
// blocks as large as then: the room is asked for as it will be needed.
bool has_room(std::span<const std::size_t> sizes) {
  // Through a volatile pointer, so that the compiler does not leave the question out.
  void* volatile blocks[3] = {};
  bool had = true;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    blocks[i] = std::malloc(sizes[i]);
    had = had && blocks[i] != nullptr;
  }
  for (void* const block : blocks) std::free(block);
  return had;
}

memory::Entries& entries() {
  static memory::Entries all(has_room);
  return all;
}

memory::Condition to_condition(const api::Condition& condition) {
  using Kind = memory::Condition::Kind;
  if (std::holds_alternative<api::Condition::IfAbsent>(condition.variants)) return {Kind::kIfAbsent, {}};
  if (const auto* etag = std::get_if<api::Condition::IfEtag>(&condition.variants)) {
    return {Kind::kIfEtag, etag->value.get_view()};
  }
  return {Kind::kAlways, {}};
}

wit::string to_etag(std::uint64_t version) {
  char text[20];
  const auto end = std::to_chars(text, text + sizeof text, version).ptr;
  return wit::string::from_view({text, static_cast<std::size_t>(end - text)});
}

api::Error to_error(memory::Refusal refusal) {
  switch (refusal) {
    case memory::Refusal::kMismatch: return {api::Error::EtagMismatch{}};
    case memory::Refusal::kInvalid: return {api::Error::EtagInvalid{}};
    case memory::Refusal::kFull: break;
  }
  return {
      api::Error::Full{wit::string::from_view("the memory limit is reached: half of it holds the entries, "
                                              "the other half is kept to hand them over")}};
}

wit::vector<std::uint8_t> copy_of(std::string_view bytes) {
  auto out = wit::vector<std::uint8_t>::allocate(bytes.size());
  if (!bytes.empty()) memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

}  // namespace

std::expected<std::optional<api::Entry>, api::Error> api::Get(wit::string key) {
  const memory::Value* const value = entries().get(key.get_view());
  if (value == nullptr) return std::nullopt;
  return Entry{.value = copy_of(value->bytes.view()), .etag = to_etag(value->version)};
}

std::expected<wit::string, api::Error> api::Set(wit::string key, wit::vector<std::uint8_t> value,
                                                Condition condition) {
  const std::size_t size = value.size();
  const auto version =
      entries().set(key.get_view(), memory::Buffer(value.leak(), size), to_condition(condition));
  if (!version) return std::unexpected(to_error(version.error()));
  return to_etag(*version);
}

std::expected<void, api::Error> api::Delete(wit::string key, Condition condition) {
  const auto done = entries().remove(key.get_view(), to_condition(condition));
  if (!done) return std::unexpected(to_error(done.error()));
  return {};
}

std::expected<void, wit::string> exports::berth::lifecycle::probe::Probe() {
  const std::size_t blocks[] = {memory::kCallReserve};
  if (has_room(blocks)) return {};
  return std::unexpected(
      wit::string::from_view("the memory limit is too small for a store: 16MiB is the least that is useful"));
}

std::expected<wit::vector<std::uint8_t>, wit::string> exports::berth::lifecycle::handover::Save() {
  auto out = wit::vector<std::uint8_t>::allocate(entries().saved_bytes());
  if (out.data() == nullptr)
    return std::unexpected(wit::string::from_view("no memory to hand the entries over"));
  entries().save(out.data());
  return out;
}

std::expected<void, wit::string> exports::berth::lifecycle::handover::Restore(
    wit::vector<std::uint8_t> state) {
  const auto done = entries().restore(state.data(), state.size());
  if (!done) return std::unexpected(wit::string::from_view(done.error()));
  return {};
}
