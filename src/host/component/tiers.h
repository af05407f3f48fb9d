// Tiers: where a component's code comes from: the store, the quick compiler, or the good one.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>

#include "abi/component.h"
#include "abi/engine.h"
#include "artifact/artifact.h"
#include "base/error.h"
#include "host/component/compiled_store.h"
#include "host/component/compiler.h"
#include "host/limits.h"
#include "host/version.h"

namespace berth::host {

// Code, ready to link. Plain value.
struct Compiled {
  std::shared_ptr<const void> keep;  // outlives the component
  std::shared_ptr<const abi::Component> component;
  Tier tier = Tier::kCranelift;
};

struct TierOptions {
  CompilerOptions compiler;
  // Components of fewer bytes are not worth two compilations.
  std::size_t tiered_from_bytes = kTieredFromBytes;
  // Told what went wrong and was got over: code that could not be stored or read back. Any thread.
  std::function<void(const Error&)> notice = [](const Error&) {};
};

// What was compiled well is kept in the store; what was compiled quickly lives until it is replaced.
// Thread-safe. All methods block.
class Tiers final {
 public:
  // `engine` runs what Cranelift compiled; what Winch compiled runs in an engine beside it, made when
  // it is needed first and gone with its last version. `store` may be null, and outlives this.
  Tiers(std::shared_ptr<const abi::Engine> engine, TierOptions options, CompiledStore* store)
      : engine_(std::move(engine)),
        options_(std::move(options)),
        store_(store),
        compiler_(options_.compiler) {}

  // kNotFound: not in the store.
  [[nodiscard]] Result<Compiled> stored(std::string_view digest) const;
  // From the store, or from Winch, or from Cranelift where Winch cannot or need not compile it.
  //  As Compiler::compile.
  [[nodiscard]] Result<Compiled> quick(const artifact::Artifact& artifact, const std::stop_token& stop) const;
  // From the store, or from Cranelift, in the background.
  //  As Compiler::compile.
  [[nodiscard]] Result<Compiled> best(const artifact::Artifact& artifact, const std::stop_token& stop) const;

 private:
  [[nodiscard]] Result<std::shared_ptr<const abi::Engine>> winch() const;
  [[nodiscard]] Result<Compiled> compile_quickly(const artifact::Artifact& artifact,
                                                 const std::stop_token& stop) const;
  [[nodiscard]] Result<Compiled> compile_well(const artifact::Artifact& artifact, Urgency urgency,
                                              const std::stop_token& stop) const;

  const std::shared_ptr<const abi::Engine> engine_;
  const TierOptions options_;
  CompiledStore* const store_;
  const Compiler compiler_;
  mutable std::mutex mutex_;
  mutable std::weak_ptr<const abi::Engine> winch_;
};

}  // namespace berth::host
