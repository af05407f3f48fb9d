// Family: names, attributes and the budget of series.
#include "capabilities/metrics/family.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "capabilities/metrics/limits.h"

namespace berth::metrics {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Result<std::string> clean_name(std::string_view name, std::string_view what) {
  const bool good = !name.empty() && name.size() <= kMaxNameBytes && !is_digit(name.front()) &&
                    std::ranges::all_of(name, [](char c) {
                      return is_letter(c) || is_digit(c) || c == '_' || c == '.' || c == '-';
                    });
  if (!good)
    return fail(
        Code::kInvalidArgument,
        fmt::format("the {} is wrong: write 1 to {} letters, digits, _, . or -, not beginning with a digit",
                    what, kMaxNameBytes));
  std::string out(name);
  std::ranges::replace_if(out, [](char c) { return c == '.' || c == '-'; }, '_');
  return out;
}

Result<telemetry::Labels> labels_of(Attributes attributes) {
  if (attributes.size() > kMaxAttributes)
    return fail(Code::kInvalidArgument,
                fmt::format("{} attributes; {} is the most", attributes.size(), kMaxAttributes));
  telemetry::Labels labels;
  labels.reserve(attributes.size());
  for (const auto& [name, value] : attributes) {
    if (value.size() > kMaxValueBytes)
      return fail(Code::kInvalidArgument, fmt::format("an attribute's value has {} bytes; {} is the most",
                                                      value.size(), kMaxValueBytes));
    labels.emplace_back(BERTH_TRY(clean_name(name, "name of an attribute")), value);
  }
  std::ranges::sort(labels);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::string& name = labels[i].first;
    if (i > 0 && labels[i - 1].first == name)
      return fail(Code::kInvalidArgument, fmt::format("the attribute {} is given twice", name));
    // le and quantile are Prometheus's own, and so is everything that begins with two underscores.
    if (name == "workload" || name == "le" || name == "quantile" || name.starts_with("__"))
      return fail(Code::kInvalidArgument,
                  fmt::format("the attribute name {} is taken; choose another", name));
  }
  return labels;
}

Result<void> expect_same_names(const telemetry::Labels& first, const telemetry::Labels& labels) {
  const auto name = [](const auto& label) -> const std::string& { return label.first; };
  if (std::ranges::equal(first, labels, {}, name, name)) return {};
  std::vector<std::string_view> names;
  for (const auto& label : first) names.push_back(label.first);
  return fail(Code::kAlreadyExists, fmt::format("this metric began with the attributes [{}]; use the same",
                                                fmt::join(names, ", ")));
}

Result<void> SeriesBudget::take() {
  if (used_.fetch_add(1, std::memory_order_relaxed) < kMaxSeries) return {};
  give_back();
  if (!told_.exchange(true))
    services_.log.warn(
        "the guest asks for more metric series than a workload may have; further ones are refused",
        {{"workload", services_.workload}, {"capability", "metrics"}, {"series", kMaxSeries}});
  return fail(Code::kResourceExhausted,
              fmt::format("this workload has {} series, the most there may be: use fewer attribute values",
                          kMaxSeries));
}

}  // namespace berth::metrics
