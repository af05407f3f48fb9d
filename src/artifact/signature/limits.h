// Hard maximums of the signature room, each with its reason.
#pragma once

#include <cstddef>

namespace berth::artifact::signature {

// Signatures looked at for one digest. Each costs a verification for each key (0.1 ms) and perhaps one
// request; a handful of signers, each renewed for years, stays below it. Not more than oci::kMaxLayers.
inline constexpr std::size_t kMaxSignatures = 128;
// Keys of one policy: with the maximum of signatures, a quarter of a second of verification.
inline constexpr std::size_t kMaxKeys = 16;
// A simple-signing payload: two names and a digest (under 500 bytes), and what a signer adds as annotations.
inline constexpr std::size_t kMaxPayloadBytes = 64 * 1024;
// A signature before decoding. ECDSA P-256 takes 96 characters; cosign's RSA and P-521, which are read
// and then match no key, take up to 700.
inline constexpr std::size_t kMaxSignatureText = 2048;
// A file with a key: PEM of the largest key with room for comments around it.
inline constexpr std::size_t kMaxKeyFileBytes = 64 * 1024;
// A file with a password.
inline constexpr std::size_t kMaxPasswordBytes = 4096;
// scrypt's cost N when a private key is opened: cosign writes 2^15 to 2^17. With r=8 this takes 128 MiB
// and half a second; a key file that asks for more is refused.
inline constexpr std::size_t kMaxScryptCost = std::size_t{1} << 17;

}  // namespace berth::artifact::signature
