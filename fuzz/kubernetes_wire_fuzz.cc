// Whatever an API server answers is taken or refused, the same however it arrives; what was taken out is
// gone, and what is left is JSON.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "capabilities/kubernetes/wire/json.h"
#include "capabilities/kubernetes/wire/list_splitter.h"
#include "capabilities/kubernetes/wire/names.h"
#include "capabilities/kubernetes/wire/object.h"
#include "capabilities/kubernetes/wire/redaction.h"

using namespace berth::kubernetes;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

bool is_json(std::string_view text) {
  JsonScan scan(text);
  std::string_view raw;
  return scan.skip(raw) && scan.end();
}

// The items, and whether all of it was a list.
std::string split(std::string_view text, std::size_t step) {
  std::string out;
  ListSplitter splitter([&](std::string_view item, const ListHead& head) -> berth::Result<void> {
    out.append(head.kind).append(":").append(item).append("\n");
    return {};
  });
  for (std::size_t at = 0; at < text.size(); at += step) {
    const std::string_view piece = text.substr(at, step);
    if (!splitter.write({reinterpret_cast<const std::uint8_t*>(piece.data()), piece.size()}))
      return "no list";
  }
  const auto head = splitter.finish();
  return head ? out + head->continue_token : "no list";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const Redactions redactions(
      {{"pods", {RedactedPath::parse("spec.a[*].b").value(), RedactedPath::parse("x.*").value()}}});
  const bool json = is_json(text);
  for (const char* resource : {"pods", "secrets", "nodes"}) {
    std::string out, again;
    const auto hidden = redactions.of(resource);
    const bool applied = hidden->apply(text, out).has_value();
    must(applied == json);
    if (!applied) continue;
    must(is_json(out));
    must(hidden->apply(out, again).has_value() && again == out);
    if (const auto answer = prepare_answer(std::string(text), *hidden))
      must(is_json(*answer) && facts_of(*answer));
  }
  const std::string whole = split(text, size + 1);
  must(whole == split(text, 1) && whole == split(text, 7));
  (void)RedactedPath::parse(text);
  (void)redactions.of("pods")->hides_field_of(text);
  if (is_object_name(text)) {
    const std::string path = path_of(ObjectName{{"", "v1", "pods"}, "a", std::string(text), std::nullopt});
    must(path.starts_with("/api/v1/namespaces/a/pods/") && path.find_first_of("?#\\ ") == std::string::npos);
    must(path.find('/', 26) == std::string::npos);
  }
  return 0;
}
