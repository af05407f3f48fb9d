// Linker: what a component may import. Pre: a component linked once, ready to be instantiated.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "abi/component.h"
#include "abi/engine.h"
#include "abi/resources.h"
#include "base/error.h"
#include "engine/include/berth_engine.h"

namespace berth::abi {

// Keeps alive what callbacks point to.
using Keep = std::vector<std::shared_ptr<const void>>;

class Pre;

// Collects imports; generated add_to_linker functions fill it.
// One thread at a time.
class Linker final {
 public:
  [[nodiscard]] static Result<Linker> create(std::shared_ptr<const Engine> engine);
  Linker(Linker&& other) noexcept;
  Linker& operator=(Linker&&) = delete;
  ~Linker();

  // One group of WASI 0.2: "cli", "io", "clocks", "random", "filesystem", "sockets" or "http".
  [[nodiscard]] Result<void> add_wasi(std::string_view group);

  // For bindings. `env` lives as long as every Pre made from this linker.
  [[nodiscard]] Result<void> add_func(std::string_view interface, std::string_view name,
                                      std::string_view type, const berth_host_func_t& func,
                                      std::shared_ptr<const void> env);
  // A host resource whose objects live in InstanceState::resources().
  [[nodiscard]] Result<void> add_resource(std::string_view interface, std::string_view name);

  // Links. kFailedPrecondition names every import that is missing or whose type differs. The linker
  // can be used again.
  [[nodiscard]] Result<std::shared_ptr<const Pre>> link(std::shared_ptr<const Component> component) const;

 private:
  Linker(std::shared_ptr<const Engine> engine, berth_linker_t* linker)
      : engine_(std::move(engine)), linker_(linker) {}
  std::shared_ptr<const Engine> engine_;
  berth_linker_t* linker_;
  Keep keep_;
};

// Handle of one export, valid as long as its Pre.
using Export = const berth_export_t*;

// Immutable; threads: thread-safe.
class Pre final {
 public:
  Pre(const Pre&) = delete;
  Pre& operator=(const Pre&) = delete;
  ~Pre() { berth_pre_free(pre_); }

  // The component can reach an import that suspends: only fibre calls work with its instances.
  [[nodiscard]] bool is_async() const { return is_async_; }
  [[nodiscard]] const Component& component() const { return *component_; }
  [[nodiscard]] const Engine& engine() const { return *component_->engine(); }

  // Finds an export and compares its structural type; kInvalidArgument, kFailedPrecondition.
  [[nodiscard]] Result<Export> find_export(std::string_view interface, std::string_view name,
                                           std::string_view type, std::uint32_t flat_params,
                                           std::uint32_t flat_results, bool result_handles) const;

  // A generated table of exports (a struct with `static Result<Table> create(const Pre&)`), looked
  // up once per Pre.
  template <class Table>
  [[nodiscard]] Result<const Table*> bind() const {
    std::lock_guard lock(mutex_);
    for (const auto& [key, table] : tables_)
      if (key == type_key<Table>()) return static_cast<const Table*>(table.get());
    Result<Table> made = Table::create(*this);
    if (!made) return fail(std::move(made).error());
    auto table = std::make_shared<const Table>(std::move(*made));
    tables_.emplace_back(type_key<Table>(), table);
    return table.get();
  }

  [[nodiscard]] const berth_pre_t* raw() const { return pre_; }

 private:
  friend class Linker;
  Pre(std::shared_ptr<const Component> component, Keep keep, berth_pre_t* pre)
      : component_(std::move(component)),
        keep_(std::move(keep)),
        pre_(pre),
        is_async_(berth_pre_is_async(pre)) {}

  std::shared_ptr<const Component> component_;
  Keep keep_;
  berth_pre_t* pre_;
  bool is_async_;
  mutable std::recursive_mutex mutex_;  // guards tables_; a table may bind another
  mutable std::vector<std::pair<const void*, std::shared_ptr<const void>>> tables_;
};

}  // namespace berth::abi
