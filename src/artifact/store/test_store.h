// For tests: small contents by number, and the check that a store is consistent.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "artifact/store/store.h"
#include "artifact/store/test_files.h"

namespace berth::artifact {

// Bytes that no other number has, of a size of its own.
inline std::vector<std::uint8_t> content(unsigned number, std::size_t size = 0) {
  std::vector<std::uint8_t> bytes(size != 0 ? size : 1000 + number % 7 * 311);
  std::uint32_t state = number * 2654435761u + 1;
  for (std::uint8_t& byte : bytes) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  return bytes;
}
inline Digest digest_of(unsigned number) { return Digest::of(content(number)).value(); }
inline CompiledKey key_of(unsigned number, std::string compatibility = "engine 48, cranelift") {
  return {.component = digest_of(number), .compatibility = std::move(compatibility)};
}
// What stands for the compiled code of content(number).
inline std::vector<std::uint8_t> code(unsigned number) { return content(number + 1'000'000, 5000); }

inline std::chrono::sys_seconds at(int seconds) {
  return std::chrono::sys_seconds(std::chrono::seconds(1'790'000'000 + seconds));
}

inline Result<Lease> put_compiled(const Store& store, const CompiledKey& key,
                                  const std::vector<std::uint8_t>& bytes) {
  CompiledWriter writer = BERTH_TRY(store.write_compiled(key));
  BERTH_TRY(writer.write(bytes));
  return writer.commit();
}

inline std::vector<std::uint8_t> read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
inline void write_file(const std::filesystem::path& path, const std::vector<std::uint8_t>& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

// What the engine would map.
inline std::vector<std::uint8_t> mapped(const Compiled& compiled) {
  std::vector<std::uint8_t> bytes = read_file(compiled.path());
  bytes.resize(std::min<std::size_t>(bytes.size(), compiled.size));
  return bytes;
}

inline void copy_store(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::remove_all(to);
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  for (const char* part : {"", "blobs", "compiled", "histories", "temporary"}) {
    std::filesystem::permissions(to / part, std::filesystem::perms::owner_all);
  }
}

// Collects notices. One thread at a time.
struct Notices {
  std::vector<std::string> texts;
  std::function<void(const Error&)> collect() {
    return [this](const Error& error) { texts.push_back(error.message()); };
  }
};

// A new opening of the store finds nothing to complain about and nothing unfinished; each blob is what its
// name says, each record can be read.
inline void expect_consistent(const std::filesystem::path& folder) {
  SystemFiles files;
  Notices notices;
  const auto store = Store::open({.folder = folder, .notice = notices.collect()}, files);
  ASSERT_TRUE(store) << store.error().to_string();
  for (const auto& entry : std::filesystem::directory_iterator(folder / "blobs")) {
    EXPECT_EQ(Digest::of(read_file(entry.path())).value().hex(), entry.path().filename()) << "half a blob";
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder / "compiled")) {
    EXPECT_EQ(entry.path().filename().string().size(), 64 + 1 + 32) << entry.path();
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder / "temporary"));
  const auto names = store->histories();
  ASSERT_TRUE(names) << names.error().to_string();
  for (const std::string& name : *names) {
    const auto history = store->history(name);
    EXPECT_TRUE(history) << history.error().to_string();
  }
  for (const std::string& text : notices.texts) ADD_FAILURE() << text;
}

// The version `number` can start without its source.
inline void expect_starts(const Store& store, unsigned number) {
  const auto blob = store.read_blob(digest_of(number), 1 << 20);
  ASSERT_TRUE(blob) << number << ": " << blob.error().to_string();
  EXPECT_EQ(blob->bytes, content(number));
  const auto compiled = store.open_compiled(key_of(number));
  ASSERT_TRUE(compiled) << number << ": " << compiled.error().to_string();
  EXPECT_EQ(mapped(*compiled), code(number));
}

}  // namespace berth::artifact
