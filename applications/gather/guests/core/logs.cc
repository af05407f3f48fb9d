// failing_pods, and what rules ask for: logs_of_namespace, containers_logs, pod_definition.
#include <set>

#include "core/core.h"

namespace gather {
namespace {

enum class Which : std::uint8_t { kCurrent, kPrevious };

constexpr std::uint32_t kTailLines = 100;
constexpr std::uint32_t kLimitBytes = 1 << 20;

// What was written by one container.
struct Log {
  std::string_view namespace_, pod, container;
  Which which = Which::kCurrent;
  std::uint32_t lines = kTailLines;
};

// False: the archive takes no more.
bool put_log(Run& run, const std::string& path, const Log& what) {
  auto log = kube::api::Logs(what.namespace_, what.pod,
                             {wit::string::from_view(what.container), what.which == Which::kPrevious,
                              what.lines, std::nullopt, false, kLimitBytes});
  if (log) return log->empty() || run.put(path, std::move(*log));
  // A container that never ran has none.
  const int status = kube::status_of(log.error());
  if (status != 400 && status != 404)
    run.error("the log of " + std::string(what.container) + ": " + kube::text_of(log.error()), path);
  return true;
}

std::string path_of_failing(const Log& log) {
  return "config/pod/" + std::string(log.namespace_) + "/logs/" + std::string(log.pod) + "/" +
         std::string(log.container) + (log.which == Which::kPrevious ? "_previous.log" : "_current.log");
}
// As the Insights Operator has what rules ask for.
std::string path_of_conditional(const Log& log) {
  return "conditional/namespaces/" + std::string(log.namespace_) + "/pods/" + std::string(log.pod) +
         "/containers/" + std::string(log.container) +
         (log.which == Which::kPrevious ? "/logs-previous/last-" : "/logs/last-") +
         std::to_string(log.lines) + "-lines.log";
}

// The parameter tail_lines.
std::expected<std::uint32_t, std::string> tail_lines(const Run& run) {
  const auto lines = run.parameter("tail_lines");
  if (!lines.exists()) return kTailLines;
  if (lines.integer() < 1 || lines.integer() > 10'000)
    return std::unexpected("the parameter tail_lines is no number from 1 to 10000");
  return static_cast<std::uint32_t>(lines.integer());
}

template <class F>
bool for_each_container(const kube::Object& pod, F f) {
  for (const std::string_view list : {"initContainers", "containers"})
    for (const auto container : kube::List<kube::View>(pod.at("spec").at(list)))
      if (!f(container.at("name").string())) return false;
  return true;
}

// The pods that the alerts of a rule are about, each once.
template <class F>
Outcome for_each_alerted_pod(Run& run, F f) {
  constexpr std::size_t kMost = 100;
  const auto kind = kube::Kind<kube::Object>("", "v1", "pods");
  std::set<std::pair<std::string, std::string>> seen;
  for (const auto labels : kube::List<kube::View>(run.parameter("alerts"))) {
    const std::string namespace_ = labels.at("namespace").string(), name = labels.at("pod").string();
    if (namespace_.empty() || name.empty() || !seen.emplace(namespace_, name).second) continue;
    if (seen.size() > kMost) {
      run.warning("the alert is about more than 100 pods; the rest is left out");
      return {};
    }
    auto pod = kind.get(name, namespace_);
    if (!pod) {
      // It went meanwhile.
      if (kube::status_of(pod.error()) != 404)
        run.error("the pod " + namespace_ + "/" + name + ": " + kube::text_of(pod.error()));
      continue;
    }
    if (!f(namespace_, name, *pod)) return {};
  }
  return {};
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
        for (const Which which : {Which::kCurrent, Which::kPrevious}) {
          if (which == Which::kPrevious && status.at("restartCount").integer() == 0) continue;
          const Log log{namespace_, name, container, which};
          if (!put_log(run, path_of_failing(log), log)) return {};
        }
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
  const auto lines = tail_lines(run);
  if (!lines) return std::unexpected(lines.error());
  std::size_t count = 0;
  auto pods = kube::Kind<kube::Object>("", "v1", "pods").list({.namespace_ = namespace_});
  for (auto& pod : pods) {
    const std::string name = pod.metadata().name();
    const bool more = for_each_container(pod, [&](const std::string& container) {
      if (count++ == kMost) {
        run.warning("the namespace has more than 64 containers; the rest is left out");
        return false;
      }
      const Log log{.namespace_ = namespace_, .pod = name, .container = container, .lines = *lines};
      return put_log(run, path_of_conditional(log), log);
    });
    if (!more) return {};
  }
  if (pods.error()) return failed("pods", *pods.error());
  return {};
}

Outcome containers_logs(Run& run, const Gatherer&) {
  const auto lines = tail_lines(run);
  if (!lines) return std::unexpected(lines.error());
  const std::string only = run.parameter("container").string();
  const Which which = run.parameter("previous").boolean() ? Which::kPrevious : Which::kCurrent;
  return for_each_alerted_pod(run,
                              [&](const std::string& namespace_, const std::string& name, kube::Object& pod) {
                                return for_each_container(pod, [&](const std::string& container) {
                                  if (!only.empty() && only != container) return true;
                                  const Log log{namespace_, name, container, which, *lines};
                                  return put_log(run, path_of_conditional(log), log);
                                });
                              });
}

Outcome pod_definition(Run& run, const Gatherer&) {
  return for_each_alerted_pod(
      run, [&](const std::string& namespace_, const std::string& name, kube::Object& pod) {
        return run.put("conditional/namespaces/" + namespace_ + "/pods/" + name + "/" + name + ".json",
                       std::move(pod).take());
      });
}

}  // namespace gather
