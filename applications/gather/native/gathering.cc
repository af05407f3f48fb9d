// Gathering: from the spool to an archive.
#include "applications/gather/native/gathering.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "applications/gather/native/archive_writer.h"

namespace berth::gather {

namespace {

using Clock = std::chrono::steady_clock;
using OrderedJson = nlohmann::ordered_json;

constexpr std::string_view kNameBegin = "insights-";
constexpr std::string_view kNameEnd = ".tar.gz";
// Seconds that a name is put off by while others of that second are there.
constexpr int kNameTries = 60;

// Of this process, in bytes; 0 where the system does not say.
std::uint64_t memory_in_use() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  in >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Result<std::pair<std::filesystem::path, std::uint64_t>> publish(ArchiveWriter& writer,
                                                                const GatheringRequest& request, Time first) {
  if (request.kind == GatheringRequest::To::kFile) {
    return std::pair(request.to, BERTH_TRY(writer.publish(request.to, ArchiveWriter::Existing::kReplace)));
  }
  for (int later = 0;; ++later) {
    const auto file = request.to / archive_name(first + std::chrono::seconds(later));
    auto done = writer.publish(file, ArchiveWriter::Existing::kRefuse);
    if (done) return std::pair(file, *done);
    if (done.error().code() != Code::kAlreadyExists || later == kNameTries)
      return fail(std::move(done).error());
  }
}

// Two things without a name of their own may get the same one: then the later is numbered.
void hide_paths(std::vector<SpooledRecord>& records, Obfuscator& obfuscator) {
  std::unordered_map<std::string, std::size_t> taken;
  for (SpooledRecord& record : records) {
    obfuscator.obfuscate(record.path);
    const std::size_t others = taken[record.path]++;
    if (others == 0) continue;
    const std::size_t slash = record.path.rfind('/');
    std::size_t dot = record.path.rfind('.');
    if (dot == std::string::npos || (slash != std::string::npos && dot < slash)) dot = record.path.size();
    record.path.insert(dot, fmt::format("~{}", others + 1));
  }
}

}  // namespace

std::size_t Gathered::failed() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(reports, [](const Report& r) { return !r.errors.empty() || r.panic; }));
}

std::string archive_name(Time time) {
  return fmt::format("{}{:%Y-%m-%d-%H%M%S}{}", kNameBegin,
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)), kNameEnd);
}

std::optional<Time> time_of_archive(std::string_view name) {
  if (!name.starts_with(kNameBegin) || !name.ends_with(kNameEnd)) return std::nullopt;
  name.remove_prefix(kNameBegin.size());
  name.remove_suffix(std::min(name.size(), kNameEnd.size()));
  std::tm parts{};
  const std::string text(name);
  const char* const end = ::strptime(text.c_str(), "%Y-%m-%d-%H%M%S", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  const Time time = std::chrono::system_clock::from_time_t(::timegm(&parts));
  // What reads the same in another way is not ours.
  if (archive_name(time).substr(kNameBegin.size(), text.size()) != text) return std::nullopt;
  return time;
}

std::string metadata(const std::vector<Report>& reports, std::chrono::duration<double> uptime,
                     bool obfuscated) {
  OrderedJson status = OrderedJson::array();
  for (const Report& r : reports) {
    status.push_back({{"name", r.name},
                      {"duration_in_ms", r.duration.count()},
                      {"records_count", r.records},
                      {"errors", r.errors},
                      {"warnings", r.warnings},
                      {"panic", r.panic ? OrderedJson(*r.panic) : OrderedJson(nullptr)}});
  }
  const OrderedJson out = {{"status_reports", std::move(status)},
                           {"memory_alloc_bytes", memory_in_use()},
                           {"uptime_seconds", uptime.count()},
                           {"is_global_obfuscation_enabled", obfuscated}};
  return out.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

Result<Gathered> gather_once(const GatheringRequest& request, const std::stop_token& stop) {
  const auto began = Clock::now();
  const auto folder =
      request.kind == GatheringRequest::To::kFolder
          ? request.to
          : (request.to.has_parent_path() ? request.to.parent_path() : std::filesystem::path("."));
  const auto spool = BERTH_TRY(Spool::create(folder, request.archive_bytes));
  const Time first = std::chrono::system_clock::now();
  for (const OwnRecord& own : request.own)
    (void)BERTH_TRY(spool->add(own.path, bytes_of(own.content), first, true));
  auto reports = run_gatherers(request.sources, request.asked, request.limits, *spool, request.obfuscator,
                               request.executor, request.progress, stop);
  if (!reports)
    return fail(Code::kCancelled, "stopped before everything was gathered; no archive is written");

  auto records = spool->records();
  // The host's own word about a run is not a gatherer's to write.
  std::erase_if(records, [](const SpooledRecord& r) { return r.path == kMetadataPath; });
  Gathered out{.archive = {},
               .archive_bytes = 0,
               .records = records.size(),
               .record_bytes = spool->bytes(),
               .duration = {},
               .reports = *std::move(reports)};
  const std::string about =
      metadata(out.reports, Clock::now() - request.program_began, request.obfuscator != nullptr);
  const auto about_at = BERTH_TRY(spool->append(bytes_of(about)));
  records.push_back({.path = std::string(kMetadataPath),
                     .offset = about_at,
                     .size = about.size(),
                     .captured = std::chrono::system_clock::now()});
  if (request.obfuscator != nullptr) hide_paths(records, *request.obfuscator);
  std::ranges::sort(records, {}, &SpooledRecord::path);
  auto writer = BERTH_TRY(ArchiveWriter::create(folder));
  std::string content;
  for (const SpooledRecord& record : records) {
    if (stop.stop_requested()) return fail(Code::kCancelled, "stopped before the archive was written");
    BERTH_TRY(spool->read(record, content));
    if (request.obfuscator != nullptr) request.obfuscator->obfuscate(content);
    BERTH_TRY(writer.add(record.path, record.captured, content));
  }
  // Before the archive has its name: nobody could know again what stands in it for what.
  if (request.obfuscator != nullptr) BERTH_TRY(request.obfuscator->save());
  auto [file, bytes] = BERTH_TRY(publish(writer, request, first));
  out.archive = std::move(file);
  out.archive_bytes = bytes;
  out.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
  return out;
}

}  // namespace berth::gather
