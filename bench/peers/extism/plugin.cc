// A peer for the benchmarks: our own entries as an Extism plugin, so that only the way to them differs.
// set: u32 bytes of the key | key | value -> ETag. get: key -> u32 bytes of the ETag | ETag | value.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "applications/statestore/guests/store/entries.h"

#define EXTISM(name) [[clang::import_module("extism:host/env"), clang::import_name(#name)]]
extern "C" {
EXTISM(input_length) std::uint64_t input_length();
EXTISM(input_load_u8) std::uint8_t input_load_u8(std::uint64_t at);
EXTISM(input_load_u64) std::uint64_t input_load_u64(std::uint64_t at);
EXTISM(alloc) std::uint64_t alloc(std::uint64_t bytes);
EXTISM(store_u8) void store_u8(std::uint64_t at, std::uint8_t value);
EXTISM(store_u64) void store_u64(std::uint64_t at, std::uint64_t value);
EXTISM(output_set) void output_set(std::uint64_t at, std::uint64_t bytes);
}

namespace {

memory::Entries& entries() {
  static memory::Entries all([](std::span<const std::size_t>) { return true; });
  return all;
}

std::string input() {
  std::string out(input_length(), '\0');
  std::size_t at = 0;
  for (; at + 8 <= out.size(); at += 8) {
    const std::uint64_t word = input_load_u64(at);
    std::memcpy(out.data() + at, &word, 8);
  }
  for (; at < out.size(); ++at) out[at] = static_cast<char>(input_load_u8(at));
  return out;
}

void output(std::string_view text) {
  const std::uint64_t to = alloc(text.size());
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    store_u64(to + at, word);
  }
  for (; at < text.size(); ++at) store_u8(to + at, static_cast<std::uint8_t>(text[at]));
  output_set(to, text.size());
}

}  // namespace

extern "C" [[clang::export_name("set")]] std::int32_t set() {
  const std::string in = input();
  std::uint32_t key_bytes = 0;
  if (in.size() < sizeof key_bytes) return 1;
  std::memcpy(&key_bytes, in.data(), sizeof key_bytes);
  if (key_bytes > in.size() - sizeof key_bytes) return 1;
  const std::string_view key = std::string_view(in).substr(sizeof key_bytes, key_bytes);
  const std::string_view value = std::string_view(in).substr(sizeof key_bytes + key_bytes);
  const auto version = entries().set(0, key, memory::Buffer::copy(value), {}, memory::kNever);
  if (!version) return 1;
  output(std::to_string(*version));
  return 0;
}

extern "C" [[clang::export_name("get")]] std::int32_t get() {
  const memory::Value* const value = entries().get(0, input());
  if (value == nullptr) return 1;
  const std::string etag = std::to_string(value->version);
  const auto etag_bytes = static_cast<std::uint32_t>(etag.size());
  std::string out(reinterpret_cast<const char*>(&etag_bytes), sizeof etag_bytes);
  out += etag;
  out += value->bytes.view();
  output(out);
  return 0;
}
