// What a C++ gatherer is made of: a table of gatherers, and what each is given while it runs.
#pragma once

#include <cstdint>
#include <expected>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "kube.h"

namespace gather {

namespace wit_records = ::berth::gather::records;

// One gathering. One thread at a time.
class Run {
 public:
  Run(wit_records::Output& out, kube::View parameters) : out_(out), parameters_(parameters) {}

  // What a rule or the manifest says.
  [[nodiscard]] kube::View parameter(std::string_view name) const { return parameters_.at(name); }

  // False: the archive takes no more, so stop. The host notes it.
  [[nodiscard]] bool put(std::string_view path, wit::vector<std::uint8_t> content) {
    const auto done = out_.Put({wit::string::from_view(path), std::move(content), std::nullopt, false});
    return done || !std::holds_alternative<wit_records::Refusal::Full>(done.error().variants);
  }
  [[nodiscard]] bool put(std::string_view path, std::string_view content) {
    auto bytes = wit::vector<std::uint8_t>::allocate(content.size());
    if (!content.empty()) __builtin_memcpy(bytes.data(), content.data(), content.size());
    return put(path, std::move(bytes));
  }
  void warning(std::string_view text, std::optional<std::string_view> path = {}) { out_.Warning(path, text); }
  void error(std::string_view text, std::optional<std::string_view> path = {}) { out_.Error(path, text); }

 private:
  wit_records::Output& out_;
  kube::View parameters_;
};

// An error ends the gatherer: nothing more could be gathered.
using Outcome = std::expected<void, std::string>;

struct Record {
  std::string_view path;
  std::string_view text;
};

// One gatherer. Literals only.
struct Gatherer {
  std::string_view name;
  std::string_view text;
  std::initializer_list<Record> records;
  Outcome (*run)(Run&, const Gatherer&);
  bool by_rule = false;
};

// What the component holds; each component defines it.
std::span<const Gatherer> gatherers();

// "pods could not be listed: …"
inline std::unexpected<std::string> failed(std::string_view what, const kube::Error& error) {
  std::string text(what);
  text += ": ";
  text += kube::text_of(error);
  return std::unexpected(std::move(text));
}

// Fills {namespace} and {name} in.
inline std::string path_of(std::string_view pattern, std::string_view namespace_, std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const auto rest = pattern.substr(i);
    if (rest.starts_with("{namespace}")) {
      out += namespace_;
      i += 10;
    } else if (rest.starts_with("{name}")) {
      out += name;
      i += 5;
    } else {
      out += pattern[i];
    }
  }
  return out;
}

}  // namespace gather
