// Lifecycle: finding and calling.
#include "host/component/lifecycle.h"

#include <algorithm>
#include <cstdint>
#include <expected>
#include <string>

#include "abi/bindings.h"
#include "host/wait.h"

namespace berth::host {
namespace {

constexpr std::string_view kProbe = "berth:lifecycle/probe@0.1.0";
constexpr std::string_view kHandover = "berth:lifecycle/handover@0.1.0";

using Bytes = std::vector<std::uint8_t>;
using Answer = std::expected<void, std::string>;
using State = std::expected<Bytes, std::string>;
using ProbeCall = abi::Call<Answer>;
using SaveCall = abi::Call<State>;
using RestoreCall = abi::Call<Answer, Bytes>;

bool exports(const abi::Pre& pre, std::string_view interface) {
  return std::ranges::any_of(pre.component().shape().exports,
                             [&](const abi::Item& item) { return item.name == interface; });
}

template <class R>
Result<R> wait_for_guest(Task<Result<R>> task, abi::Instance& instance, Deadline deadline) {
  return wait_for(std::move(task), deadline, [&] { instance.cancel(abi::FailureKind::kLimitTime); });
}

template <class T>
Result<T> unwrap(Result<std::expected<T, std::string>> answer) {
  if (!answer) return fail(std::move(answer).error());
  if (!*answer) return fail(Code::kGuestError, std::move(answer->error()));
  if constexpr (!std::is_void_v<T>) {
    return std::move(**answer);
  } else {
    return {};
  }
}

}  // namespace

Result<Lifecycle> Lifecycle::find(const abi::Pre& pre) {
  Lifecycle found;
  if (exports(pre, kProbe)) {
    found.probe_ = BERTH_TRY(ProbeCall::find(pre, kProbe, "probe", "func() -> result<_, string>"));
  }
  if (exports(pre, kHandover)) {
    found.save_ = BERTH_TRY(SaveCall::find(pre, kHandover, "save", "func() -> result<list<u8>, string>"));
    found.restore_ =
        BERTH_TRY(RestoreCall::find(pre, kHandover, "restore", "func(state: list<u8>) -> result<_, string>"));
  }
  return found;
}

Result<void> Lifecycle::probe(abi::Instance& instance, Deadline deadline) const {
  instance.set_deadline(deadline.count() > 0 ? instance.pre().engine().ticks(deadline) : 0);
  if (!instance.pre().is_async()) return unwrap(ProbeCall::run(instance, probe_));
  return unwrap(wait_for_guest(ProbeCall::run_async(instance, probe_), instance, deadline));
}

Result<std::vector<std::uint8_t>> Lifecycle::save(abi::Instance& instance, Deadline deadline) const {
  instance.set_deadline(deadline.count() > 0 ? instance.pre().engine().ticks(deadline) : 0);
  if (!instance.pre().is_async()) return unwrap(SaveCall::run(instance, save_));
  return unwrap(wait_for_guest(SaveCall::run_async(instance, save_), instance, deadline));
}

Result<void> Lifecycle::restore(abi::Instance& instance, std::span<const std::uint8_t> state,
                                Deadline deadline) const {
  instance.set_deadline(deadline.count() > 0 ? instance.pre().engine().ticks(deadline) : 0);
  if (!instance.pre().is_async()) return unwrap(RestoreCall::run(instance, restore_, state));
  return unwrap(wait_for_guest(RestoreCall::run_async(instance, restore_, Bytes(state.begin(), state.end())),
                               instance, deadline));
}

}  // namespace berth::host
