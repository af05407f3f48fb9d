// component_in: by the first bytes, and the preview-1 adapter.
#include "host/component/binary.h"

#include <fmt/format.h>

#include <utility>

#include "abi/component.h"

namespace berth::host {

Result<std::span<const std::uint8_t>> component_in(std::span<const std::uint8_t> bytes,
                                                   std::vector<std::uint8_t>& room) {
  switch (abi::binary_kind(bytes)) {
    case abi::BinaryKind::kComponent: return bytes;
    case abi::BinaryKind::kUnknown:
      return fail(Code::kInvalidArgument,
                  "it is not WebAssembly: the file does not begin with its magic number; give a component "
                  "(.wasm) or a preview-1 module");
    case abi::BinaryKind::kModule: break;
  }
  auto adapted = abi::adapt_module(bytes);
  if (!adapted) {
    return fail(
        std::move(adapted).error().context(fmt::format(kCoreModule, "is no preview-1 command either")));
  }
  room = std::move(*adapted);
  return room;
}

}  // namespace berth::host
