// A run: which gatherers, then each of them.
#include "applications/gather/native/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "applications/gather/native/limits.h"

namespace berth::gather {

namespace {

using Clock = std::chrono::steady_clock;
using Listed = Result<std::vector<Description>>;

// Waits for so many. Thread-safe.
class Countdown final {
 public:
  explicit Countdown(std::size_t count) : left_(count) {}
  void done() {
    const std::lock_guard lock(mutex_);
    if (--left_ == 0) changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return left_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t left_;
};

struct Job {
  const Source* source = nullptr;
  std::string gatherer;
  std::string parameters;
  [[nodiscard]] std::string name() const { return source->workload + "/" + gatherer; }
};

Report failed(std::string name, std::string error) {
  Report out;
  out.name = std::move(name);
  out.errors.push_back(std::move(error));
  return out;
}

std::string parameters_of(const Source& source, const std::string& gatherer) {
  const auto found = source.parameters.find(gatherer);
  return found == source.parameters.end() ? "{}" : found->second;
}

// What is to run of one source; what cannot is reported.
void choose(const Source& source, const Listed& listed, const std::vector<Asked>& asked,
            std::set<std::string>& known, std::vector<Job>& jobs, std::vector<Report>& reports) {
  if (!listed) {
    reports.push_back(failed(source.workload, "its gatherers are not known: " + listed.error().message()));
    return;
  }
  for (const Description& d : *listed) {
    const bool wanted =
        source.only ? std::ranges::find(*source.only, d.name) != source.only->end() : !d.by_rule;
    if (wanted) jobs.push_back({&source, d.name, parameters_of(source, d.name)});
    if (!d.by_rule) continue;  // rules come from outside: they run what is made for them
    known.insert(d.name);
    for (const Asked& a : asked) {
      if (a.gatherer == d.name) jobs.push_back({&source, d.name, a.parameters});
    }
  }
  if (!source.only) return;
  for (const std::string& name : *source.only) {
    if (std::ranges::none_of(*listed, [&](const Description& d) { return d.name == name; }))
      reports.push_back(failed(source.workload + "/" + name,
                               "the component has no such gatherer; correct `gatherers` of the trigger"));
  }
}

// The jobs of one run. Thread-safe.
class Running final {
 public:
  Running(std::vector<Job> jobs, const RunLimits& limits, Spool& spool, Obfuscator* obfuscator,
          Executor& executor, const std::function<void(const Progress&)>& progress,
          const std::stop_token& stop)
      : jobs_(std::move(jobs)),
        limits_(limits),
        spool_(spool),
        obfuscator_(obfuscator),
        executor_(executor),
        progress_(progress),
        stop_(stop),
        left_(std::min<std::size_t>(limits.concurrency, jobs_.size())) {}

  // The reports of those that ran.
  std::vector<Report> run() {
    if (jobs_.empty()) return {};
    show(nullptr);
    const std::size_t lanes = left_;
    for (std::size_t i = 0; i < lanes; ++i) executor_.post([this] { next(); });
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return left_ == 0; });
    return std::move(reports_);
  }

 private:
  // Runs the next job, and then whatever follows it.
  void next() {
    const Job* job = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (begun_ < jobs_.size() && !stop_.stop_requested()) job = &jobs_[begun_++];
      if (job == nullptr) {
        if (--left_ == 0) changed_.notify_all();
        return;
      }
    }
    detach(gather(*job), [this](Report report) {
      {
        const std::lock_guard lock(mutex_);
        reports_.push_back(std::move(report));
        show(&reports_.back());
      }
      // Not from here: a chain of gatherers that never wait would be a chain of calls.
      executor_.post([this] { next(); });
    });
  }

  Task<Report> gather(const Job& job) {
    const Budget budget{.time = std::min(limits_.time, job.source->gatherers.workload().spec().limits.call),
                        .bytes = limits_.bytes};
    const auto recorder = std::make_shared<Recorder>(spool_, obfuscator_, job.name(), budget.bytes);
    const auto began = Clock::now();
    auto ended = co_await job.source->gatherers.call_async(
        {.executor = &executor_, .deadline = budget.time}, [&job, budget, recorder](Gatherers& gatherers) {
          return gatherers.gather(job.gatherer, job.parameters, budget, recorder);
        });
    co_return recorder->end(std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began),
                            ended);
  }

  void show(const Report* ended) {
    if (progress_)
      progress_({.done = reports_.size(), .total = jobs_.size(), .spool = spool_, .ended = ended});
  }

  const std::vector<Job> jobs_;
  const RunLimits limits_;
  Spool& spool_;
  Obfuscator* const obfuscator_;
  Executor& executor_;
  const std::function<void(const Progress&)>& progress_;
  const std::stop_token& stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t begun_ = 0;
  std::size_t left_;  // lanes that have something to do
  std::vector<Report> reports_;
};

}  // namespace

std::vector<std::pair<std::string, Listed>> list_gatherers(const std::vector<Source>& sources,
                                                           Executor& executor) {
  std::vector<std::pair<std::string, Listed>> out;
  for (const Source& source : sources) out.emplace_back(source.workload, fail(Code::kInternal, "not asked"));
  Countdown left(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    executor.post([&, i] {
      detach(sources[i].gatherers.call_async({.executor = &executor},
                                             [](Gatherers& gatherers) { return gatherers.list(); }),
             [&, i](Listed listed) {
               out[i].second = std::move(listed);
               left.done();
             });
    });
  }
  if (!sources.empty()) left.wait();
  return out;
}

std::optional<std::vector<Report>> run_gatherers(const std::vector<Source>& sources,
                                                 const std::vector<Asked>& asked, const RunLimits& limits,
                                                 Spool& spool, Obfuscator* obfuscator, Executor& executor,
                                                 const std::function<void(const Progress&)>& progress,
                                                 const std::stop_token& stop) {
  std::vector<Job> jobs;
  std::vector<Report> reports;
  std::set<std::string> known;
  const auto listed = list_gatherers(sources, executor);
  for (std::size_t i = 0; i < sources.size(); ++i)
    choose(sources[i], listed[i].second, asked, known, jobs, reports);
  for (const Asked& a : asked) {
    if (!known.contains(a.gatherer))
      reports.push_back(
          failed(a.gatherer, "a rule asks for it, and no workload has such a gatherer for rules"));
  }
  for (Report& report : Running(std::move(jobs), limits, spool, obfuscator, executor, progress, stop).run())
    reports.push_back(std::move(report));
  if (stop.stop_requested()) return std::nullopt;
  std::ranges::sort(reports, {}, &Report::name);
  return reports;
}

}  // namespace berth::gather
