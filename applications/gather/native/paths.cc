// Paths of records: parts, one by one.
#include "applications/gather/native/paths.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "abi/utf8.h"
#include "applications/gather/native/limits.h"

namespace berth::gather {

namespace {

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

// The end of a stem, moved back where it would cut a character in two.
std::size_t whole(std::string_view text, std::size_t end) {
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return end;
}

std::string trimmed(std::string_view name) {
  if (name.size() <= kMaxPartBytes) return std::string(name);
  const std::size_t dot = name.rfind('.');
  // Something that long after the last dot is no extension.
  const std::size_t extension =
      dot == std::string_view::npos || name.size() - dot > kMaxPartBytes / 2 ? 0 : name.size() - dot;
  const std::size_t stem = whole(name, kMaxPartBytes - extension);
  return std::string(name.substr(0, stem)).append(name.substr(name.size() - extension));
}

}  // namespace

Result<std::string> checked_path(std::string_view path) {
  const auto wrong = [](std::string why) { return fail(Code::kInvalidArgument, std::move(why)); };
  if (path.empty()) return wrong("a path has at least one part");
  if (path.size() > kMaxPathBytes)
    return wrong(fmt::format("the path has {} bytes; at most {} are taken", path.size(), kMaxPathBytes));
  if (std::ranges::any_of(path, is_control)) return wrong("the path has a control character");
  if (path.find('\\') != std::string_view::npos) return wrong("the path has a backslash; parts end with /");
  if (!abi::is_utf8(path)) return wrong("the path is no UTF-8");
  std::string out;
  out.reserve(path.size());
  std::size_t parts = 0;
  for (std::size_t from = 0;;) {
    const std::size_t end = std::min(path.find('/', from), path.size());
    const std::string_view part = path.substr(from, end - from);
    if (part.empty())
      return wrong(from == 0 ? "the path is absolute; begin it with a name" : "the path has an empty part");
    if (part == "." || part == "..") return wrong("the path has a part . or ..");
    if (++parts > kMaxPathParts) return wrong(fmt::format("the path has more than {} parts", kMaxPathParts));
    if (end == path.size()) return out.append(trimmed(part));
    if (part.size() > kMaxPartBytes)
      return wrong(fmt::format("a folder of the path has more than {} bytes", kMaxPartBytes));
    out.append(part).push_back('/');
    from = end + 1;
  }
}

}  // namespace berth::gather
