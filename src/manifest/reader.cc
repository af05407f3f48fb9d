// MapReader and the scalar readers.
#include "manifest/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace berth::manifest {
namespace {

std::string_view kind_name(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull: return "nothing";
    case Value::Kind::kScalar: return "a text";
    case Value::Kind::kList: return "a list";
    case Value::Kind::kMap: return "a map";
  }
  return "something else";
}

bool expect_scalar(const Value& value, const std::string& path, Problems& problems, std::string_view wanted) {
  if (value.is_scalar()) return true;
  problems.add(value.mark(), fmt::format("{}: expected {}, found {}", path, wanted, kind_name(value)));
  return false;
}

// Takes the value of a parser's Result, or adds its message.
template <class T>
std::optional<T> take(Result<T> result, const Value& value, const std::string& path, Problems& problems) {
  if (result) return std::move(*result);
  problems.add(value.mark(), fmt::format("{}: {}", path, result.error().message()));
  return std::nullopt;
}

template <class T, class Format>
std::optional<T> in_range(std::optional<T> value, T min, T max, const Value& at, const std::string& path,
                          Problems& problems, Format format) {
  if (!value || (*value >= min && *value <= max)) return value;
  problems.add(at.mark(), fmt::format("{}: {} is out of range; write {} to {}", path, format(*value),
                                      format(min), format(max)));
  return std::nullopt;
}

}  // namespace

std::optional<std::string> read_text(const Value& value, const std::string& path, Problems& problems) {
  if (!expect_scalar(value, path, problems, "a text")) return std::nullopt;
  return value.text();
}

std::optional<bool> read_bool(const Value& value, const std::string& path, Problems& problems) {
  if (!expect_scalar(value, path, problems, "true or false")) return std::nullopt;
  if (value.text() == "true") return true;
  if (value.text() == "false") return false;
  problems.add(value.mark(),
               fmt::format("{}: {} is neither; write true or false", path, shown(value.text())));
  return std::nullopt;
}

std::optional<std::int64_t> read_integer(const Value& value, const std::string& path, Problems& problems,
                                         std::int64_t min, std::int64_t max) {
  if (!expect_scalar(value, path, problems, "a number")) return std::nullopt;
  const std::string& text = value.text();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < min || number > max) {
    problems.add(value.mark(), fmt::format("{}: {} does not do; write a whole number from {} to {}", path,
                                           shown(text), min, max));
    return std::nullopt;
  }
  return number;
}

std::optional<std::uint64_t> read_bytes(const Value& value, const std::string& path, Problems& problems,
                                        std::uint64_t min, std::uint64_t max) {
  if (!expect_scalar(value, path, problems, "a size such as 64MiB")) return std::nullopt;
  return in_range(take(parse_bytes(value.text()), value, path, problems), min, max, value, path, problems,
                  format_bytes);
}

std::optional<std::chrono::milliseconds> read_duration(const Value& value, const std::string& path,
                                                       Problems& problems, std::chrono::milliseconds min,
                                                       std::chrono::milliseconds max) {
  if (!expect_scalar(value, path, problems, "a duration such as 30s")) return std::nullopt;
  return in_range(take(parse_duration(value.text()), value, path, problems), min, max, value, path, problems,
                  format_duration);
}

std::optional<double> read_percent(const Value& value, const std::string& path, Problems& problems) {
  if (!expect_scalar(value, path, problems, "a percentage such as 5%")) return std::nullopt;
  return take(parse_percent(value.text()), value, path, problems);
}

std::optional<Endpoint> read_endpoint(const Value& value, const std::string& path, Problems& problems) {
  if (!expect_scalar(value, path, problems, "an address such as 127.0.0.1:3500")) return std::nullopt;
  return take(parse_endpoint(value.text()), value, path, problems);
}

std::optional<std::size_t> read_one_of(const Value& value, const std::string& path, Problems& problems,
                                       const std::vector<std::string_view>& names) {
  const std::string wanted = fmt::format("one of {}", fmt::join(names, ", "));
  if (!expect_scalar(value, path, problems, wanted)) return std::nullopt;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (value.text() == names[i]) return i;
  }
  problems.add(value.mark(),
               fmt::format("{}: {} is not known here; write {}", path, shown(value.text()), wanted));
  return std::nullopt;
}

std::vector<std::string> read_text_list(const Value& value, const std::string& path, Problems& problems) {
  std::vector<std::string> out;
  if (value.is_scalar()) {
    out.push_back(value.text());
  } else if (value.is_list()) {
    for (std::size_t i = 0; i < value.items().size(); ++i) {
      if (auto text = read_text(value.items()[i], fmt::format("{}[{}]", path, i), problems)) {
        out.push_back(std::move(*text));
      }
    }
  } else {
    problems.add(value.mark(),
                 fmt::format("{}: expected a list such as [a, b], found {}", path, kind_name(value)));
  }
  return out;
}

