// Redaction: copies an object member by member where something may be hidden in it, and as it is elsewhere.
#include "capabilities/kubernetes/wire/redaction.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "capabilities/kubernetes/limits.h"
#include "capabilities/kubernetes/wire/json.h"

namespace berth::kubernetes {
namespace {

constexpr std::string_view kAny = "*";

// A path, and how many of its parts lead to where the copy is.
struct Trace {
  const RedactedPath* path;
  std::size_t passed;
};
using Traces = std::vector<Trace>;

class Copy {
 public:
  Copy(JsonScan& scan, std::string& out) : scan_(scan), out_(out) {}

  // One value. Recursion ends with the paths: kMaxPathParts, and as many lists as JSON may be deep.
  [[nodiscard]] bool value(const Traces& traces) {
    const char c = scan_.peek();
    if (traces.empty() || (c != '{' && c != '[')) {
      std::string_view raw;
      if (!scan_.skip(raw)) return false;
      out_ += raw;
      return true;
    }
    return c == '{' ? object(traces) : list(traces);
  }

 private:
  bool object(const Traces& traces) {
    if (!scan_.enter('{')) return false;
    out_ += '{';
    bool first = true;
    std::string unescaped;
    for (std::string_view key; scan_.member(key);) {
      // What is no text is no name of a path either.
      const bool text = !key.contains('\\') || unescape(key, unescaped);
      const std::string_view name = key.contains('\\') ? std::string_view(unescaped) : key;
      Traces inner;
      bool hidden = false;
      for (const Trace& trace : traces) {
        const std::string& part = trace.path->parts()[trace.passed];
        if (part != kAny && !(text && part == name)) continue;
        if (trace.passed + 1 == trace.path->parts().size()) hidden = true;
        inner.push_back({trace.path, trace.passed + 1});
      }
      std::string_view raw;
      if (hidden) {
        if (!scan_.skip(raw)) return false;
        continue;
      }
      if (!std::exchange(first, false)) out_ += ',';
      out_ += '"';
      out_ += key;
      out_ += "\":";
      if (!value(inner)) return false;
    }
    out_ += '}';
    return scan_.ok();
  }
  bool list(const Traces& traces) {
    if (!scan_.enter('[')) return false;
    out_ += '[';
    for (bool first = true; scan_.element();) {
      if (!std::exchange(first, false)) out_ += ',';
      if (!value(traces)) return false;
    }
    out_ += ']';
    return scan_.ok();
  }

  JsonScan& scan_;
  std::string& out_;
};

constexpr const char* kOfSecrets[] = {
    "data", "stringData", "metadata.annotations[\"kubectl.kubernetes.io/last-applied-configuration\"]"};

std::vector<RedactedPath> paths_of_secrets() {
  std::vector<RedactedPath> out;
  for (const char* text : kOfSecrets) out.push_back(RedactedPath::parse(text).value());
  return out;
}

}  // namespace

Result<RedactedPath> RedactedPath::parse(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return fail(Code::kInvalidArgument,
                fmt::format("\"{}\": {}; write such as spec.containers[*].env[*].value or "
                            "metadata.annotations[\"example.org/key\"]",
                            text, why));
  };
  RedactedPath out;
  std::string_view rest = text;
  while (!rest.empty()) {
    if (rest.starts_with("[*]")) {
      if (out.parts_.empty()) return bad("begins with a list");
      rest.remove_prefix(3);
      continue;
    }
    std::string part;
    if (rest.starts_with("[\"")) {
      const std::size_t end = rest.find("\"]", 2);
      if (end == std::string_view::npos) return bad("a [\" has no \"]");
      part = rest.substr(2, end - 2);
      rest.remove_prefix(end + 2);
    } else {
      if (!out.parts_.empty()) {
        if (rest.front() != '.') return bad("a . is missing");
        rest.remove_prefix(1);
      }
      const std::size_t end = std::min(rest.find_first_of(".["), rest.size());
      part = rest.substr(0, end);
      rest.remove_prefix(end);
    }
    if (part.empty()) return bad("a name is missing");
    out.parts_.push_back(std::move(part));
    if (out.parts_.size() > kMaxPathParts) return bad("it has too many parts");
  }
  if (out.parts_.empty()) return bad("it names nothing");
  // Without these an object is none any more.
  const auto& p = out.parts_;
  const bool identity = p[0] == "apiVersion" || p[0] == "kind" || p[0] == kAny ||
                        (p[0] == "metadata" &&
                         (p.size() == 1 || (p.size() == 2 && (p[1] == "name" || p[1] == "namespace" ||
                                                              p[1] == "resourceVersion" || p[1] == kAny))));
  if (identity) return bad("an object cannot be without it");
  return out;
}

