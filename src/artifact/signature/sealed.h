// Sealed: bytes under a password, in the JSON form that cosign keeps private keys in: a key by scrypt,
// then NaCl's secretbox (XSalsa20 and Poly1305).
#pragma once

#include <string>
#include <string_view>

#include "artifact/signature/bytes.h"
#include "base/error.h"
#include "base/secret.h"

namespace berth::artifact::signature {

// Blocks for about a quarter of a second, on purpose: that is what a guess of the password costs.
// kResourceExhausted when there is no memory for it (64 MiB).
[[nodiscard]] Result<std::string> seal(const Secret& content, const Secret& password);

// Blocks as seal does.
//  kInvalidArgument: not that form, or parameters over kMaxScryptCost. kPermissionDenied: the password is
//  wrong, or the content was changed. kResourceExhausted.
[[nodiscard]] Result<Secret> unseal(std::string_view json, const Secret& password);

}  // namespace berth::artifact::signature
