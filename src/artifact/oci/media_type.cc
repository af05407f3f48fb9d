// Content-Type by RFC 6838 and RFC 9110.
#include "artifact/oci/media_type.h"

#include <fmt/format.h>

namespace berth::artifact::oci {
namespace {

// RFC 6838: a restricted-name has at most 127 characters.
constexpr std::size_t kMaxName = 127;

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > kMaxName || !is_letter_or_digit(text.front())) return false;
  return text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789!#$&-^_.+") == std::string_view::npos;
}

}  // namespace

Result<std::string> media_type(std::string_view content_type) {
  std::string_view text = content_type.substr(0, content_type.find(';'));
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const std::size_t slash = out.find('/');
  if (slash == std::string::npos || !is_name(std::string_view(out).substr(0, slash)) ||
      !is_name(std::string_view(out).substr(slash + 1))) {
    return fail(Code::kInvalidArgument, fmt::format("\"{}\" is no media type", text.substr(0, 2 * kMaxName)));
  }
  return out;
}

}  // namespace berth::artifact::oci
