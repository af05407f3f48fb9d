// Names in generated clients.
#include "capabilities/kubernetes/codegen/names.h"

#include <algorithm>

namespace berth::kubernetes::codegen {
namespace {

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }
char upper(char c) { return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c; }

// C++'s keywords and alternative tokens, common macros, and the methods of Object and View that a field must
// not hide.
constexpr std::string_view kTaken[] = {
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "assert",
    "at",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "boolean",
    "break",
    "case",
    "catch",
    "char",
    "class",
    "co_await",
    "co_return",
    "co_yield",
    "compl",
    "concept",
    "const",
    "const_cast",
    "consteval",
    "constexpr",
    "constinit",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "errno",
    "exists",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "integer",
    "is_string",
    "linux",
    "long",
    "major",
    "minor",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "not_eq",
    "nullptr",
    "number",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "public",
    "register",
    "reinterpret_cast",
    "requires",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_assert",
    "static_cast",
    "stderr",
    "stdin",
    "stdout",
    "string",
    "struct",
    "switch",
    "take",
    "template",
    "text",
    "this",
    "thread_local",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "union",
    "unix",
    "unsigned",
    "using",
    "view",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
};
static_assert(std::ranges::is_sorted(kTaken));

}  // namespace

std::string cpp_method(std::string_view json) {
  std::string out;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (!is_upper(c) && !is_lower(c) && !is_digit(c)) {
      if (!out.empty() && out.back() != '_') out += '_';
      continue;
    }
    // A word begins at a capital after a small letter, and at the last of several capitals before one; a
    // plural's s belongs to its capitals.
    const bool after_lower = i > 0 && (is_lower(json[i - 1]) || is_digit(json[i - 1]));
    const bool plural =
        i + 1 < json.size() && json[i + 1] == 's' && (i + 2 == json.size() || is_upper(json[i + 2]));
    const bool before_lower =
        i > 0 && is_upper(json[i - 1]) && i + 1 < json.size() && is_lower(json[i + 1]) && !plural;
    if (is_upper(c) && (after_lower || before_lower) && !out.empty() && out.back() != '_') out += '_';
    out += lower(c);
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  if (out.empty() || is_digit(out.front())) out.insert(0, "field_");
  if (std::ranges::binary_search(kTaken, out)) out += '_';
  return out;
}

std::string type_name(std::string_view text) {
  std::string out;
  bool capital = true;
  for (const char c : text) {
    if (!is_upper(c) && !is_lower(c) && !is_digit(c)) {
      capital = true;
      continue;
    }
    out += capital ? upper(c) : c;
    capital = false;
  }
  if (out.empty() || is_digit(out.front())) out.insert(0, "T");
  return out;
}

std::string go_method(std::string_view json) {
  std::string out = type_name(json);
  // What a View has.
  for (const std::string_view taken :
       {"Exists", "Text", "At", "AsString", "AsBool", "AsInt", "AsFloat", "All", "Get", "View", "Object"})
    if (out == taken) out += '_';
  return out;
}

std::string singular(std::string_view plural) {
  if (plural.ends_with("ies") && plural.size() > 4)
    return std::string(plural.substr(0, plural.size() - 3)) + "y";
  if (plural.ends_with("sses") || plural.ends_with("xes") || plural.ends_with("ches"))
    return std::string(plural.substr(0, plural.size() - 2));
  if (plural.ends_with("s") && !plural.ends_with("ss") && !plural.ends_with("us"))
    return std::string(plural.substr(0, plural.size() - 1));
  return std::string(plural) + "Item";
}

std::string plural_of_kind(std::string_view kind, std::string_view plural) {
  // As far as the two agree the kind has the capitals, the rest is the plural's: Ingress, ingresses.
  std::size_t same = 0;
  while (same < kind.size() && same < plural.size() && lower(kind[same]) == plural[same]) ++same;
  return std::string(kind.substr(0, same)) + std::string(plural.substr(same));
}

}  // namespace berth::kubernetes::codegen
