// CompiledStore: where compiled code is kept between runs.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/error.h"

namespace berth::host {

// Code in a store. Plain value.
struct StoredCode {
  int fd = -1;  // open for reading as long as `keep` lives
  // As long as it lives the store neither changes nor removes the file.
  std::shared_ptr<const void> keep;
};

// Code by the digest of the component and the key of the engine that runs it (abi::Engine::key()).
// Nothing but put() may write to it: what it gives is executed.
// Thread-safe. All methods block.
class CompiledStore {
 public:
  virtual ~CompiledStore() = default;
  // What put() was given last, whole and unchanged; other bytes may follow it in the file.
  //  kNotFound, also where it was damaged.
  [[nodiscard]] virtual Result<StoredCode> find(std::string_view digest, std::string_view key) = 0;
  // Keeps a copy, over what is there.
  [[nodiscard]] virtual Result<void> put(std::string_view digest, std::string_view key,
                                         std::span<const std::uint8_t> code) = 0;
};

}  // namespace berth::host
