// Shadow: its queue and its thread.
#include "host/shadow.h"

#include <fmt/format.h>

#include "host/draw.h"
#include "host/wait.h"

namespace berth::host {

Shadow::Shadow(std::shared_ptr<const Version> version, Options options)
    : version_(std::move(version)),
      options_(std::move(options)),
      below_(share_of_draws(options_.share)),
      times_(telemetry::latency_buckets()) {}

Result<std::shared_ptr<Shadow>> Shadow::create(std::shared_ptr<const Version> version, Options options) {
  std::shared_ptr<Shadow> shadow(new Shadow(std::move(version), std::move(options)));
  auto guest = shadow->version_->instantiate(shadow->options_.deadline);
  if (!guest) return fail(std::move(guest).error().context("instantiating the shadow"));
  shadow->guest_ = std::move(*guest);
  return shadow;
}

Result<void> Shadow::begin(const std::optional<std::vector<std::uint8_t>>& state) {
  if (state) {
    if (auto restored = guest_->restore(*state, options_.deadline); !restored) {
      return fail(std::move(restored).error().context("`restore` of the shadow"));
    }
  }
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  return {};
}

void Shadow::stop() {
  std::deque<Waiting> dropped;  // destroyed without the lock
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(waiting_);
    waiting_bytes_ = 0;
  }
  thread_.request_stop();
  {
    const std::lock_guard lock(guest_mutex_);
    if (guest_ != nullptr) guest_->cancel(Guest::Cancel::kDrain);
  }
  if (thread_.joinable()) thread_.join();
}

bool Shadow::claim(std::size_t bytes) {
  if (spread(draws_.fetch_add(1, std::memory_order_relaxed)) >= below_) return false;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || !out_of_step_.empty()) return false;
    if (waiting_.size() < kMaxShadowQueue && waiting_bytes_ + bytes <= kMaxShadowBytes) return true;
  }
  count(ShadowAnswer::kSkipped);
  if (stateful()) {
    lost_step(fmt::format("it fell behind by more than {} calls or {} bytes, and its state needs every call",
                          kMaxShadowQueue, kMaxShadowBytes));
  }
  return false;
}

void Shadow::push(std::size_t bytes, Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || !out_of_step_.empty()) return;
    waiting_bytes_ += bytes;
    waiting_.push_back({bytes, std::move(job)});
  }
  changed_.notify_one();
}

void Shadow::lost_step(std::string why) {
  if (!stateful()) return;
  std::deque<Waiting> dropped;  // destroyed without the lock
  const std::lock_guard lock(mutex_);
  if (out_of_step_.empty()) out_of_step_ = std::move(why);
  dropped.swap(waiting_);
  waiting_bytes_ = 0;
}

void Shadow::run(const std::stop_token& stop) {
  for (;;) {
    Waiting next;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return !waiting_.empty(); }) || stop.stop_requested()) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
      waiting_bytes_ -= next.bytes;
    }
    const ShadowAnswer answer = repeat(std::move(next.job));
    if (stop.stop_requested()) return;  // it may have been cancelled
    count(answer);
  }
}

ShadowAnswer Shadow::repeat(Job job) {
  if (guest_ == nullptr) {
    auto guest = version_->instantiate(options_.deadline);
    if (!guest) return ShadowAnswer::kFailed;
    const std::lock_guard lock(guest_mutex_);
    guest_ = std::move(*guest);
  }
  const auto begin = std::chrono::steady_clock::now();
  guest_->set_deadline(options_.deadline);
  const ShadowAnswer answer =
      wait_for(job(guest_->exports()), version_->about().fibre ? options_.deadline : Deadline{0},
               [this] { guest_->cancel(Guest::Cancel::kDeadline); });
  times_.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  if (guest_->dead() || options_.kind == InstancePolicy::Kind::kFresh) {
    if (guest_->dead()) lost_step("its instance was destroyed by a call, and its state with it");
    std::unique_ptr<Guest> gone;  // destroyed without the lock
    const std::lock_guard lock(guest_mutex_);
    gone.swap(guest_);
  }
  return answer;
}

void Shadow::count(ShadowAnswer answer) {
  answers_[static_cast<std::size_t>(answer)].fetch_add(1, std::memory_order_relaxed);
  options_.metrics.count(answer);
}

ShadowStatus Shadow::status() const {
  const auto of = [&](ShadowAnswer answer) {
    return answers_[static_cast<std::size_t>(answer)].load(std::memory_order_relaxed);
  };
  const std::lock_guard lock(mutex_);
  return {.digest = digest(),
          .since = since_,
          .share = options_.share,
          .equal = of(ShadowAnswer::kEqual),
          .different = of(ShadowAnswer::kDifferent),
          .failed = of(ShadowAnswer::kFailed),
          .skipped = of(ShadowAnswer::kSkipped),
          .waiting = waiting_.size(),
          .out_of_step = out_of_step_};
}

Observed Shadow::observed() const {
  const ShadowStatus s = status();
  Observed out;
  out.calls[static_cast<std::size_t>(Outcome::kOk)] = s.equal + s.different;
  out.calls[static_cast<std::size_t>(Outcome::kTrapBug)] = s.failed;
  out.times = buckets_of(times_);
  return out;
}

}  // namespace berth::host
