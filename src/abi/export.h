// Export functions: typed calls from the host into a guest.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "abi/instance.h"
#include "abi/passing.h"
#include "base/task.h"

namespace berth::abi {

// An export as Call::find has found it. Plain value; good as long as its Pre, and named by it.
struct Function {
  Export handle = nullptr;
  std::string where;  // "interface#name", for messages
};

// One exported function: R its result, Ps the owning types of its WIT parameters.
template <class R, class... Ps>
class Call {
  using Params = Fields<Ps...>;
  static constexpr bool kSpilled = Params::kFlat > kMaxFlatParams;
  // Strings and plain lists: the engine copies them in without calling back.
  template <class P>
  static constexpr bool kBlock = [] {
    if constexpr (std::is_same_v<P, std::string>)
      return true;
    else if constexpr (IsVector<P>::value)
      return Abi<typename P::value_type>::kPlain;
    else
      return false;
  }();
  static constexpr std::size_t kBlocks = (std::size_t{0} + ... + (kBlock<Ps> ? 1 : 0));
  static constexpr bool kLends = Params::kHandles;
  // The others too, unless a value of them happens to hold a string or a list: that is tried.
  static constexpr bool kTryDirect = !kSpilled && !kLends;

  template <class... As>
  struct Frame {
    InstanceState* state;
    std::string_view where;
    std::tuple<As&...> args;
    Result<R>* out;
    std::array<berth_block_t, kTryDirect ? kBlocks : 0> blocks;  // filled by prepare

    // Abi<T> lowers string_view and span where T is their owning type, and a pointer for a borrow.
    template <class P, class A>
    static decltype(auto) plain(A& arg) {
      if constexpr (std::is_pointer_v<P> && !std::is_pointer_v<std::remove_reference_t<A>>)
        return &arg;
      else
        return (arg);
    }
    bool lower_flat(LowerCx& cx, berth_val_t* v) {
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return (true && ... && Abi<Ps>::lower(cx, v, plain<Ps>(std::get<I>(args))));
      }(std::index_sequence_for<Ps...>{});
    }
    bool lower_spilled(LowerCx& cx, berth_val_t* v) {
      std::uint32_t record = 0;
      if (!cx.realloc(Params::kAlign, Params::kSize, record)) return false;
      v->lo = record;
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return (true && ... &&
                Abi<Ps>::store(cx, record + Params::kOffsets[I], plain<Ps>(std::get<I>(args))));
      }(std::index_sequence_for<Ps...>{});
    }

