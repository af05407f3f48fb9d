// Problems: everything found wrong with one manifest.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "manifest/value.h"

namespace berth::manifest {

// Collects errors with their positions, up to kMaxProblems; the rest is counted.
// One thread at a time.
class Problems {
 public:
  explicit Problems(std::string file) : file_(std::move(file)) {}

  // `message` says what is wrong and what to write instead.
  void add(Mark mark, std::string message);

  [[nodiscard]] bool empty() const { return errors_.empty(); }
  // In the order they were found; each has a position.
  [[nodiscard]] const std::vector<Error>& errors() const { return errors_; }
  // Found but not kept.
  [[nodiscard]] std::size_t more() const { return more_; }
  [[nodiscard]] const std::string& file() const { return file_; }

  // One line each: "file:line:column: message".
  [[nodiscard]] std::string to_string() const;
  // All of it as one error at the first problem's position. Only when not empty.
  [[nodiscard]] Error to_error() const;

 private:
  std::string file_;
  std::vector<Error> errors_;
  std::size_t more_ = 0;
};

// `text` as it is shown in a message: quoted, on one line, cut when long.
[[nodiscard]] std::string shown(std::string_view text);

// The candidate closest to `text` by edit distance, or "" when none is near enough to be meant.
[[nodiscard]] std::string_view nearest(std::string_view text,
                                       const std::vector<std::string_view>& candidates);

// "did you mean X?", or the list of what is known.
[[nodiscard]] std::string suggestion(std::string_view text, const std::vector<std::string_view>& candidates);

}  // namespace berth::manifest
