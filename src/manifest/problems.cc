// Problems, and how their messages are worded.
#include "manifest/problems.h"

#include <fmt/format.h>

#include <algorithm>

#include "manifest/limits.h"

namespace berth::manifest {
namespace {

// Edit distance where two neighbours swapped count as one edit ("meomry").
// Three rows are enough; keys are short.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t differs = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + differs});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

void Problems::add(Mark mark, std::string message) {
  if (errors_.size() >= kMaxProblems) {
    ++more_;
    return;
  }
  errors_.push_back(Error(Code::kInvalidArgument, std::move(message)).at({file_, mark.line, mark.column}));
}

std::string Problems::to_string() const {
  std::string out;
  for (const Error& error : errors_) {
    const Position& at = *error.position();
    out += fmt::format("{}:{}:{}: {}\n", at.file, at.line, at.column, error.message());
  }
  if (more_ > 0) out += fmt::format("{}: {} more problems\n", file_, more_);
  return out;
}

Error Problems::to_error() const {
  Error error = errors_.front();
  if (errors_.size() == 1) return error;
  std::string rest;
  for (std::size_t i = 1; i < errors_.size(); ++i) {
    const Position& at = *errors_[i].position();
    if (i > 1) rest += '\n';
    rest += fmt::format("{}:{}:{}: {}", at.file, at.line, at.column, errors_[i].message());
  }
  if (more_ > 0) rest += fmt::format("\n{}: {} more problems", file_, more_);
  return std::move(error).with_detail(std::move(rest));
}

std::string shown(std::string_view text) {
  std::string out = "\"";
  std::size_t end = std::min(text.size(), kMaxShownBytes);
  // Not in the middle of a character.
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  for (const char c : text.substr(0, end)) {
    if (c == '\n')
      out += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  if (end < text.size()) out += "...";
  out += '"';
  return out;
}

std::string_view nearest(std::string_view text, const std::vector<std::string_view>& candidates) {
  if (text.size() > kMaxShownBytes) return {};
  std::string_view best;
  // Up to a third of the word may be wrong, and at least one letter.
  std::size_t best_distance = std::max<std::size_t>(1, text.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(text, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string suggestion(std::string_view text, const std::vector<std::string_view>& candidates) {
  if (const std::string_view near = nearest(text, candidates); !near.empty()) {
    return fmt::format("did you mean \"{}\"?", near);
  }
  if (candidates.empty()) return "nothing can be written here";
  return fmt::format("known here: {}", fmt::join(candidates, ", "));
}

}  // namespace berth::manifest
