// The table of attacks: time, memory, stack, realloc, results, handles.
#include "tests/hostile/attacks.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "abi/bindings.h"
#include "tests/hostile/victim.h"

namespace berth::hostile {
namespace {

using U32 = std::uint32_t;

// The C++ a binding would have for the types of bad_discriminant.wat and bad_enum.wat.
struct Choice {
  struct None {
    using Payload = void;
  };
  struct Number {
    using Payload = U32;
    U32 value = 0;
  };
  struct Text {
    using Payload = std::string;
    std::string value;
  };
  std::variant<None, Number, Text> cases;
};
enum class Colour : std::uint8_t { kRed, kGreen, kBlue };

}  // namespace
}  // namespace berth::hostile

template <>
struct berth::abi::Abi<berth::hostile::Choice>
    : VariantAbi<berth::hostile::Choice, berth::hostile::Choice::None, berth::hostile::Choice::Number,
                 berth::hostile::Choice::Text> {};
template <>
struct berth::abi::Abi<berth::hostile::Colour> : EnumAbi<berth::hostile::Colour, 3> {};

namespace berth::hostile {
namespace {

using Kind = abi::FailureKind;

// What is borrowed is passed by reference.
template <class T>
auto& plain(T& arg) {
  if constexpr (std::is_pointer_v<T>)
    return *arg;
  else
    return arg;
}

template <class R>
Result<void> outcome(Result<R> result) {
  if (!result) return fail(std::move(result).error());
  return {};
}

template <class R, class... Ps>
Result<void> run(abi::Instance& instance, std::string_view type, Ps... args) {
  const abi::Function attack = BERTH_TRY((abi::Call<R, Ps...>::find(instance.pre(), "", "attack", type)));
  return outcome(abi::Call<R, Ps...>::run(instance, attack, plain(args)...));
}

template <class R, class... Ps>
Task<Result<void>> run_async(abi::Instance& instance, std::string_view type, Ps... args) {
  const abi::Function attack = BERTH_CO_TRY((abi::Call<R, Ps...>::find(instance.pre(), "", "attack", type)));
  co_return outcome(co_await abi::Call<R, Ps...>::run_async(instance, attack, args...));
}

template <class R, class... Ps>
Attack attack(std::string_view guest, Kind kind, std::string_view words, std::string_view type, Ps... args) {
  return {.guest = guest,
          .kind = kind,
          .words = words,
          .run = [=](abi::Instance& i) { return run<R, Ps...>(i, type, args...); },
          .run_async = [=](abi::Instance& i) { return run_async<R, Ps...>(i, type, args...); }};
}

// A host object that is lent to the guest and outlives every call.
Attack borrow_kept() {
  struct Lent {
    int alive = 0;
    Thing thing{alive};
  };
  constexpr std::string_view kType = "func(thing: borrow<berth:hostile/things#thing>) -> u32";
  const auto lent = std::make_shared<Lent>();
  return {.guest = "borrow_kept",
          .kind = Kind::kTrap,
          .words = "borrow",
          .run = [=](abi::Instance& i) { return run<U32, Thing*>(i, kType, &lent->thing); },
          .run_async = [=](abi::Instance& i) { return run_async<U32, Thing*>(i, kType, &lent->thing); }};
}

}  // namespace

std::vector<Attack> attacks() {
  constexpr std::string_view kRun = "func() -> u32";
  constexpr std::string_view kTakesText = "func(s: string) -> u32";
  constexpr std::string_view kGivesText = "func() -> string";
  constexpr std::string_view kGivesList = "func() -> list<u64>";
  constexpr std::string_view kOutside = "outside the guest's memory";
  using Text = std::string;
  using Longs = std::vector<std::uint64_t>;

  return {
      attack<U32>("endless_loop", Kind::kLimitTime, "deadline", kRun),
      attack<U32>("memory_bomb", Kind::kLimitMemory, "memory", kRun),
      attack<U32>("memory_pages", Kind::kNone, "", kRun),
      attack<U32>("table_bomb", Kind::kNone, "", kRun),
      attack<U32>("stack_overflow", Kind::kLimitStack, "stack", kRun),
      attack<U32>("unreachable", Kind::kTrap, "unreachable", kRun),

      attack<U32, Text>("realloc_out_of_bounds", Kind::kTrap, "realloc", kTakesText, "hello"),
      attack<U32, Text>("realloc_end_overflow", Kind::kTrap, "realloc", kTakesText, "hello"),
      attack<U32, Longs>("realloc_misaligned", Kind::kTrap, "align", "func(l: list<u64>) -> u32",
                         Longs{1, 2, 3}),
      attack<U32, Text>("realloc_trap", Kind::kTrap, "unreachable", kTakesText, "hello"),
      attack<U32, Text>("realloc_loop", Kind::kLimitTime, "deadline", kTakesText, "hello"),
      attack<U32, Text>("realloc_stack_overflow", Kind::kLimitStack, "stack", kTakesText, "hello"),

      attack<Text>("bad_utf8", Kind::kTrap, "UTF-8", kGivesText),
      attack<Text>("truncated_utf8", Kind::kTrap, "UTF-8", kGivesText),
      attack<Text>("string_out_of_bounds", Kind::kTrap, kOutside, kGivesText),
      attack<std::vector<std::uint8_t>>("list_length_max", Kind::kTrap, kOutside, "func() -> list<u8>"),
      attack<Longs>("list_size_overflow", Kind::kTrap, kOutside, kGivesList),
      attack<Longs>("list_misaligned", Kind::kTrap, "not aligned", kGivesList),
      attack<Text>("result_out_of_bounds", Kind::kTrap, "out of bounds", kGivesText),
      attack<Text>("result_misaligned", Kind::kTrap, "not aligned", kGivesText),
      attack<char32_t>("bad_char", Kind::kTrap, "Unicode scalar value", "func() -> char"),
      attack<Text>("post_return_trap", Kind::kTrap, "unreachable", kGivesText),
      attack<Choice>("bad_discriminant", Kind::kTrap, "discriminant",
                     "func() -> variant{none, number(u32), text(string)}"),
      attack<std::optional<U32>>("bad_option", Kind::kTrap, "discriminant", "func() -> option<u32>"),
      attack<Colour>("bad_enum", Kind::kTrap, "discriminant", "func() -> enum{red, green, blue}"),

      attack<U32>("handle_forged", Kind::kTrap, "handle", kRun),
      attack<U32>("handle_double_drop", Kind::kTrap, "handle", kRun),
      attack<U32>("handle_used_after_drop", Kind::kTrap, "handle", kRun),
      attack<U32>("handle_given_twice", Kind::kTrap, "handle", kRun),
      attack<U32>("handle_leaked", Kind::kNone, "", kRun),
      attack<U32>("handle_flood", Kind::kHost, "too many host resources", kRun),
      borrow_kept(),
  };
}

}  // namespace berth::hostile