void refuse_unknown(const Value& map, const std::vector<std::string_view>& known, const std::string& path,
                    Problems& problems) {
  for (const Value::Entry& entry : map.entries()) {
    if (std::ranges::find(known, entry.key) != known.end()) continue;
    problems.add(entry.key_mark,
                 fmt::format("{}: no key {}; {}", path, shown(entry.key), suggestion(entry.key, known)));
  }
}

MapReader::MapReader(const Value& value, const Section& section, std::string path, Problems& problems)
    : value_(value), section_(section), path_(std::move(path)), problems_(problems) {
  std::vector<std::string_view> known;
  for (const Key& key : section_.keys) known.push_back(key.name);
  if (is_map()) {
    refuse_unknown(value_, known, path_, problems_);
    return;
  }
  problems_.add(value_.mark(),
                fmt::format("{}: expected a map with {}, found {}", path_,
                            known.empty() ? "no keys, {}" : fmt::format("{}", fmt::join(known, ", ")),
                            kind_name(value_)));
}

const Value* MapReader::require(std::string_view key) {
  const Value* found = get(key);
  if (found == nullptr && is_map()) {
    std::string_view example;
    for (const Key& k : section_.keys) {
      if (k.name == key) example = k.example;
    }
    problems_.add(value_.mark(), fmt::format("{}: the key {} is missing; write for example \"{}: {}\"", path_,
                                             key, key, example));
  }
  return found;
}

void MapReader::problem(Mark mark, std::string_view key, std::string_view message) {
  problems_.add(mark, fmt::format("{}: {}", path_of(key), message));
}

std::optional<std::string> MapReader::text(std::string_view key) {
  const Value* v = get(key);
  return v == nullptr ? std::nullopt : read_text(*v, path_of(key), problems_);
}
std::optional<bool> MapReader::boolean(std::string_view key) {
  const Value* v = get(key);
  return v == nullptr ? std::nullopt : read_bool(*v, path_of(key), problems_);
}
std::optional<std::int64_t> MapReader::integer(std::string_view key, std::int64_t min, std::int64_t max) {
  const Value* v = get(key);
  return v == nullptr ? std::nullopt : read_integer(*v, path_of(key), problems_, min, max);
}
std::optional<std::uint64_t> MapReader::bytes(std::string_view key, std::uint64_t min, std::uint64_t max) {
  const Value* v = get(key);
  return v == nullptr ? std::nullopt : read_bytes(*v, path_of(key), problems_, min, max);
}
std::optional<std::chrono::milliseconds> MapReader::duration(std::string_view key,
                                                             std::chrono::milliseconds min,
                                                             std::chrono::milliseconds max) {
  const Value* v = get(key);
  return v == nullptr ? std::nullopt : read_duration(*v, path_of(key), problems_, min, max);
}
std::optional<double> MapReader::percent(std::string_view key) {
  const Value* v = get(key);
  return v == nullptr ? std::nullopt : read_percent(*v, path_of(key), problems_);
}
std::optional<Endpoint> MapReader::endpoint(std::string_view key) {
  const Value* v = get(key);
  return v == nullptr ? std::nullopt : read_endpoint(*v, path_of(key), problems_);
}
std::optional<std::size_t> MapReader::one_of(std::string_view key,
                                             const std::vector<std::string_view>& names) {
  const Value* v = get(key);
  return v == nullptr ? std::nullopt : read_one_of(*v, path_of(key), problems_, names);
}
std::vector<std::string> MapReader::text_list(std::string_view key) {
  const Value* v = get(key);
  return v == nullptr ? std::vector<std::string>{} : read_text_list(*v, path_of(key), problems_);
}
std::vector<std::pair<std::string, std::string>> MapReader::text_map(std::string_view key) {
  std::vector<std::pair<std::string, std::string>> out;
  const Value* v = get(key);
  if (v == nullptr || v->is_null()) return out;
  if (!v->is_map()) {
    problem(v->mark(), key, fmt::format("expected a map such as {{NAME: text}}, found {}", kind_name(*v)));
    return out;
  }
  for (const Value::Entry& entry : v->entries()) {
    if (auto text = read_text(entry.value, path_of(key) + "." + entry.key, problems_)) {
      out.emplace_back(entry.key, std::move(*text));
    }
  }
  return out;
}

}  // namespace berth::manifest