const Redaction& Redaction::of_secrets() {
  static const Redaction secrets(paths_of_secrets());
  return secrets;
}

Result<void> Redaction::apply(std::string_view object, std::string& out) const {
  JsonScan scan(object);
  Traces traces;
  for (const RedactedPath& one : paths_) traces.push_back({&one, 0});
  if (!Copy(scan, out).value(traces) || !scan.end()) return fail(scan.error());
  return {};
}

bool Redaction::hides_field_of(std::string_view field_selector) const {
  const auto hides = [&](std::string_view field) {
    return std::ranges::any_of(paths_, [&](const RedactedPath& one) {
      std::string_view rest = field;
      for (const std::string& part : one.parts()) {
        const std::size_t end = std::min(rest.find_first_of(".["), rest.size());
        if (part != kAny && rest.substr(0, end) != part) return false;
        // A selector of the whole tells the part.
        if (end == rest.size()) return true;
        rest.remove_prefix(end + 1);
      }
      return true;
    });
  };
  while (!field_selector.empty()) {
    const std::size_t comma = std::min(field_selector.find(','), field_selector.size());
    std::string_view term = field_selector.substr(0, comma);
    term = term.substr(0, term.find_first_of("=!"));
    while (term.starts_with(' ')) term.remove_prefix(1);
    while (term.ends_with(' ')) term.remove_suffix(1);
    if (hides(term)) return true;
    field_selector.remove_prefix(std::min(comma + 1, field_selector.size()));
  }
  return false;
}

bool Redaction::hides_secrets() const {
  return std::ranges::all_of(of_secrets().paths_, [this](const RedactedPath& one) {
    return std::ranges::find(paths_, one.parts(), &RedactedPath::parts) != paths_.end();
  });
}

bool Redaction::hides_labels() const {
  return std::ranges::any_of(paths_, [](const RedactedPath& one) {
    const auto& parts = one.parts();
    return parts.size() > 1 && parts[0] == "metadata" && (parts[1] == "labels" || parts[1] == kAny);
  });
}

std::string Redaction::key() const {
  std::string out;
  for (const RedactedPath& one : paths_) {
    for (const std::string& part : one.parts())
      fmt::format_to(std::back_inserter(out), "{}:{}.", part.size(), part);
    out += ';';
  }
  return out;
}

Redactions::Redactions(std::map<std::string, std::vector<RedactedPath>, std::less<>> paths)
    : none_(std::make_shared<const Redaction>(std::vector<RedactedPath>())) {
  paths["secrets"];
  for (auto& [resource, written] : paths) {
    // The group does not matter: an API that serves "secrets" elsewhere serves the same.
    if (resource.substr(0, resource.find('.')) == "secrets")
      std::ranges::move(paths_of_secrets(), std::back_inserter(written));
    by_resource_.emplace(resource, std::make_shared<const Redaction>(std::move(written)));
  }
}

std::shared_ptr<const Redaction> Redactions::of(std::string_view resource) const {
  if (const auto found = by_resource_.find(resource); found != by_resource_.end()) return found->second;
  if (resource.substr(0, resource.find('.')) == "secrets") return by_resource_.find("secrets")->second;
  return none_;
}

}  // namespace berth::kubernetes
