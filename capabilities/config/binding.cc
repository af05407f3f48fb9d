// config binding: wasi:config/store over a Store.
#include "capabilities/config/binding.h"

#include <bindings/config_wit.h>

#include "capabilities/grants/interfaces.h"

namespace berth::config {
namespace {

namespace contract = wit::wasi::config;

constexpr std::string_view kNames[] = {"store"};

// Thread-safe: the store does not change.
class StoreBinding final : public contract::Store {
 public:
  explicit StoreBinding(std::shared_ptr<const config::Store> store) : store_(std::move(store)) {}

  Result<std::expected<std::optional<std::string>, contract::store::Error>> get(
      std::string_view key) override {
    return std::optional<std::string>(store_->get(key));
  }
  Result<std::expected<std::vector<std::tuple<std::string, std::string>>, contract::store::Error>> get_all()
      override {
    return std::vector<std::tuple<std::string, std::string>>(store_->all().begin(), store_->all().end());
  }

 private:
  std::shared_ptr<const config::Store> store_;
};

class ConfigGrant final : public host::Grant, public std::enable_shared_from_this<ConfigGrant> {
 public:
  explicit ConfigGrant(std::shared_ptr<const Store> store) : binding_(std::move(store)) {}

  std::string_view capability() const override { return "config"; }
  bool covers(std::string_view interface) const override { return config::covers(interface); }
  // The grant outlives every linker's result: host::Grant says so.
  Result<void> link(abi::Linker& linker) const override {
    return contract::Store::add_to_linker(
        linker, [this](abi::InstanceState&) -> contract::Store* { return &binding_; });
  }
  // It only reads, what does not change.
  std::shared_ptr<const host::Grant> shadow() const override { return shared_from_this(); }

 private:
  mutable StoreBinding binding_;
};

}  // namespace

bool covers(std::string_view interface) {
  return grants::contains({"wasi:config", "0.2.0-rc.1", kNames}, interface);
}

std::shared_ptr<const host::Grant> grant(std::shared_ptr<const Store> store) {
  return std::make_shared<ConfigGrant>(std::move(store));
}

}  // namespace berth::config
