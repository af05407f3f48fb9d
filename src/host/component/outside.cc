// The decisions of all grants of one workload.
#include "host/component/outside.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

namespace berth::host {
namespace {

// Decisions are thread-safe: the settings do not change. Output comes from the instance's thread only.
class Decisions final : public abi::OutsidePolicy {
 public:
  explicit Decisions(std::shared_ptr<const WasiSettings> settings) : settings_(std::move(settings)) {
    for (const auto& new_sink : settings_->output) sinks_.push_back(new_sink());
  }

  bool connect(abi::SocketUse use, const abi::SocketAddress& address) override {
    return std::ranges::any_of(settings_->connect, [&](const auto& allows) { return allows(use, address); });
  }
  bool resolve(std::string_view name) override {
    return std::ranges::any_of(settings_->resolve, [&](const auto& allows) { return allows(name); });
  }
  bool http(std::string_view method, std::string_view scheme, std::string_view authority,
            std::string_view path) override {
    return std::ranges::any_of(settings_->http,
                               [&](const auto& allows) { return allows(method, scheme, authority, path); });
  }
  void output(int stream, std::span<const std::uint8_t> data) override {
    const std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
    for (const auto& sink : sinks_) sink(stream, text);
  }
  void file_denied(const abi::FileDenial& denial) override {
    for (const auto& told : settings_->file_denied) told(denial);
  }

 private:
  std::shared_ptr<const WasiSettings> settings_;
  std::vector<std::function<void(int stream, std::string_view data)>> sinks_;
};

}  // namespace

std::shared_ptr<abi::OutsidePolicy> outside_policy(std::shared_ptr<const WasiSettings> settings) {
  return std::make_shared<Decisions>(std::move(settings));
}

}  // namespace berth::host
