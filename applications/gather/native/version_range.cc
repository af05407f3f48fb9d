// VersionRange: reading and comparing.
#include "applications/gather/native/version_range.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace berth::gather {

namespace {

// A version has three numbers and some words.
constexpr std::size_t kMaxVersionBytes = 128;
constexpr std::size_t kMaxExpressionBytes = 64;

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (!is_number(text) || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return out;
}

std::vector<std::string_view> split(std::string_view text, std::string_view by) {
  std::vector<std::string_view> out;
  for (;;) {
    const std::size_t at = text.find(by);
    out.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + by.size());
  }
}

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
}

int compare_words(const std::string& a, const std::string& b) {
  const bool a_number = is_number(a);
  const bool b_number = is_number(b);
  if (a_number != b_number) return a_number ? -1 : 1;
  if (a_number && a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

auto refuse(std::string_view what, std::string_view why) {
  return fail(Code::kInvalidArgument, fmt::format("\"{}\": {}", what.substr(0, kMaxVersionBytes), why));
}

}  // namespace

Result<SemanticVersion> SemanticVersion::parse(std::string_view text) {
  const std::string_view whole = text;
  if (text.size() > kMaxVersionBytes) return refuse(whole, "too long for a version");
  if (text.starts_with('v')) text.remove_prefix(1);
  if (const std::size_t plus = text.find('+'); plus != std::string_view::npos) {
    for (const std::string_view word : split(text.substr(plus + 1), "."))
      if (!is_word(word)) return refuse(whole, "what follows + is not what versions have");
    text = text.substr(0, plus);
  }
  SemanticVersion out;
  if (const std::size_t minus = text.find('-'); minus != std::string_view::npos) {
    for (const std::string_view word : split(text.substr(minus + 1), ".")) {
      if (!is_word(word) || (is_number(word) && !number(word)))
        return refuse(whole, "what follows - is not what versions have");
      out.pre.emplace_back(word);
    }
    text = text.substr(0, minus);
  }
  const auto parts = split(text, ".");
  if (parts.size() != out.numbers.size()) return refuse(whole, "a version has three numbers, such as 4.17.3");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto n = number(parts[i]);
    if (!n) return refuse(whole, "a version has three numbers, such as 4.17.3");
    out.numbers[i] = *n;
  }
  return out;
}

int SemanticVersion::compare(const SemanticVersion& a, const SemanticVersion& b) {
  if (a.numbers != b.numbers) return a.numbers < b.numbers ? -1 : 1;
  if (a.pre.empty() != b.pre.empty()) return a.pre.empty() ? 1 : -1;
  for (std::size_t i = 0; i < std::min(a.pre.size(), b.pre.size()); ++i) {
    if (const int order = compare_words(a.pre[i], b.pre[i]); order != 0) return order;
  }
  if (a.pre.size() == b.pre.size()) return 0;
  return a.pre.size() < b.pre.size() ? -1 : 1;
}

bool VersionRange::Comparison::holds(const SemanticVersion& version) const {
  const bool below = SemanticVersion::compare(version, low) < 0;
  const bool above =
      high ? SemanticVersion::compare(version, *high) >= 0 : SemanticVersion::compare(version, low) > 0;
  switch (op) {
    case Op::kEqual: return !below && !above;
    case Op::kNotEqual: return below || above;
    case Op::kLess: return below;
    case Op::kLessOrEqual: return !above;
    case Op::kGreater: return above;
    case Op::kGreaterOrEqual: return !below;
  }
  return false;
}

Result<VersionRange::Comparison> VersionRange::comparison(std::string_view text) {
  constexpr std::pair<std::string_view, Op> kOps[] = {
      {"==", Op::kEqual}, {"!=", Op::kNotEqual}, {"<=", Op::kLessOrEqual}, {">=", Op::kGreaterOrEqual},
      {"=", Op::kEqual},  {"!", Op::kNotEqual},  {"<", Op::kLess},         {">", Op::kGreater},
  };
  Comparison out;
  std::string_view version = text;
  for (const auto& [name, op] : kOps) {
    if (!text.starts_with(name)) continue;
    out.op = op;
    version = text.substr(name.size());
    break;
  }
  const auto parts = split(version, ".");
  const auto is_any = [](std::string_view part) { return part == "x" || part == "X" || part == "*"; };
  const auto wild = std::ranges::find_if(parts, is_any);
  if (wild == parts.end()) {
    out.low = BERTH_TRY(SemanticVersion::parse(version));
    return out;
  }
  const auto given = static_cast<std::size_t>(wild - parts.begin());
  if (given == 0 || parts.size() > 3 || !std::all_of(wild, parts.end(), is_any))
    return refuse(text, "x stands for the last numbers of a version, such as 4.17.x");
  for (std::size_t i = 0; i < given; ++i) {
    const auto n = number(parts[i]);
    if (!n) return refuse(text, "a version has numbers before its x");
    out.low.numbers[i] = *n;
  }
  out.high = out.low;
  ++out.high->numbers[given - 1];
  return out;
}

Result<VersionRange> VersionRange::parse(std::string_view text) {
  if (text.size() > kMaxExpressionBytes) return refuse(text, "at most 64 bytes");
  VersionRange out;
  for (const std::string_view side : split(text, "||")) {
    auto& all = out.any_of_all_.emplace_back();
    std::string_view op;  // that stands apart from its version
    for (const std::string_view word : split(side, " ")) {
      if (word.empty()) continue;
      if (word.find_first_not_of("=!<>") == std::string_view::npos && op.empty()) {
        op = word;
        continue;
      }
      all.push_back(BERTH_TRY(comparison(std::string(op).append(word))));
      op = {};
    }
    if (all.empty() || !op.empty()) return refuse(text, "write for example \">=4.16.0 <4.18.0 || 4.20.x\"");
  }
  return out;
}

bool VersionRange::holds(const SemanticVersion& version) const {
  return std::ranges::any_of(any_of_all_, [&](const auto& all) {
    return std::ranges::all_of(all, [&](const Comparison& c) { return c.holds(version); });
  });
}

bool VersionRange::matches(const SemanticVersion& version) const {
  if (holds(version)) return true;
  SemanticVersion release = version;
  release.pre.clear();
  return holds(release);
}

}  // namespace berth::gather
