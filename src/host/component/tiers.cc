// Tiers: the order in which code is looked for.
#include "host/component/tiers.h"

#include <utility>

#include "host/component/memory_file.h"

namespace berth::host {
namespace {

// What Cranelift would not do better: the component is wrong, too much, or no longer wanted.
bool is_final(Code code) {
  return code == Code::kInvalidArgument || code == Code::kResourceExhausted || code == Code::kCancelled;
}

}  // namespace

Result<std::shared_ptr<const abi::Engine>> Tiers::winch() const {
  const std::lock_guard lock(mutex_);
  if (auto engine = winch_.lock()) return engine;
  std::shared_ptr<const abi::Engine> engine =
      BERTH_TRY(abi::Engine::create_beside(*engine_, abi::Compiler::kWinch));
  winch_ = engine;
  return engine;
}

Result<Compiled> Tiers::stored(std::string_view digest) const {
  if (store_ == nullptr) return fail(Code::kNotFound, "there is no store of compiled code");
  StoredCode code = BERTH_TRY(store_->find(digest, engine_->key()));
  auto component = abi::Component::load(engine_, code.fd);
  if (!component) return fail(std::move(component).error());
  return Compiled{.keep = std::move(code.keep), .component = std::move(*component), .tier = Tier::kCache};
}

Result<Compiled> Tiers::quick(const artifact::Artifact& artifact, const std::stop_token& stop) const {
  auto found = stored(artifact.digest.to_string());
  if (found) return found;
  if (found.error().code() != Code::kNotFound) options_.notice(found.error());
  if (artifact.bytes.size() >= options_.tiered_from_bytes) {
    auto code = compile_quickly(artifact, stop);
    if (code || is_final(code.error().code())) return code;
    // That Winch does not know something is no trouble; anything else is.
    if (code.error().code() != Code::kFailedPrecondition)
      options_.notice(std::move(code).error().context("compiling with Winch"));
  }
  return compile_well(artifact, Urgency::kWaitedFor, stop);
}

Result<Compiled> Tiers::best(const artifact::Artifact& artifact, const std::stop_token& stop) const {
  auto found = stored(artifact.digest.to_string());
  if (found) return found;
  if (found.error().code() != Code::kNotFound) options_.notice(found.error());
  return compile_well(artifact, Urgency::kBackground, stop);
}

Result<Compiled> Tiers::compile_quickly(const artifact::Artifact& artifact,
                                        const std::stop_token& stop) const {
  const auto engine = BERTH_TRY(winch());
  const MemoryFile code = BERTH_TRY(compiler_.compile(artifact.bytes, *engine, Urgency::kWaitedFor, stop));
  return Compiled{.component = BERTH_TRY(abi::Component::load(engine, code.fd())), .tier = Tier::kWinch};
}

Result<Compiled> Tiers::compile_well(const artifact::Artifact& artifact, Urgency urgency,
                                     const std::stop_token& stop) const {
  const MemoryFile code = BERTH_TRY(compiler_.compile(artifact.bytes, *engine_, urgency, stop));
  if (store_ != nullptr) {
    const MappedFile mapped = BERTH_TRY(MappedFile::create(code.fd(), code.size()));
    auto kept = store_->put(artifact.digest.to_string(), engine_->key(), mapped.bytes());
    // From the store's file, which the system may drop from memory and other processes share.
    auto found = kept ? stored(artifact.digest.to_string()) : Result<Compiled>(fail(std::move(kept).error()));
    if (found) {
      found->tier = Tier::kCranelift;
      return found;
    }
    options_.notice(found.error());
  }
  return Compiled{.component = BERTH_TRY(abi::Component::load(engine_, code.fd())), .tier = Tier::kCranelift};
}

}  // namespace berth::host
