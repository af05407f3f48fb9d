// Import functions: what the engine calls when a guest calls the host.
#pragma once

#include <atomic>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "abi/linker.h"
#include "abi/passing.h"
#include "base/task.h"

namespace berth::abi {

// The default way to an implementation: what the host gave this instance with InstanceState::provide.
template <class Interface>
struct FromState {
  [[nodiscard]] Interface* operator()(InstanceState& state) const { return state.find<Interface>(); }
};

template <class M>
struct MethodTraits;
template <class C, class T, class... As>
struct MethodTraits<Result<T> (C::*)(As...)> {
  using Owner = C;
  using Value = T;
  static constexpr bool kAsync = false;
};
template <class C, class T, class... As>
struct MethodTraits<Task<Result<T>> (C::*)(As...)> {
  using Owner = C;
  using Value = T;
  static constexpr bool kAsync = true;
};

// One imported function. Get finds the implementation (unless the method is a resource's own), M is
// the method, Ps the owning types of its WIT parameters, `self` included.
template <class Get, auto M, class... Ps>
class Import {
  using Traits = MethodTraits<decltype(M)>;
  using Owner = typename Traits::Owner;
  using R = typename Traits::Value;
  using Params = Fields<Ps...>;
  static constexpr bool kMethod = std::derived_from<Owner, Resource>;

  struct Env {
    Get get;
    std::string where;
  };

  // ---- parameters

  template <class... Hs>
  static bool lift_params(LiftCx& cx, const berth_host_call_t& call, std::tuple<Hs...>& held) {
    if constexpr (Params::kFlat <= kMaxFlatParams) {
      [[maybe_unused]] const berth_val_t* v = call.args;
      return std::apply([&](Hs&... h) { return (true && ... && Abi<Hs>::lift(cx, v, h)); }, held);
    } else {
      const std::uint8_t* p = nullptr;
      if (!cx.range(call.spilled, 1, Params::kSize, Params::kAlign, p)) return false;
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return (true && ... && Abi<Hs>::load(cx, p + Params::kOffsets[I], std::get<I>(held)));
      }(std::index_sequence_for<Hs...>{});
    }
  }

  template <class First, class... Rest>
  static auto on_resource(First& self, Rest&&... rest) {
    return (self.*M)(std::forward<Rest>(rest)...);
  }
  // The caller has checked that there is an implementation.
  template <class... As>
  static auto invoke(Owner* implementation, As&&... args) {
    if constexpr (kMethod)
      return on_resource(std::forward<As>(args)...);
    else
      return (implementation->*M)(std::forward<As>(args)...);
  }

  static berth_error_t* host_error(InstanceState& state, Error error) {
    berth_error_t* out = engine_error(BERTH_E_HOST, error.message());
    state.set_host_error(std::move(error));
    return out;
  }
  static Owner* find(const Env& env, InstanceState& state) {
    if constexpr (kMethod)
      return nullptr;
    else
      return env.get(state);
  }
  static berth_error_t* no_implementation(const Env& env, InstanceState& state) {
    return host_error(
        state, Error(Code::kInternal, env.where + ": the host provided no implementation to this instance"));
  }
  static berth_error_t* threw(void* env) {
    return engine_error(BERTH_E_INTERNAL,
                        static_cast<Env*>(env)->where + ": the host function threw an exception");
  }

  // ---- results

  template <class T>
  static berth_error_t* lower_value(InstanceState& state, const T& value, berth_lower_cx_t* raw,
                                    berth_val_t* flat, std::uint32_t address) {
    LowerCx cx(raw, Direction::kImport, &state);
    if constexpr (Ret<T>::kResults == 2) {
      if (!cx.reserved(address, Abi<T>::kSize, Abi<T>::kAlign)) return cx.take_error();
      (void)Abi<T>::store(cx, address, value);
    } else {
      (void)Abi<T>::lower(cx, flat, value);
    }
    return cx.take_error();
  }

  // ---- synchronous

  static constexpr bool kInSlot = [] {
    if constexpr (std::is_void_v<R>)
      return true;
    else
      return sizeof(R) <= InstanceState::kResultSlotBytes && alignof(R) <= alignof(std::max_align_t);
  }();

