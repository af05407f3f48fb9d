// Fuzz: arbitrary guest memory and flat values, lifted as many types. No crash, no read outside the
// memory, and no more allocated than the limit.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "abi/passing.h"

namespace berth::abi {

namespace {

enum class Color : std::uint8_t { kA, kB, kC };
struct Access : FlagsBase<Access, std::uint16_t, 9> {};
struct Record {
  std::uint8_t small{};
  std::uint64_t wide{};
  std::string name;
  std::vector<std::optional<std::string>> tags;
  char32_t letter{};
  bool on{};
};
struct Shape {
  struct Empty {
    using Payload = void;
  };
  struct Many {
    using Payload = std::vector<Record>;
    Payload value;
  };
  struct Both {
    using Payload = std::tuple<float, std::uint64_t, Color>;
    Payload value;
  };
  std::variant<Empty, Many, Both> cases;
};
class Thing : public Resource {
 public:
  static constexpr std::string_view kWitName = "a:b/c#thing";
  static constexpr bool kGuest = false;
};

}  // namespace

template <>
struct Abi<Color> : EnumAbi<Color, 3> {};
template <>
struct Abi<Access> : FlagsAbi<Access> {};
template <>
struct Abi<Record> : RecordAbi<Record, &Record::small, &Record::wide, &Record::name, &Record::tags,
                               &Record::letter, &Record::on> {};
template <>
struct Abi<Shape> : VariantAbi<Shape, Shape::Empty, Shape::Many, Shape::Both> {};

namespace {

struct Input {
  std::vector<std::uint8_t> memory;
  std::vector<berth_val_t> flat;
  std::vector<std::uint32_t> handles;
};

// What was lifted must be readable, and bounded.
void touch(const std::string& s) {
  std::size_t high = 0;
  for (const char c : s) high += static_cast<unsigned char>(c) >> 7;
  if (high > s.size()) __builtin_trap();
}
void touch(std::string_view s) { touch(std::string(s)); }
template <class T>
void touch(const T&) {}
template <class T>
void touch(const std::vector<T>& list) {
  if (list.capacity() * sizeof(T) > 2 * kMaxLiftedBytes) __builtin_trap();
  for (const auto& v : list) touch(v);
}
template <class T>
void touch(std::span<const T> list) {
  T sum{};
  for (const T v : list) sum = v;
  (void)sum;
}

template <class T>
void lift_as(const Input& in, std::uint32_t address) {
  const auto state = InstanceState::create();
  for (int i = 0; i < 3; ++i) (void)state->resources().insert(std::make_unique<Thing>());
  {
    LiftCx cx(in.memory.data(), in.memory.size(), Direction::kImport, state.get(), in.handles.data(),
              in.handles.size());
    const berth_val_t* v = in.flat.data();
    T out{};
    if (Abi<T>::lift(cx, v, out))
      touch(out);
    else if (!cx.failed())
      __builtin_trap();
  }
  LiftCx cx(in.memory.data(), in.memory.size(), Direction::kImport, state.get(), in.handles.data(),
            in.handles.size());
  const std::uint8_t* p = nullptr;
  T out{};
  if (cx.range(address, 1, Abi<T>::kSize, Abi<T>::kAlign, p) && Abi<T>::load(cx, p, out))
    touch(out);
  else if (!cx.failed())
    __builtin_trap();
}

template <class... Ts>
void lift_one_of(std::uint8_t choice, const Input& in, std::uint32_t address) {
  using Lifter = void (*)(const Input&, std::uint32_t);
  static constexpr Lifter kLifters[] = {&lift_as<Ts>...};
  kLifters[choice % sizeof...(Ts)](in, address);
}

}  // namespace
}  // namespace berth::abi

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace berth::abi;
  // Choice, address, 16 flat values and 3 handles, then memory.
  constexpr std::size_t kHead = 1 + 4 + 16 * 8 + 3;
  if (size < kHead) return 0;
  Input in;
  const std::uint8_t choice = data[0];
  std::uint32_t address = 0;
  std::memcpy(&address, data + 1, 4);
  in.flat.resize(16);
  for (std::size_t i = 0; i < 16; ++i) std::memcpy(&in.flat[i].lo, data + 5 + 8 * i, 8);
  for (std::size_t i = 0; i < 3; ++i) in.handles.push_back(data[kHead - 3 + i] % 4u);
  in.memory.assign(data + kHead, data + size);
  lift_one_of<std::string, std::string_view, std::vector<std::uint8_t>, std::span<const std::uint64_t>,
              std::vector<bool>, std::vector<char32_t>, std::vector<std::string>, Record, std::vector<Record>,
              Shape, std::vector<Shape>, std::optional<std::expected<std::vector<Shape>, Color>>,
              std::tuple<Access, Color, bool, std::int8_t, float>, std::expected<void, std::string>,
              std::vector<std::unique_ptr<Thing>>, std::vector<Thing*>,
              std::vector<std::vector<std::vector<std::uint16_t>>>>(choice, in, address);
  return 0;
}
