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

#include "applications/gather/native/archive_report.h"
#include "applications/gather/native/period.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/gather_trigger.h"
#include "cli/known.h"
#include "cli/kube_client.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/running_host.h"
#include "cli/status_json.h"
#include "cli/stop_signal.h"
#include "manifest/manifest.h"
#include "telemetry/log.h"

namespace berth::cli {
namespace {

using Clock = std::chrono::steady_clock;

// Errors of one gatherer that are printed; one that fails for each object would hide the others.
constexpr std::size_t kShownErrors = 5;
constexpr std::size_t kShownBytes = 400;

// Of a text that a gatherer wrote, what fits a terminal.
std::string_view cut(std::string_view text) { return text.substr(0, kShownBytes); }

struct GatherOptions {
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
    if (r.panic) print_error(fmt::format("{}: {}", r.name, cut(*r.panic)));
    const std::size_t shown = std::min(r.errors.size(), kShownErrors);
    for (std::size_t i = 0; i < shown; ++i) print_error(fmt::format("{}: {}", r.name, cut(r.errors[i])));
    if (shown < r.errors.size()) {
      print_error(fmt::format("{}: {} more errors; all of them are in {} of the archive", r.name,
                              r.errors.size() - shown, gather::kMetadataPath));
    }
  }
}

// A cell of our tables, and of Markdown's.
std::string one_line(std::string text) {
  std::ranges::replace_if(text, [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return text;
}
std::string in_cell(std::string text) {
  text = one_line(std::move(text));
  for (std::size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2))
    text.insert(at, "\\");
  return text;
}

// What the sub-commands about a manifest need: its workloads, running, with nothing that listens.
struct Session {
  manifest::Manifest manifest;
  std::unique_ptr<telemetry::Logger> log;
  std::unique_ptr<RunningHost> host;
  gather::Settings settings;
  std::vector<gather::Source> sources;
  std::unique_ptr<net::IoContext> workers;
  telemetry::Metrics metrics;  // of what the program itself asks the cluster; nobody reads them
  std::shared_ptr<gather::Cluster> cluster;
};

// The manifest's problems are printed; then its code is returned.
std::expected<std::unique_ptr<Session>, int> open_session(const std::string& file, const Known& known,
                                                          grants::Use use) {
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
    session->host = BERTH_TRY(
        RunningHost::start(session->manifest, known, *session->log, {.listens = false, .use = use}));
    // What runs once runs what the sources have now; without them, what the store has.
    for (const manifest::Workload& workload : session->manifest.workloads)
      BERTH_TRY(session->host->workload(workload.name))->rest();
    session->settings = gather_settings(session->manifest).value_or(gather::Settings{});
    session->sources = BERTH_TRY(gather_sources(session->host->triggers_of("gather")));
    session->cluster = gathered_cluster(session->manifest, session->metrics);
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

int gather_to_file(const GatherOptions& options) {
  const Known known;
  std::stop_source stop;
  ::signal(SIGXFSZ, SIG_IGN);  // a full disk is an error, not the end
  const StopSignal signal([&](int count) {
    if (count > 1) ::_exit(kInterrupted);
    print_line(stderr, "stopping: waiting for the gatherers that run; once more ends them");
    stop.request_stop();
  });
  const auto began = Clock::now();
  auto session = open_session(options.manifest, known, grants::Use::kCalls);
  if (!session) return session.error();
  const gather::Settings& settings = (*session)->settings;
  GatherProgress progress;
  const auto period = gather::gather_period(
      settings, (*session)->sources, options.output, gather::GatheringRequest::To::kFile,
      {.io = (*session)->host->io(),
       .workers = *(*session)->workers,
       .cluster = (*session)->cluster.get(),
       .program_began = began,
       .progress = [&](const gather::Progress& p) { progress.show(p); }},
      stop.get_token());
  progress.end();
  if (!period) {
    print_error(period.error());
    return period.error().code() == Code::kCancelled ? static_cast<int>(kInterrupted)
                                                     : exit_code(period.error().code());
  }
  const gather::Gathered* const gathered = &period->gathered;
  if (!period->rules_problem.empty())
    print_error(fmt::format("the rules that are built in hold: {}", period->rules_problem));
  print_failures(*gathered);
  print_line(stdout,
             fmt::format("{}: {} records, {} ({} compressed), {} gatherers, {} failed, {:.1f} s",
                         gathered->archive.string(), gathered->records, shown_size(gathered->record_bytes),
                         shown_size(gathered->archive_bytes), gathered->reports.size(), gathered->failed(),
                         std::chrono::duration<double>(gathered->duration).count()));
  return gathered->failed() > 0 ? kFailure : kOk;
}

// ---- report ----------------------------------------------------------------------------------

Json to_json(const gather::ArchiveReport& r) {
  Json out = {{"file_bytes", r.file_bytes},
              {"records", r.records},
              {"bytes", r.bytes},
              {"groups", Json::array()},
              {"largest", {{"path", r.largest}, {"bytes", r.largest_bytes}}},
              {"gatherers", Json::array()},
              {"memory_bytes", r.memory_bytes},
              {"uptime_seconds", r.uptime_seconds},
              {"obfuscated", r.obfuscated},
              {"remarks", r.remarks}};
  if (r.first) out["first"] = time_text(*r.first);
  if (r.last) out["last"] = time_text(*r.last);
  for (const auto& group : r.groups)
    out["groups"].push_back({{"folder", group.folder}, {"records", group.records}, {"bytes", group.bytes}});
  for (const gather::Report& g : r.gatherers) {
    out["gatherers"].push_back({{"name", g.name},
                                {"duration_ms", g.duration.count()},
                                {"records", g.records},
                                {"errors", g.errors},
                                {"warnings", g.warnings},
                                {"panic", g.panic ? Json(*g.panic) : Json(nullptr)}});
  }
  return out;
}

// Texts from an archive go through print_line, which leaves nothing in them that acts on a terminal.
void print_report(const std::string& file, const gather::ArchiveReport& r) {
  print_line(stdout, fmt::format("{}: {} records, {} ({} compressed){}", file, r.records, shown_size(r.bytes),
                                 shown_size(r.file_bytes), r.obfuscated ? ", obfuscated" : ""));
  if (r.first && r.last)
    print_line(stdout, fmt::format("captured {} to {}", time_text(*r.first), time_text(*r.last)));
  print_line(stdout, fmt::format("largest: {}, {}", r.largest, shown_size(r.largest_bytes)));
  const auto print_rows = [](const std::vector<std::vector<std::string>>& rows) {
    std::string text = "\n" + table(rows);
    for (std::size_t from = 0, end = 0; from < text.size(); from = end + 1) {
      end = std::min(text.find('\n', from), text.size());
      print_line(stdout, std::string_view(text).substr(from, end - from));
    }
  };
  std::vector<std::vector<std::string>> rows = {{"FOLDER", "RECORDS", "SIZE"}};
  for (const auto& group : r.groups)
    rows.push_back({one_line(group.folder), std::to_string(group.records), shown_size(group.bytes)});
  print_rows(rows);
  rows = {{"GATHERER", "MS", "RECORDS", "ERRORS", "WARNINGS", "TRAPPED"}};
  for (const gather::Report& g : r.gatherers) {
    rows.push_back({one_line(g.name), std::to_string(g.duration.count()), std::to_string(g.records),
                    std::to_string(g.errors.size()), std::to_string(g.warnings.size()),
                    g.panic ? "yes" : ""});
  }
  if (rows.size() > 1) print_rows(rows);
  for (const gather::Report& g : r.gatherers) {
    if (g.panic) print_line(stdout, fmt::format("{}: trapped: {}", g.name, cut(*g.panic)));
    const auto some = [&](const char* what, const std::vector<std::string>& texts) {
      for (std::size_t i = 0; i < std::min(texts.size(), kShownErrors); ++i)
        print_line(stdout, fmt::format("{}: {}: {}", g.name, what, cut(texts[i])));
      if (texts.size() > kShownErrors)
        print_line(stdout, fmt::format("{}: {} more {}s; --json shows all", g.name,
                                       texts.size() - kShownErrors, what));
    };
    some("error", g.errors);
    some("warning", g.warnings);
  }
  for (const std::string& remark : r.remarks) print_line(stdout, "remark: " + remark);
}

int report(const std::string& file, bool json) {
  const auto read = gather::report_archive(file);
  if (!read) {
    print_error(read.error());
    return exit_code(read.error().code());
  }
  if (json)
    print_text(to_json(*read).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  else
    print_report(file, *read);
  return kOk;
}

// ---- docs ------------------------------------------------------------------------------------

int docs(const std::string& file) {
  const Known known;
  auto session = open_session(file, known, grants::Use::kDescription);
  if (!session) return session.error();
  std::string out =
      "# What is gathered\n\nGenerated by `berth gather docs`; do not edit.\n\n"
      "Each archive also has `" +
      std::string(gather::kMetadataPath) + "`: how each gatherer went.\n";
  int code = kOk;
  for (auto& [workload, listed] : gather::list_gatherers((*session)->sources, *(*session)->workers)) {
    if (!listed) {
      print_error(fmt::format("{}: {}", workload, listed.error().message()));
      code = kFailure;
      continue;
    }
    std::ranges::sort(*listed, {}, &gather::Description::name);
    for (const gather::Description& d : *listed) {
      out += fmt::format("\n## {}/{}\n\n{}\n", workload, d.name, d.text);
      if (d.by_rule) out += "\nRuns only when a rule asks for it.\n";
      if (d.records.empty()) continue;
      out += "\n| record | what it is |\n|---|---|\n";
      for (const gather::RecordDescription& record : d.records)
        out += fmt::format("| `{}` | {} |\n", in_cell(record.path), in_cell(record.text));
    }
  }
  print_text(out);
  return code;
}

}  // namespace

void add_gather(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("gather", "Gather once into an archive, or look at one");
  const auto options = std::make_shared<GatherOptions>();
  command->add_option("MANIFEST", options->manifest, "The manifest (default: berth.yaml)");
  command->add_flag("--once", options->once, "Run the gatherers of all workloads once");
  command->add_option("-o,--output", options->output, "The archive; one of that name is replaced");
  command->footer(
      "Example:\n  berth gather applications/gather/berth.yaml --once -o insights.tar.gz\n"
      "Exit code 1 when a gatherer failed: what the others gathered is in the archive.\n"
      "To gather in periods, run the manifest with `berth up`.");
  CLI::App* reporting = command->add_subcommand("report", "Show what an archive holds, and how it went");
  const auto archive = std::make_shared<std::string>();
  const auto json = std::make_shared<bool>(false);
  reporting->add_option("FILE", *archive, "The archive")->required();
  reporting->add_flag("--json", *json, "Print JSON");
  reporting->footer(
      "Example:\n  berth gather report insights.tar.gz\nExit code 3 when it is no whole archive.");
  reporting->callback([&exit_code, archive, json] { exit_code = report(*archive, *json); });
  CLI::App* documenting =
      command->add_subcommand("docs", "Print what a manifest's gatherers say they gather, as Markdown");
  const auto manifest = std::make_shared<std::string>();
  documenting->add_option("MANIFEST", *manifest, "The manifest")->required();
  documenting->footer("Example:\n  berth gather docs applications/gather/berth.yaml > gathered.md");
  documenting->callback([&exit_code, manifest] { exit_code = docs(*manifest); });
  command->callback([&exit_code, options, command] {
    if (!command->get_subcommands().empty()) return;
    if (!options->once || options->output.empty()) throw CLI::RequiredError("--once and -o FILE");
    exit_code = gather_to_file(*options);
  });
}

}  // namespace berth::cli
