// logging binding: berth:logging/logging and wasi:logging/logging over a GuestLog.
#include "capabilities/logging/binding.h"

#include <bindings/logging_wit.h>
#include <bindings/wasi_logging_wit.h>

#include "capabilities/grants/interfaces.h"

namespace berth::logging {
namespace {

namespace ours = wit::berth::logging;
namespace wasis = wasi_wit::wasi::logging;
using Fields = std::span<const std::tuple<std::string, std::string>>;

constexpr std::string_view kNames[] = {"logging"};
constexpr grants::InterfaceSet kOurs{"berth:logging", "0.1.0", kNames};
constexpr grants::InterfaceSet kWasis{"wasi:logging", "0.1.0-draft", kNames};

// Both contracts list the levels in the order of telemetry::Level.
template <class Level>
telemetry::Level level_of(Level level) {
  static_assert(static_cast<int>(Level::kCritical) == static_cast<int>(telemetry::Level::kCritical));
  return static_cast<telemetry::Level>(level);
}

// Thread-safe, as the GuestLog is.
class OurLogging final : public ours::Logging {
 public:
  explicit OurLogging(GuestLog& log) : log_(log) {}
  Result<bool> enabled(ours::logging::Level level) override { return log_.enabled(level_of(level)); }
  Result<void> log(ours::logging::Level level, std::string_view message, Fields fields) override {
    log_.log(level_of(level), message, fields);
    return {};
  }

 private:
  GuestLog& log_;
};

// Thread-safe, as the GuestLog is.
class WasiLogging final : public wasis::Logging {
 public:
  explicit WasiLogging(GuestLog& log) : log_(log) {}
  Result<void> log(wasis::logging::Level level, std::string_view context, std::string_view message) override {
    if (!log_.enabled(level_of(level))) return {};
    const std::tuple<std::string, std::string> field("context", context);
    log_.log(level_of(level), message, context.empty() ? Fields() : Fields(&field, 1));
    return {};
  }

 private:
  GuestLog& log_;
};

class LoggingGrant final : public host::Grant {
 public:
  explicit LoggingGrant(std::shared_ptr<GuestLog> log) : log_(std::move(log)), ours_(*log_), wasis_(*log_) {}

  std::string_view capability() const override { return "logging"; }
  bool covers(std::string_view interface) const override { return logging::covers(interface); }
  // The grant outlives every linker's result: host::Grant says so.
  Result<void> link(abi::Linker& linker) const override {
    BERTH_TRY(ours::Logging::add_to_linker(linker,
                                           [this](abi::InstanceState&) -> ours::Logging* { return &ours_; }));
    return wasis::Logging::add_to_linker(linker,
                                         [this](abi::InstanceState&) -> wasis::Logging* { return &wasis_; });
  }
  std::shared_ptr<const host::Grant> shadow() const override {
    return std::make_shared<LoggingGrant>(log_->silent());
  }

 private:
  std::shared_ptr<GuestLog> log_;
  mutable OurLogging ours_;
  mutable WasiLogging wasis_;
};

}  // namespace

bool covers(std::string_view interface) {
  return grants::contains(kOurs, interface) || grants::contains(kWasis, interface);
}

std::shared_ptr<const host::Grant> grant(std::shared_ptr<GuestLog> log) {
  return std::make_shared<LoggingGrant>(std::move(log));
}

}  // namespace berth::logging
