// Property test: 10,000 random values of every WIT type and of random nestings, host -> guest -> host
// unchanged, through a C guest and a JavaScript guest. Types and values come from the printed seed.
#include <bit>
#include <cstdint>
#include <random>

#include <bindings/nest_bindings.h>
#include <gtest/gtest.h>

#include "tests/bindings/rig.h"

namespace berth::nest {

class Random {
 public:
  Random(std::uint64_t seed, int integer_bits) : engine_(seed), integer_bits_(integer_bits) {}
  std::uint64_t bits() { return engine_(); }
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(engine_() % n); }
  // Widest integer that is exact in the guest's language.
  [[nodiscard]] int integer_bits() const { return integer_bits_; }

 private:
  std::mt19937_64 engine_;
  int integer_bits_;
};

template <class T>
struct Filler;
template <class T>
void fill(Random& r, T& out) {
  Filler<T>::fill(r, out);
}

template <class T>
  requires(std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char32_t>)
struct Filler<T> {
  static void fill(Random& r, T& out) {
    constexpr T kEdges[] = {0, 1, static_cast<T>(-1), std::numeric_limits<T>::max(),
                            std::numeric_limits<T>::min()};
    out = r.below(4) == 0 ? kEdges[r.below(5)] : static_cast<T>(r.bits());
    if constexpr (sizeof(T) == 8)
      if (r.integer_bits() < 64) out = static_cast<T>(out & ((T{1} << r.integer_bits()) - 1));
  }
};
template <std::floating_point T>
struct Filler<T> {
  // Any value but NaN, whose bits need not survive (canonical ABI).
  static void fill(Random& r, T& out) {
    using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    do out = std::bit_cast<T>(static_cast<Bits>(r.bits()));
    while (out != out);
  }
};
template <>
struct Filler<bool> {
  static void fill(Random& r, bool& out) { out = r.below(2) == 1; }
};
template <>
struct Filler<char32_t> {
  static void fill(Random& r, char32_t& out) {
    constexpr std::uint32_t kUpTo[] = {0x80, 0x800, 0x10000, 0x110000};
    do out = r.below(kUpTo[r.below(4)]);
    while (out >= 0xd800 && out <= 0xdfff);
  }
};
template <>
struct Filler<std::string> {
  static void fill(Random& r, std::string& out) {
    for (std::uint32_t n = r.below(12); n > 0; --n) {
      char32_t c = 0;
      nest::fill(r, c);
      if (c < 0x80) {
        out += static_cast<char>(c);
      } else if (c < 0x800) {
        out += {static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 0x3f))};
      } else if (c < 0x10000) {
        out += {static_cast<char>(0xe0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3f)),
                static_cast<char>(0x80 | (c & 0x3f))};
      } else {
        out += {static_cast<char>(0xf0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 0x3f)),
                static_cast<char>(0x80 | (c >> 6 & 0x3f)), static_cast<char>(0x80 | (c & 0x3f))};
      }
    }
  }
};
template <class T>
struct Filler<std::vector<T>> {
  static void fill(Random& r, std::vector<T>& out) {
    for (std::uint32_t n = r.below(6); n > 0; --n) {
      T one{};
      nest::fill(r, one);
      out.push_back(std::move(one));
    }
  }
};
template <class T>
struct Filler<std::optional<T>> {
  static void fill(Random& r, std::optional<T>& out) {
    if (r.below(3) != 0) nest::fill(r, out.emplace());
  }
};
template <class T, class E>
struct Filler<std::expected<T, E>> {
  static void fill(Random& r, std::expected<T, E>& out) {
    if (r.below(2) == 0) {
      if constexpr (!std::is_void_v<T>) nest::fill(r, *out);
    } else {
      E e{};
      nest::fill(r, e);
      out = std::unexpected(std::move(e));
    }
  }
};
template <>
struct Filler<std::monostate> {
  static void fill(Random&, std::monostate&) {}
};
template <class... Ts>
struct Filler<std::tuple<Ts...>> {
  static void fill(Random& r, std::tuple<Ts...>& out) {
    std::apply([&](Ts&... each) { (nest::fill(r, each), ...); }, out);
  }
};

}  // namespace berth::nest

#include "nest_cases.h"

namespace berth::nest {
namespace {

constexpr int kValues = 10'000;

void run(const std::string& guest_name, int integer_bits) {
  auto engine = abi::Engine::create({.max_instances = 4});
  ASSERT_TRUE(engine) << engine.error().to_string();
  auto component = abi::Component::compile(*engine, abi::rig::read_guest(guest_name));
  ASSERT_TRUE(component) << component.error().to_string();
  auto linker = abi::Linker::create(*engine);
  ASSERT_TRUE(linker);
  auto pre = linker->link(*component);
  ASSERT_TRUE(pre) << pre.error().to_string();
  auto instance = abi::Instance::create(*pre, abi::InstanceState::create(), {});
  ASSERT_TRUE(instance) << instance.error().to_string();
  auto guest = ::wit::nest::test::nest::EchoExport::create(**instance);
  ASSERT_TRUE(guest) << guest.error().to_string();
  int number = 0;
  each_case([&]<class T, auto Method>(const char* type) {
    Random random(kSeed + static_cast<std::uint64_t>(number++), integer_bits);
    for (int i = 0; i < kValues && !testing::Test::HasFatalFailure(); ++i) {
      T sent{};
      fill(random, sent);
      const auto back = ((*guest).*Method)(sent);
      ASSERT_TRUE(back) << guest_name << ", seed " << kSeed << ", type " << type << ", value " << i << ": "
                        << back.error().to_string();
      ASSERT_TRUE(*back == sent) << guest_name << ", seed " << kSeed << ", type " << type << ", value " << i
                                 << " changed";
    }
  });
  testing::Test::RecordProperty("functions", number);
  std::cout << guest_name << ": " << number << " types, " << kValues << " values each, seed " << kSeed
            << "\n";
}

TEST(Nest, ThroughC) { run("nest", 64); }
// componentize-qjs carries 64-bit integers as numbers.
TEST(Nest, ThroughJavaScript) { run("nest_js", 53); }

}  // namespace
}  // namespace berth::nest
