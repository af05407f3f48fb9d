// Detached signatures: reading and writing.
#include "artifact/signature/detached.h"

#include <fmt/format.h>

#include <algorithm>

#include "artifact/signature/limits.h"
#include "artifact/signature/small_file.h"

namespace berth::artifact::signature {

std::size_t max_detached_bytes() { return kMaxSignatures * (kMaxSignatureText + 1); }

Result<std::vector<Signature>> parse_detached(std::string_view text, const std::string& origin) {
  std::vector<Signature> signatures;
  for (int line_number = 1; !text.empty(); ++line_number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (signatures.size() == kMaxSignatures) {
      return fail(Code::kResourceExhausted, fmt::format("{} has more than {} lines", origin, kMaxSignatures));
    }
    Signature signature{.origin = fmt::format("{}, line {}", origin, line_number)};
    if (line.size() > kMaxSignatureText) {
      signature.problem =
          fmt::format("it has {} characters; at most {} are read", line.size(), kMaxSignatureText);
    } else if (auto value = from_base64(line)) {
      signature.value = std::move(*value);
    } else {
      signature.problem = "it is not base64";
    }
    signatures.push_back(std::move(signature));
  }
  return signatures;
}

Result<std::vector<Signature>> read_detached(const std::filesystem::path& path) {
  const auto text = read_whole(path, max_detached_bytes());
  if (!text && text.error().code() == Code::kNotFound) return std::vector<Signature>();
  if (!text) return fail(text.error());
  return parse_detached(*text, path.string());
}

std::string to_detached(const std::vector<Bytes>& signatures) {
  std::string text;
  for (const Bytes& signature : signatures) {
    if (!text.empty()) text += '\n';
    text += to_base64(signature);
  }
  return text;
}

}  // namespace berth::artifact::signature
