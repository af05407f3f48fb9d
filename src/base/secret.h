// Secret: a text that is used, never shown.
#pragma once

#include <string.h>

#include <string>
#include <string_view>
#include <utility>

namespace berth {

// A token, password or private key. It has no conversion to text and no formatter, so that it reaches
// a log, an error or an event only where somebody wrote reveal(). Its memory is wiped when it goes.
// Value type; threads: none.
class Secret final {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  // Moving swaps, so that a short text inside the string object is not left behind.
  Secret(Secret&& other) noexcept { text_.swap(other.text_); }
  Secret& operator=(Secret other) noexcept {
    text_.swap(other.text_);
    return *this;
  }
  ~Secret() { ::explicit_bzero(text_.data(), text_.size()); }

  [[nodiscard]] bool empty() const { return text_.empty(); }
  // For the one place that sends or uses it. Lives as long as this.
  [[nodiscard]] const std::string& reveal() const { return text_; }

 private:
  std::string text_;
};

}  // namespace berth
