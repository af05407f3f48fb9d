// WIT names as C++ names: keywords and macros.
#include "bindgen/names.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace berth::bindgen {

namespace {

// Keywords of C++23, alternative tokens, and macros that standard headers define in lower case.
constexpr std::array kClaimed = std::to_array<std::string_view>({
    "alignas",      "alignof",
    "and",          "and_eq",
    "asm",          "assert",
    "auto",         "bitand",
    "bitor",        "bool",
    "break",        "case",
    "catch",        "char",
    "char16_t",     "char32_t",
    "char8_t",      "class",
    "co_await",     "co_return",
    "co_yield",     "compl",
    "concept",      "const",
    "const_cast",   "consteval",
    "constexpr",    "constinit",
    "continue",     "decltype",
    "default",      "delete",
    "do",           "double",
    "dynamic_cast", "else",
    "enum",         "errno",
    "explicit",     "export",
    "extern",       "false",
    "float",        "for",
    "friend",       "goto",
    "i386",         "if",
    "inline",       "int",
    "linux",        "long",
    "major",        "minor",
    "mutable",      "namespace",
    "new",          "noexcept",
    "not",          "not_eq",
    "nullptr",      "offsetof",
    "operator",     "or",
    "or_eq",        "private",
    "protected",    "public",
    "register",     "reinterpret_cast",
    "requires",     "return",
    "setjmp",       "short",
    "signed",       "sizeof",
    "static",       "static_assert",
    "static_cast",  "std",
    "stderr",       "stdin",
    "stdout",       "struct",
    "switch",       "template",
    "this",         "thread_local",
    "throw",        "true",
    "try",          "typedef",
    "typeid",       "typename",
    "union",        "unix",
    "unsigned",     "using",
    "va_arg",       "va_end",
    "va_start",     "virtual",
    "void",         "volatile",
    "wchar_t",      "while",
    "xor",          "xor_eq",
});

}  // namespace

std::string snake(std::string_view wit) {
  std::string out;
  for (const char c : wit)
    out += c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (std::ranges::find(kClaimed, out) != kClaimed.end()) out += '_';
  return out;
}

std::string pascal(std::string_view wit) {
  std::string out;
  bool start = true;
  for (const char c : wit) {
    if (c == '-') {
      // Two words of digits must not run together: "a-1-2" and "a-12" differ.
      start = true;
      continue;
    }
    const auto u = static_cast<unsigned char>(c);
    if (start && !out.empty() && std::isdigit(u) != 0) out += '_';
    out += static_cast<char>(start ? std::toupper(u) : std::tolower(u));
    start = false;
  }
  return out;
}

}  // namespace berth::bindgen
