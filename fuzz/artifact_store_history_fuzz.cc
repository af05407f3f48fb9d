// Any text is a history or an error that says where; what was read is written and read again as it was.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "artifact/store/history.h"
#include "artifact/store/limits.h"

namespace {

using namespace berth::artifact;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto history = parse_history({reinterpret_cast<const char*>(data), size});
  if (!history) {
    require(!history.error().message().empty());
    require(history.error().code() == berth::Code::kFailedPrecondition ||
            history.error().code() == berth::Code::kResourceExhausted);
    return 0;
  }
  require(history->good.size() <= kMaxGoodVersions && history->refused.size() <= kMaxRefused &&
          history->accepted.size() <= kMaxAccepted);
  const auto text = print_history(*history);
  if (!text) {  // indented it can be longer than it came
    require(text.error().code() == berth::Code::kResourceExhausted);
    return 0;
  }
  const auto again = parse_history(*text);
  require(again && *again == *history);
  require(print_history(*again) == *text);
  return 0;
}