    static berth_error_t* lower(void* ctx, berth_lower_cx_t* raw, berth_val_t* v) {
      auto* self = static_cast<Frame*>(ctx);
      try {
        LowerCx cx(raw, Direction::kExport, self->state);
        if constexpr (kSpilled)
          (void)self->lower_spilled(cx, v);
        else
          (void)self->lower_flat(cx, v);
        return cx.take_error();
      } catch (...) {
        return engine_error(BERTH_E_INTERNAL, "out of memory while lowering parameters");
      }
    }
    static berth_error_t* lift(void* ctx, const berth_val_t* result, const std::uint8_t* memory,
                               std::size_t size, const std::uint32_t* handles, std::size_t handle_count) {
      auto* self = static_cast<Frame*>(ctx);
      try {
        LiftCx cx(memory, size, Direction::kExport, self->state, handles, handle_count);
        bool ok = true;
        if constexpr (Ret<R>::kResults == 2) {
          const std::uint8_t* p = nullptr;
          ok = cx.range(static_cast<std::uint32_t>(result->lo), 1, Abi<R>::kSize, Abi<R>::kAlign, p) &&
               Abi<R>::load(cx, p, **self->out);
        } else if constexpr (!std::is_void_v<R>) {
          ok = Abi<R>::lift(cx, result, **self->out);
        }
        return ok ? nullptr : cx.error(self->where);
      } catch (...) {
        return engine_error(BERTH_E_INTERNAL, "out of memory while lifting a result");
      }
    }
    // Fills `call` for the engine; an error when a direct parameter is wrong.
    berth_error_t* prepare(berth_call_t& call) {
      call.ctx = this;
      call.lift = Ret<R>::kAnyBits ? nullptr : lift;
      call.blocks = blocks.data();
      call.block_count = blocks.size();
      if constexpr (kTryDirect) {
        call.lower = nullptr;
        LowerCx cx(nullptr, Direction::kExport, state);
        berth_val_t* v = call.args;
        [[maybe_unused]] berth_block_t* block = blocks.data();
        [&]<std::size_t... I>(std::index_sequence<I...>) {
          (void)(true && ... && fill<Ps>(cx, call, v, block, std::get<I>(args)));
        }(std::index_sequence_for<Ps...>{});
        if (!cx.needs_guest()) [[likely]]
          return cx.take_error();
        call.block_count = 0;
      }
      call.lower = lower;
      return nullptr;
    }
    // One parameter that needs no callback.
    template <class P, class A>
    static bool fill(LowerCx& cx, berth_call_t& call, berth_val_t*& v, [[maybe_unused]] berth_block_t*& block,
                     A& arg) {
      if constexpr (kBlock<P>) {
        std::uint32_t alignment = 1;
        if constexpr (std::is_same_v<P, std::string>) {
          if (!cx.utf8(arg)) return false;
        } else {
          alignment = Abi<typename P::value_type>::kAlign;
        }
        const std::uint64_t bytes = std::uint64_t{arg.size()} * sizeof(*arg.data());
        if (bytes > UINT32_MAX) return cx.fail("a list or string does not fit a guest's memory");
        *block++ = {arg.data(), bytes, alignment, static_cast<std::uint32_t>(v - call.args)};
        v[1].lo = arg.size();
        v += 2;
        return true;
      } else {
        return Abi<P>::lower(cx, v, plain<P>(arg));
      }
    }
    // After a call without error.
    void finish(const berth_call_t& call) {
      if constexpr (Ret<R>::kAnyBits && !std::is_void_v<R>) {
        LiftCx cx(nullptr, 0, Direction::kExport, state, nullptr, 0);
        const berth_val_t* v = &call.result;
        if (!Abi<R>::lift(cx, v, **out)) *out = fail(Code::kTrap, cx.message(where));
      }
    }
  };

 public:
  static Result<Function> find(const Pre& pre, std::string_view interface, std::string_view name,
                               std::string_view type) {
    Function out;
    out.handle =
        BERTH_TRY(pre.find_export(interface, name, type, Params::kFlat, Ret<R>::kResults, Ret<R>::kHandles));
    if (!interface.empty()) out.where.append(interface).push_back('#');
    out.where.append(name);
    return out;
  }

  // On this thread.
  static Result<R> run(Instance& instance, const Function& function, Arg<Ps>... args) {
    Result<R> out;  // the one object that is returned, so that it is made in the caller's place
    Frame<std::remove_reference_t<Arg<Ps>>...> frame{&instance.state(), function.where, {args...}, &out};
    berth_call_t call;  // args stay unset on purpose: only those in use are written and read
    berth_error_t* error = frame.prepare(call);
    if (error == nullptr) [[likely]]
      error = instance.call(function.handle, call);
    if constexpr (kLends) instance.state().resources().end_lending();
    if (error == nullptr) [[likely]]
      frame.finish(call);
    else
      give_up(out, instance, error);
    return out;
  }

  // On a fibre. The function and borrowed resources outlive the task; everything else is its own.
  static Task<Result<R>> run_async(Instance& instance, const Function& function, Ps... args) {
    Result<R> out;
    Frame<Ps...> frame{&instance.state(), function.where, {args...}, &out};
    berth_call_t call;
    Result<void> done;
    if (berth_error_t* error = frame.prepare(call))
      done = std::unexpected(instance.take(error));
    else
      done = co_await instance.call_async(function.handle, call);
    if constexpr (kLends) instance.state().resources().end_lending();
    if (!done) co_return std::unexpected(std::move(done).error());
    frame.finish(call);
    co_return out;
  }

 private:
  // Out of line, so that a call that succeeds does not pay for it.
  [[gnu::cold, gnu::noinline]] static void give_up(Result<R>& out, Instance& instance, berth_error_t* error) {
    out = std::unexpected(instance.take(error));
  }
};

// The guest's end of a resource handle the host owns. Base of generated classes.
// One thread at a time: that of its instance.
class GuestObject {
 public:
  explicit GuestObject(GuestHandle handle) : handle_(std::move(handle)) {}
  GuestObject(const GuestObject&) = delete;
  GuestObject& operator=(const GuestObject&) = delete;
  ~GuestObject() {
    if (handle_.state == nullptr || handle_.state->instance() == nullptr) return;
    handle_.state->instance()->drop_guest_resource(handle_.id);
  }
  [[nodiscard]] GuestHandle* handle() { return &handle_; }
  // The instance, or an error once it is gone or the resource was given away.
  [[nodiscard]] Result<Instance*> instance() const {
    if (handle_.state == nullptr || handle_.state->instance() == nullptr)
      return fail(Code::kFailedPrecondition,
                  "the resource's instance is gone, or the resource was given away");
    return handle_.state->instance();
  }

 private:
  GuestHandle handle_;
};

}  // namespace berth::abi