  static berth_error_t* call_sync(void* env_, void* user, berth_host_call_t* call, berth_completion_t*) {
    const Env& env = *static_cast<const Env*>(env_);
    InstanceState& state = *static_cast<InstanceState*>(user);
    try {
      std::tuple<typename Held<Ps>::Type...> held;
      LiftCx cx(call->memory, call->memory_len, Direction::kImport, &state, call->handles,
                call->handle_count);
      if (!lift_params(cx, *call, held)) return cx.error(env.where);
      Owner* implementation = find(env, state);
      if (!kMethod && implementation == nullptr) return no_implementation(env, state);
      auto result = std::apply([&](auto&... h) { return invoke(implementation, pass<Ps>(h)...); }, held);
      if (!result) return host_error(state, std::move(result).error());
      if constexpr (!std::is_void_v<R>) {
        if constexpr (Ret<R>::kDirect) {
          LowerCx out(nullptr, Direction::kImport, &state);
          berth_val_t* v = &call->result;
          (void)Abi<R>::lower(out, v, *result);
          return out.take_error();
        } else if constexpr (kInSlot) {
          call->op = new (state.result_slot()) R(std::move(*result));
        } else {
          call->op = new R(std::move(*result));
        }
      }
      return nullptr;
    } catch (...) {
      return threw(env_);
    }
  }
  static berth_error_t* lower_sync(void* env, void* user, void* op, berth_lower_cx_t* raw, berth_val_t* flat,
                                   std::uint32_t address) {
    try {
      return lower_value(*static_cast<InstanceState*>(user), *static_cast<const R*>(op), raw, flat, address);
    } catch (...) {
      return threw(env);
    }
  }
  static void drop_sync(void*, void*, void* op) {
    if constexpr (kInSlot)
      std::destroy_at(static_cast<R*>(op));
    else
      delete static_cast<R*>(op);
  }

  // ---- asynchronous

  // Shared by the engine's call and the running task. An abandoned task runs to its end; its answer
  // is not read. It keeps the state, and through it implementations and resources, alive.
  struct AsyncOp {
    std::shared_ptr<InstanceState> state;
    std::optional<Result<R>> result;
    std::atomic<int> references = 2;
    std::atomic<bool> finished = false;
    void release() {
      if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }
  };

  static berth_error_t* call_async(void* env_, void* user, berth_host_call_t* call,
                                   berth_completion_t* completion) {
    const Env& env = *static_cast<const Env*>(env_);
    InstanceState& state = *static_cast<InstanceState*>(user);
    try {
      std::tuple<Ps...> held;
      LiftCx cx(call->memory, call->memory_len, Direction::kImport, &state, call->handles,
                call->handle_count);
      if (!lift_params(cx, *call, held)) return cx.error(env.where);
      Owner* implementation = find(env, state);
      if (!kMethod && implementation == nullptr) return no_implementation(env, state);
      auto owned = std::make_unique<AsyncOp>();
      owned->state = state.shared_from_this();
      Task<Result<R>> task =
          std::apply([&](auto&... h) { return invoke(implementation, pass_owned(h)...); }, held);
      AsyncOp* op = owned.release();
      call->op = op;
      detach(std::move(task), [op, completion](Result<R> result) {
        berth_error_t* error = result ? nullptr : engine_error(BERTH_E_HOST, result.error().message());
        op->result.emplace(std::move(result));
        op->finished.store(true, std::memory_order_release);
        berth_complete(completion, error);
        op->release();
      });
      return nullptr;
    } catch (...) {
      return threw(env_);
    }
  }
  static berth_error_t* lower_async(void* env, void* user, void* op_, berth_lower_cx_t* raw,
                                    berth_val_t* flat, std::uint32_t address) {
    auto* op = static_cast<AsyncOp*>(op_);
    try {
      if constexpr (std::is_void_v<R>)
        return nullptr;
      else
        return lower_value(*static_cast<InstanceState*>(user), **op->result, raw, flat, address);
    } catch (...) {
      return threw(env);
    }
  }
  static void drop_async(void*, void* user, void* op_) {
    auto* op = static_cast<AsyncOp*>(op_);
    auto* state = static_cast<InstanceState*>(user);
    if (!op->finished.load(std::memory_order_acquire))
      state->abandon_call();
    else if (op->result && !*op->result)
      state->set_host_error(op->result->error());
    op->release();
  }

 public:
  static Result<void> add(Linker& linker, std::string_view interface, std::string_view name,
                          std::string_view type, Get get) {
    std::string where =
        interface.empty() ? std::string(name) : std::string(interface) + "#" + std::string(name);
    auto env = std::make_shared<Env>(std::move(get), std::move(where));
    berth_host_func_t func{};
    func.env = env.get();
    func.flat_params = Params::kFlat;
    func.flat_results = Ret<R>::kResults;
    func.param_handles = Params::kHandles;
    func.async_ = Traits::kAsync;
    if constexpr (Traits::kAsync) {
      func.call = call_async;
      func.lower = Ret<R>::kResults == 0 ? nullptr : lower_async;
      func.drop = drop_async;
    } else {
      func.call = call_sync;
      if constexpr (!Ret<R>::kDirect) {
        func.lower = lower_sync;
        func.drop = drop_sync;
      }
    }
    return linker.add_func(interface, name, type, func, std::move(env));
  }
};

}  // namespace berth::abi
