// Redaction: what is taken out of an object before a guest sees it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace berth::kubernetes {

// One place in an object: "spec.containers[*].env[*].value", `metadata.annotations["a.example/b"]`. A `*` is
// any key; `[*]`, every item of a list, may be left out. Immutable.
class RedactedPath {
 public:
  // kInvalidArgument, with what to write instead.
  [[nodiscard]] static Result<RedactedPath> parse(std::string_view text);
  [[nodiscard]] const std::vector<std::string>& parts() const { return parts_; }  // "*" for any key

 private:
  std::vector<std::string> parts_;
};

// The places in objects of one resource. Immutable, Thread-safe.
class Redaction {
 public:
  explicit Redaction(std::vector<RedactedPath> paths) : paths_(std::move(paths)) {}
  // What is always taken out of Secrets: `data`, `stringData` and kubectl's copy of them.
  [[nodiscard]] static const Redaction& of_secrets();

  [[nodiscard]] bool empty() const { return paths_.empty(); }
  // All that of_secrets() does is done by this.
  [[nodiscard]] bool hides_secrets() const;
  // Appends `object`, one JSON value, to `out` without what is redacted. kInvalidArgument: it is no JSON.
  [[nodiscard]] Result<void> apply(std::string_view object, std::string& out) const;
  // True when a selector would ask about what is hidden: "spec.x=1" tells x as well as reading it does.
  [[nodiscard]] bool hides_field_of(std::string_view field_selector) const;
  [[nodiscard]] bool hides_labels() const;
  // The same text for the same paths.
  [[nodiscard]] std::string key() const;

 private:
  std::vector<RedactedPath> paths_;
};

// By resource ("pods", "deployments.apps"); Secrets are always among them.
class Redactions {
 public:
  explicit Redactions(std::map<std::string, std::vector<RedactedPath>, std::less<>> paths);
  // Lives as long as this; for a resource that none was written for, an empty one.
  [[nodiscard]] std::shared_ptr<const Redaction> of(std::string_view resource) const;

 private:
  std::map<std::string, std::shared_ptr<const Redaction>, std::less<>> by_resource_;
  std::shared_ptr<const Redaction> none_;
};

}  // namespace berth::kubernetes
