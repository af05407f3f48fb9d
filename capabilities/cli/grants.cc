// cli_streams: the grant that comes with every workload.
#include "capabilities/cli/grants.h"

#include "abi/linker.h"
#include "capabilities/cli/line_log.h"
#include "capabilities/grants/interfaces.h"
#include "capabilities/grants/wasi_grant.h"

namespace berth::cli_streams {
namespace {

constexpr std::string_view kCli[] = {"environment",     "exit",           "stdin",           "stdout",
                                     "stderr",          "terminal-input", "terminal-output", "terminal-stdin",
                                     "terminal-stdout", "terminal-stderr"};
constexpr std::string_view kIo[] = {"error", "poll", "streams"};

class BaseGrant final : public host::Grant {
 public:
  // `log` may be null: then output goes nowhere.
  explicit BaseGrant(std::shared_ptr<LineLog> log) : log_(std::move(log)) {}

  std::string_view capability() const override { return "cli"; }
  bool covers(std::string_view interface) const override { return base_covers(interface); }
  Result<void> link(abi::Linker& linker) const override {
    BERTH_TRY(linker.add_wasi("io"));
    return linker.add_wasi("cli");
  }
  std::shared_ptr<const host::Grant> shadow() const override { return std::make_shared<BaseGrant>(nullptr); }
  void configure(host::WasiSettings& settings) const override {
    if (log_ == nullptr) return;
    settings.output.push_back([log = log_] {
      return [lines = std::make_shared<LineBuffer>(log)](int stream, std::string_view data) {
        lines->write(stream, data);
      };
    });
  }

 private:
  std::shared_ptr<LineLog> log_;
};

}  // namespace

bool base_covers(std::string_view interface) {
  return grants::contains({"wasi:cli", grants::kWasiVersion, kCli}, interface) ||
         grants::contains({"wasi:io", grants::kWasiVersion, kIo}, interface);
}

std::shared_ptr<const host::Grant> base_grant(const grants::Services& services) {
  return std::make_shared<BaseGrant>(std::make_shared<LineLog>(services));
}

}  // namespace berth::cli_streams
