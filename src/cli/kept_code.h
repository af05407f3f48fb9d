// KeptCode: compiled code of the host, kept in the store.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "artifact/store/store.h"
#include "host/component/compiled_store.h"

namespace berth::cli {

// The store outlives it. Thread-safe.
class KeptCode final : public host::CompiledStore {
 public:
  explicit KeptCode(const artifact::Store& store) : store_(store) {}

  Result<host::StoredCode> find(std::string_view digest, std::string_view key) override {
    auto found =
        std::make_shared<artifact::Compiled>(BERTH_TRY(store_.open_compiled(BERTH_TRY(name(digest, key)))));
    const int fd = found->file.fd();
    return host::StoredCode{.fd = fd, .keep = std::move(found)};
  }

  Result<void> put(std::string_view digest, std::string_view key,
                   std::span<const std::uint8_t> code) override {
    artifact::CompiledWriter writer = BERTH_TRY(store_.write_compiled(BERTH_TRY(name(digest, key))));
    BERTH_TRY(writer.write(code));
    BERTH_TRY(writer.commit());
    return {};
  }

 private:
  static Result<artifact::CompiledKey> name(std::string_view digest, std::string_view key) {
    return artifact::CompiledKey{.component = BERTH_TRY(artifact::Digest::parse(digest)),
                                 .compatibility = std::string(key)};
  }

  const artifact::Store& store_;
};

}  // namespace berth::cli
