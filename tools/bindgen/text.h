// Text: the growing header, with the namespace it is in.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace berth::bindgen {

class Text {
 public:
  void line(std::string_view text) { out_.append(text).push_back('\n'); }
  // Closes the open namespace if it is another, and opens `name`; "" only closes.
  void space(const std::string& name) {
    if (name == space_) return;
    if (!space_.empty()) line("}  // namespace " + space_ + "\n");
    if (!name.empty()) line("namespace " + name + " {\n");
    space_ = name;
  }
  void docs(std::string_view docs, std::string_view indent = "") {
    while (!docs.empty()) {
      const std::size_t end = docs.find('\n');
      std::string_view one = docs.substr(0, end);
      while (one.ends_with(' ') || one.ends_with('\r') || one.ends_with('\\')) one.remove_suffix(1);
      line(std::string(indent) + (one.empty() ? "//" : "// ") + std::string(one));
      docs = end == std::string_view::npos ? std::string_view() : docs.substr(end + 1);
    }
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  std::string out_;
  std::string space_;
};

}  // namespace berth::bindgen
