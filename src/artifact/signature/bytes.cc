// Base64, by libsodium: it takes no time that depends on the bytes, and no second spelling of them.
#include "artifact/signature/bytes.h"

#include <sodium/utils.h>

namespace berth::artifact::signature {

std::string to_base64(BytesView bytes) {
  std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();  // the terminator
  return text;
}

std::optional<Bytes> from_base64(std::string_view text) {
  if (text.empty()) return Bytes();
  if (text.size() < 4) return std::nullopt;
  Bytes bytes(text.size() / 4 * 3);
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &size, &end,
                        sodium_base64_VARIANT_ORIGINAL) != 0 ||
      end != text.data() + text.size()) {
    return std::nullopt;
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace berth::artifact::signature
