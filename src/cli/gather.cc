// berth gather: gathers once, shows what an archive holds, and what gatherers say about themselves.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

#include "applications/gather/native/gathering.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/gather_trigger.h"
#include "cli/known.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/running_host.h"
#include "cli/stop_signal.h"
#include "manifest/manifest.h"
#include "telemetry/log.h"

namespace berth::cli {
namespace {

using Clock = std::chrono::steady_clock;

// Errors of one gatherer that are printed; one that fails for each object would hide the others.
constexpr std::size_t kShownErrors = 5;

struct Options {
  std::string manifest = "berth.yaml";
  std::string output;
  bool once = false;
};

// A line that is written over on a terminal, and otherwise a line for each gatherer. One thread at a time.
class GatherProgress final {
 public:
  void show(const gather::Progress& p) {
    if (p.ended != nullptr) note(*p.ended);
    if (!terminal_) return;
    const auto now = Clock::now();
    if (p.done < p.total && now < next_) return;
    next_ = now + kBetween;
    const std::string line = fmt::format("\r\x1b[Kgathering: {} of {} gatherers, {} records, {}", p.done,
                                         p.total, p.spool.count(), shown_size(p.spool.bytes()));
    std::fwrite(line.data(), 1, line.size(), stderr);
    drawn_ = true;
  }
  void end() {
    if (std::exchange(drawn_, false)) std::fputs("\r\x1b[K", stderr);
  }

 private:
  static constexpr std::chrono::milliseconds kBetween{100};
  // Told at once of each, so that a person sees what is slow.
  void note(const gather::Report& r) {
    const std::string failures = r.panic ? ", trapped" : "";
    const std::string errors =
        r.errors.empty() ? "" : fmt::format(", {} error{}", r.errors.size(), r.errors.size() == 1 ? "" : "s");
    if (terminal_ && failures.empty() && errors.empty()) return;
    end();
    print_line(stderr, fmt::format("{}: {} records, {}, {} ms{}{}", r.name, r.records, shown_size(r.bytes),
                                   r.duration.count(), errors, failures));
  }

  const bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  bool drawn_ = false;
  Clock::time_point next_{};
};

void print_failures(const gather::Gathered& gathered) {
  for (const gather::Report& r : gathered.reports) {
    if (r.panic) print_error(fmt::format("{}: {}", r.name, *r.panic));
    const std::size_t shown = std::min(r.errors.size(), kShownErrors);
    for (std::size_t i = 0; i < shown; ++i) print_error(fmt::format("{}: {}", r.name, r.errors[i]));
    if (shown < r.errors.size()) {
      print_error(fmt::format("{}: {} more errors; all of them are in {} of the archive", r.name,
                              r.errors.size() - shown, gather::kMetadataPath));
    }
  }
}

// What the sub-commands about a manifest need: its workloads, running, with nothing that listens.
struct Session {
  manifest::Manifest manifest;
  std::unique_ptr<telemetry::Logger> log;
  std::unique_ptr<RunningHost> host;
  gather::Settings settings;
  std::vector<gather::Source> sources;
  std::unique_ptr<net::IoContext> workers;
};

// The manifest's problems are printed; then its code is returned.
std::expected<std::unique_ptr<Session>, int> open_session(const std::string& file, const Known& known) {
  auto loaded = manifest::load(file, known.options());
  if (!loaded) {
    for (const Error& error : loaded.error().errors()) print_error(error);
    if (loaded.error().more() > 0) print_error(fmt::format("{} more problems", loaded.error().more()));
    return std::unexpected(kBadInput);
  }
  auto session = std::make_unique<Session>();
  session->manifest = *std::move(loaded);
  telemetry::LogOptions log = log_options(session->manifest.telemetry);
  if (log.level == telemetry::Level::kInfo) log.level = telemetry::Level::kWarn;  // a person watches
  session->log = std::make_unique<telemetry::Logger>(log);
  const auto prepared = [&]() -> Result<> {
    session->host =
        BERTH_TRY(RunningHost::start(session->manifest, known, *session->log, {.listens = false}));
    session->settings = gather_settings(session->manifest).value_or(gather::Settings{});
    session->sources = BERTH_TRY(gather_sources(session->host->triggers_of("gather")));
    if (session->sources.empty()) {
      return fail(Code::kInvalidArgument,
                  file + ": no workload has the trigger gather; write `triggers: [{gather: {}}]` for one");
    }
    session->workers = BERTH_TRY(net::IoContext::create(static_cast<int>(session->settings.concurrency)));
    return {};
  }();
  if (!prepared) {
    print_error(prepared.error());
    return std::unexpected(exit_code(prepared.error().code()));
  }
  return session;
}

int gather_to_file(const Options& options) {
  const Known known;
  std::stop_source stop;
  ::signal(SIGXFSZ, SIG_IGN);  // a full disk is an error, not the end
  const StopSignal signal([&](int count) {
    if (count > 1) ::_exit(kInterrupted);
    stop.request_stop();
  });
  const auto began = Clock::now();
  auto session = open_session(options.manifest, known);
  if (!session) return session.error();
  const gather::Settings& settings = (*session)->settings;
  GatherProgress progress;
  const auto gathered =
      gather::gather_once({.sources = (*session)->sources,
                           .asked = {},
                           .own = {},
                           .limits = {.concurrency = settings.concurrency,
                                      .time = settings.gatherer_time,
                                      .bytes = settings.gatherer_bytes},
                           .archive_bytes = settings.archive_bytes,
                           .to = options.output,
                           .kind = gather::GatheringRequest::To::kFile,
                           .program_began = began,
                           .executor = *(*session)->workers,
                           .progress = [&](const gather::Progress& p) { progress.show(p); }},
                          stop.get_token());
  progress.end();
  if (!gathered) {
    print_error(gathered.error());
    return gathered.error().code() == Code::kCancelled ? static_cast<int>(kInterrupted)
                                                       : exit_code(gathered.error().code());
  }
  print_failures(*gathered);
  print_line(stdout,
             fmt::format("{}: {} records, {} ({} compressed), {} gatherers, {} failed, {:.1f} s",
                         gathered->archive.string(), gathered->records, shown_size(gathered->record_bytes),
                         shown_size(gathered->archive_bytes), gathered->reports.size(), gathered->failed(),
                         std::chrono::duration<double>(gathered->duration).count()));
  return gathered->failed() > 0 ? kFailure : kOk;
}

}  // namespace

void add_gather(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("gather", "Gather once into an archive, or look at one");
  const auto options = std::make_shared<Options>();
  command->add_option("MANIFEST", options->manifest, "The manifest (default: berth.yaml)");
  command->add_flag("--once", options->once, "Run the gatherers of all workloads once");
  command->add_option("-o,--output", options->output, "The archive; one of that name is replaced");
  command->footer(
      "Example:\n  berth gather applications/gather/berth.yaml --once -o insights.tar.gz\n"
      "Exit code 1 when a gatherer failed: what the others gathered is in the archive.\n"
      "To gather in periods, run the manifest with `berth up`.");
  command->callback([&exit_code, options, command] {
    if (!command->get_subcommands().empty()) return;
    if (!options->once || options->output.empty()) throw CLI::RequiredError("--once and -o FILE");
    exit_code = gather_to_file(*options);
  });
}

}  // namespace berth::cli
