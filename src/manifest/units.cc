// Units: parsing and formatting.
#include "manifest/units.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "manifest/limits.h"
#include "manifest/problems.h"

namespace berth::manifest {
namespace {

struct Number {
  std::uint64_t value;
  std::string_view unit;
};

std::optional<Number> split(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return Number{value, text.substr(static_cast<std::size_t>(end - text.data()))};
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array kByteUnits = {Unit{"GiB", 1 << 30}, Unit{"MiB", 1 << 20}, Unit{"KiB", 1 << 10},
                                   Unit{"B", 1}};
constexpr std::array kTimeUnits = {Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1000}, Unit{"ms", 1}};

template <std::size_t N>
std::optional<std::uint64_t> scale(const Number& number, const std::array<Unit, N>& units) {
  for (const Unit& unit : units) {
    if (number.unit != unit.name) continue;
    std::uint64_t out = 0;
    if (__builtin_mul_overflow(number.value, unit.factor, &out)) return std::nullopt;
    return out;
  }
  return std::nullopt;
}

template <std::size_t N>
std::string format(std::uint64_t value, const std::array<Unit, N>& units) {
  for (const Unit& unit : units) {
    if (value >= unit.factor && value % unit.factor == 0)
      return fmt::format("{}{}", value / unit.factor, unit.name);
  }
  return fmt::format("0{}", units.back().name);
}

}  // namespace

Result<std::uint64_t> parse_bytes(std::string_view text) {
  if (auto number = split(text)) {
    if (number->unit.empty()) return number->value;
    if (const auto bytes = scale(*number, kByteUnits)) return *bytes;
    // 64MB, 64M, 64Mi and 64mib are all meant as 64MiB by somebody; ask, do not guess a thousand.
    const char letter = static_cast<char>(number->unit[0] & ~0x20);
    if (letter == 'K' || letter == 'M' || letter == 'G') {
      return fail(Code::kInvalidArgument,
                  fmt::format("{} is no size; write {}{}iB", shown(text), number->value, letter));
    }
  }
  return fail(
      Code::kInvalidArgument,
      fmt::format("{} is no size; write a number with B, KiB, MiB or GiB, such as 64MiB", shown(text)));
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto number = split(text);
  if (number && number->unit.empty()) {
    return fail(Code::kInvalidArgument,
                fmt::format("{} has no unit; write {}s, {}ms, {}m or {}h", shown(text), number->value,
                            number->value, number->value, number->value));
  }
  if (number) {
    const auto ms = scale(*number, kTimeUnits);
    if (ms && *ms <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return std::chrono::milliseconds(static_cast<std::int64_t>(*ms));
    }
  }
  return fail(Code::kInvalidArgument,
              fmt::format("{} is no duration; write a whole number with ms, s, m or h, such as 250ms or 30s",
                          shown(text)));
}

Result<double> parse_percent(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto rest = text.substr(static_cast<std::size_t>(end - text.data()));
  if (error != std::errc{} || rest != "%" || !(value >= 0 && value <= 100)) {
    return fail(Code::kInvalidArgument,
                fmt::format("{} is no percentage; write 0% to 100%, such as 5%", shown(text)));
  }
  return value / 100;
}

Result<double> parse_factor(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto rest = text.substr(static_cast<std::size_t>(end - text.data()));
  if (error != std::errc{} || rest != "x" || !(value >= 1 && value <= kMaxFactor)) {
    return fail(Code::kInvalidArgument,
                fmt::format("{} is no factor; write 1x to {}x, such as 2x", shown(text), kMaxFactor));
  }
  return value;
}

std::string Endpoint::to_string() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  const auto bad = [&] {
    return fail(
        Code::kInvalidArgument,
        fmt::format("{} is no address to listen on; write address:port, such as 127.0.0.1:3500 or [::1]:3500",
                    shown(text)));
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad();
  std::string host(text.substr(0, colon));
  const std::string_view port_text = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (error != std::errc{} || end != port_text.data() + port_text.size()) return bad();
  in6_addr address{};
  if (host == "localhost") {
    host = "127.0.0.1";
  } else if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (::inet_pton(AF_INET6, host.c_str(), &address) != 1) return bad();
  } else if (::inet_pton(AF_INET, host.c_str(), &address) != 1) {
    return bad();
  }
  return Endpoint{std::move(host), port};
}

std::string format_bytes(std::uint64_t bytes) { return format(bytes, kByteUnits); }

std::string format_duration(std::chrono::milliseconds duration) {
  return format(static_cast<std::uint64_t>(duration.count()), kTimeUnits);
}

std::string format_percent(double share) { return fmt::format("{:.10g}%", share * 100); }

std::string format_factor(double factor) { return fmt::format("{:.10g}x", factor); }

}  // namespace berth::manifest
