// A period: its parts in order.
#include "applications/gather/native/period.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "applications/gather/native/archives.h"
#include "applications/gather/native/conditional.h"
#include "applications/gather/native/obfuscator.h"

namespace berth::gather {

std::string cluster_id(const Settings& settings, Cluster* cluster) {
  if (!settings.cluster_id.empty()) return settings.cluster_id;
  if (cluster == nullptr) return {};
  return cluster->id().value_or("");
}

std::string user_agent(const std::string& cluster_id) {
  std::string id = cluster_id.substr(0, kMaxNameBytes);
  std::erase_if(id, [](char c) { return c <= ' ' || c >= 0x7f; });
  return id.empty() ? "berth" : "berth cluster/" + id;
}

Result<Period> gather_period(const Settings& settings, const std::vector<Source>& sources,
                             const std::filesystem::path& to, GatheringRequest::To kind,
                             const PeriodServices& services, const std::stop_token& stop) {
  Period out;
  std::string id;
  if (settings.rules || settings.obfuscation.any()) id = cluster_id(settings, services.cluster);
  Conditional conditional;
  if (settings.rules) {
    conditional = evaluate_rules(*settings.rules,
                                 {.io = services.io,
                                  .user_agent = user_agent(id),
                                  .version = settings.cluster_version,
                                  .cluster = services.cluster},
                                 stop);
    out.rules = std::move(conditional.version);
    out.rules_problem = std::move(conditional.problem);
  }
  std::unique_ptr<Obfuscator> obfuscator;
  if (settings.obfuscation.any()) {
    BERTH_TRY(make_archive_folder(settings.directory));
    obfuscator = BERTH_TRY(Obfuscator::open(settings.obfuscation, settings.directory, id));
  }
  out.gathered = BERTH_TRY(gather_once({.sources = sources,
                                        .asked = std::move(conditional.asked),
                                        .own = std::move(conditional.own),
                                        .limits = {.concurrency = settings.concurrency,
                                                   .time = settings.gatherer_time,
                                                   .bytes = settings.gatherer_bytes},
                                        .archive_bytes = settings.archive_bytes,
                                        .to = to,
                                        .kind = kind,
                                        .program_began = services.program_began,
                                        .obfuscator = obfuscator.get(),
                                        .executor = services.workers,
                                        .progress = services.progress},
                                       stop));
  return out;
}

}  // namespace berth::gather
