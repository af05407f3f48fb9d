// Any text is a reference that prints as itself, or is refused; and no Location header makes a URL that
// its own parser would not take.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "artifact/limits.h"
#include "artifact/reference.h"

namespace {

using namespace berth::artifact;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_url(const berth::net::Url& url, std::string_view location) {
  const auto again = berth::net::Url::parse(url.to_string());
  require(again && *again == url);
  // What ends a header or a request line, or is read as a slash, is never in it.
  require(url.to_string().find_first_of("\r\n\t \\#") == std::string::npos);
  const auto next = url.resolve(location);
  if (!next) return;
  const auto parsed = berth::net::Url::parse(next->to_string());
  require(parsed && *parsed == *next);
}

void check_oci(const OciReference& oci) {
  require(is_repository(oci.repository));
  require(oci.repository.find("..") == std::string::npos);
  require(oci.tag || oci.digest);
  require(!oci.tag || is_tag(*oci.tag));
  require(oci.host.find_first_of("/@?#% ") == std::string::npos);
  const auto again = parse_oci_reference(oci.to_string());
  require(again && *again == oci);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A line break ends the reference; what follows is a Location header.
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::string_view text = all.substr(0, all.find('\n'));
  const std::string_view location =
      text.size() < all.size() ? all.substr(text.size() + 1) : std::string_view();
  const auto reference = parse_reference(text);
  if (const auto digest = Digest::parse(text)) require(digest->to_string() == text);
  if (!reference) {
    require(reference.error().code() == berth::Code::kInvalidArgument);
    require(!reference.error().message().empty());
    return 0;
  }
  require(text.size() <= kMaxReferenceBytes);
  require(!shown(*reference).empty());
  if (const auto* http = std::get_if<HttpReference>(&*reference)) check_url(http->url, location);
  if (const auto* oci = std::get_if<OciReference>(&*reference)) check_oci(*oci);
  const auto again = parse_reference(to_string(*reference));
  require(again && *again == *reference);
  return 0;
}
