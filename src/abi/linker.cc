// Linker and Pre: thin over the engine.
#include "abi/linker.h"

#include <utility>

#include "abi/failure.h"
#include "abi/state.h"

namespace berth::abi {

Result<Linker> Linker::create(std::shared_ptr<const Engine> engine) {
  berth_linker_t* raw = nullptr;
  if (auto r = check(berth_linker_new(engine->raw(), &raw)); !r) return fail(std::move(r).error());
  return Linker(std::move(engine), raw);
}

Linker::Linker(Linker&& other) noexcept
    : engine_(std::move(other.engine_)),
      linker_(std::exchange(other.linker_, nullptr)),
      keep_(std::move(other.keep_)) {}

Linker::~Linker() {
  if (linker_ != nullptr) berth_linker_free(linker_);
}

Result<void> Linker::add_wasi(std::string_view group) {
  return check(berth_linker_wasi(linker_, group.data(), group.size()));
}

Result<void> Linker::add_func(std::string_view interface, std::string_view name, std::string_view type,
                              const berth_host_func_t& func, std::shared_ptr<const void> env) {
  keep_.push_back(std::move(env));
  return check(berth_linker_func(linker_, str(interface), str(name), str(type), &func));
}

Result<void> Linker::add_resource(std::string_view interface, std::string_view name) {
  return check(berth_linker_resource(
      linker_, str(interface), str(name), nullptr,
      [](void*, void* user, uint32_t rep) { static_cast<InstanceState*>(user)->drop_resource(rep); }));
}

Result<std::shared_ptr<const Pre>> Linker::link(std::shared_ptr<const Component> component) const {
  berth_pre_t* raw = nullptr;
  if (auto r = check(berth_pre_new(linker_, component->raw(), &raw)); !r) return fail(std::move(r).error());
  return std::shared_ptr<const Pre>(new Pre(std::move(component), keep_, raw));
}

Result<Export> Pre::find_export(std::string_view interface, std::string_view name, std::string_view type,
                                std::uint32_t flat_params, std::uint32_t flat_results,
                                bool result_handles) const {
  Export out = nullptr;
  std::lock_guard lock(mutex_);
  if (auto r = check(berth_pre_export(pre_, str(interface), str(name), str(type), flat_params, flat_results,
                                      result_handles, &out));
      !r)
    return fail(std::move(r).error());
  return out;
}

}  // namespace berth::abi
