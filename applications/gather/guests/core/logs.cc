// failing_pods and logs_of_namespace: what containers wrote.
#include "core/core.h"

namespace gather {
namespace {

enum class Which : std::uint8_t { kCurrent, kPrevious };

constexpr std::uint32_t kTailLines = 100;
constexpr std::uint32_t kLimitBytes = 1 << 20;

// False: the archive takes no more.
bool put_log(Run& run, const std::string& namespace_, const std::string& pod, const std::string& container,
             Which which, std::uint32_t lines) {
  const bool previous = which == Which::kPrevious;
  const std::string path = "config/pod/" + namespace_ + "/logs/" + pod + "/" + container +
                           (previous ? "_previous.log" : "_current.log");
  auto log =
      kube::api::Logs(namespace_, pod,
                      {wit::string::from_view(container), previous, lines, std::nullopt, false, kLimitBytes});
  if (log) return log->empty() || run.put(path, std::move(*log));
  // A container that never ran has none.
  const int status = kube::status_of(log.error());
  if (status != 400 && status != 404)
    run.error("the log of " + container + ": " + kube::text_of(log.error()), path);
  return true;
}

bool failing(kube::View status) {
  if (status.at("restartCount").integer() > 0) return true;
  const kube::View state = status.at("state");
  if (state.at("terminated").at("exitCode").integer() != 0) return true;
  const std::string waiting = state.at("waiting").at("reason").string();
  return !waiting.empty() && waiting != "ContainerCreating" && waiting != "PodInitializing";
}

}  // namespace

Outcome failing_pods(Run& run, const Gatherer&) {
  constexpr std::size_t kMost = 100;
  std::size_t count = 0;
  auto pods = kube::Kind<kube::Object>("", "v1", "pods").list();
  for (auto& pod : pods) {
    for (const std::string_view list : {"initContainerStatuses", "containerStatuses"}) {
      for (const auto status : kube::List<kube::View>(pod.at("status").at(list))) {
        if (!failing(status)) continue;
        if (count++ == kMost) {
          run.warning("more than 100 containers fail; the rest is left out");
          return {};
        }
        const auto namespace_ = pod.metadata().namespace_(), name = pod.metadata().name(),
                   container = status.at("name").string();
        if (!put_log(run, namespace_, name, container, Which::kCurrent, kTailLines)) return {};
        if (status.at("restartCount").integer() > 0 &&
            !put_log(run, namespace_, name, container, Which::kPrevious, kTailLines))
          return {};
      }
    }
  }
  if (pods.error()) return failed("pods", *pods.error());
  return {};
}

Outcome logs_of_namespace(Run& run, const Gatherer&) {
  constexpr std::size_t kMost = 64;
  const std::string namespace_ = run.parameter("namespace").string();
  if (namespace_.empty()) return std::unexpected("the parameter namespace is missing");
  const auto lines = run.parameter("tail_lines");
  if (lines.exists() && (lines.integer() < 1 || lines.integer() > 10'000))
    return std::unexpected("the parameter tail_lines is no number from 1 to 10000");
  const auto tail = lines.exists() ? static_cast<std::uint32_t>(lines.integer()) : kTailLines;
  std::size_t count = 0;
  auto pods = kube::Kind<kube::Object>("", "v1", "pods").list({.namespace_ = namespace_});
  for (auto& pod : pods) {
    for (const std::string_view list : {"initContainers", "containers"}) {
      for (const auto container : kube::List<kube::View>(pod.at("spec").at(list))) {
        if (count++ == kMost) {
          run.warning("the namespace has more than 64 containers; the rest is left out");
          return {};
        }
        if (!put_log(run, namespace_, pod.metadata().name(), container.at("name").string(), Which::kCurrent,
                     tail))
          return {};
      }
    }
  }
  if (pods.error()) return failed("pods", *pods.error());
  return {};
}

}  // namespace gather
