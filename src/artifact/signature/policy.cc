// Policy: the check, and how a refusal is said.
#include "artifact/signature/policy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

#include "artifact/signature/limits.h"
#include "artifact/signature/payload.h"

namespace berth::artifact::signature {
namespace {

// Findings that a refusal lists one by one; the rest is counted.
constexpr std::size_t kListed = 8;

// What the key's holder says with a signature that is his.
using Meaning = std::function<Examined(const Signature&)>;

Examined examine_one(const Policy& policy, const Signature& signature, BytesView message,
                     const Meaning& meaning) {
  if (!signature.problem.empty()) return {.finding = Finding::kUnusable, .detail = signature.problem};
  for (std::size_t key = 0; key < policy.keys.size(); ++key) {
    if (!policy.keys[key].key.verifies(message, signature.value)) continue;
    Examined examined = meaning(signature);
    examined.key = key;
    return examined;
  }
  return {.finding = Finding::kOtherKey};
}

Examined meaning_of(const Policy& policy, const Digest& manifest, const Signature& signature) {
  const Result<Payload> payload = parse_payload(signature.payload);
  if (!payload) return {.finding = Finding::kUnusable, .detail = payload.error().message()};
  if (payload->manifest != manifest)
    return {.finding = Finding::kOtherDigest, .detail = payload->manifest.to_string()};
  const auto claimed = [&](const std::string& name) { return payload->claims(name); };
  if (!policy.repositories.empty() && std::ranges::none_of(policy.repositories, claimed)) {
    return {.finding = Finding::kOtherRepository, .detail = payload->repository};
  }
  return {.finding = Finding::kValid};
}

Examination examine_all(const Policy& policy, const std::vector<Signature>& signatures,
                        const std::function<BytesView(const Signature&)>& message, const Meaning& meaning) {
  Examination result;
  result.signed_by.resize(policy.keys.size());
  for (std::size_t i = 0; i < signatures.size(); ++i) {
    if (i >= kMaxSignatures) {
      result.signatures.push_back({.detail = fmt::format("only the first {} are looked at", kMaxSignatures)});
      continue;
    }
    result.signatures.push_back(examine_one(policy, signatures[i], message(signatures[i]), meaning));
    const Examined& examined = result.signatures.back();
    if (examined.finding == Finding::kValid) result.signed_by[*examined.key] = true;
  }
  return result;
}

std::string described(const TrustedKey& key) {
  return fmt::format("\"{}\" ({})", key.name, key.key.fingerprint());
}

std::string described(const Policy& policy, const Examined& examined) {
  const auto by = [&] { return "by " + policy.keys[*examined.key].name; };
  switch (examined.finding) {
    case Finding::kValid: return "valid, " + by();
    case Finding::kOtherKey: return "by another key, or damaged";
    case Finding::kOtherDigest: return fmt::format("{}, but of another component: {}", by(), examined.detail);
    case Finding::kOtherRepository: return fmt::format("{}, but for another name: {}", by(), examined.detail);
    case Finding::kUnusable: break;
  }
  return "unusable: " + examined.detail;
}

// One line for each signature that was found.
std::string listed(const Policy& policy, const Examination& examination) {
  std::string lines;
  const auto& all = examination.signatures;
  for (std::size_t i = 0; i < std::min(all.size(), kListed); ++i) {
    lines += fmt::format("{}signature {}: {}", i == 0 ? "" : "\n", i + 1, described(policy, all[i]));
  }
  if (all.size() > kListed) lines += fmt::format("\n{} more signatures", all.size() - kListed);
  return lines;
}

}  // namespace

std::string_view finding_name(Finding finding) {
  constexpr std::array<std::string_view, 5> kNames = {"valid", "other-key", "other-digest",
                                                      "other-repository", "unusable"};
  return kNames[static_cast<std::size_t>(finding)];
}

Result<> Policy::validate() const {
  if (keys.size() > kMaxKeys) {
    return fail(Code::kInvalidArgument,
                fmt::format("{} keys are too many; at most {}", keys.size(), kMaxKeys));
  }
  if (require == Require::kNothing && !keys.empty()) {
    return fail(Code::kInvalidArgument,
                "keys are named, but no signature is required; say any of them, or all");
  }
  if (require != Require::kNothing && keys.empty()) {
    return fail(Code::kInvalidArgument, "a signature is required, but no key is named; name a public key");
  }
  return {};
}

Examination examine(const Policy& policy, const Digest& manifest, const std::vector<Signature>& signatures) {
  return examine_all(
      policy, signatures, [](const Signature& s) { return bytes_of(s.payload); },
      [&](const Signature& s) { return meaning_of(policy, manifest, s); });
}

Examination examine_file(const Policy& policy, BytesView content, const std::vector<Signature>& signatures) {
  return examine_all(
      policy, signatures, [&](const Signature&) { return content; },
      [](const Signature&) { return Examined{.finding = Finding::kValid}; });
}

Result<> judge(const Policy& policy, const Examination& examination, std::string_view what,
               std::string_view sign) {
  BERTH_TRY(policy.validate());
  if (policy.require == Require::kNothing) return {};
  std::vector<std::string> missing;
  for (std::size_t key = 0; key < policy.keys.size(); ++key) {
    if (!examination.signed_by[key]) missing.push_back(described(policy.keys[key]));
  }
  if (missing.empty()) return {};
  const bool any = policy.require == Require::kAnyOf;
  if (any && missing.size() < policy.keys.size()) return {};

  const std::size_t found = examination.signatures.size();
  return fail(
      Error(Code::kPermissionDenied,
            fmt::format(
                "{} is refused: it has no valid signature by {}{}; {}. {}: {}", what,
                any && missing.size() > 1 ? "any of " : "", fmt::join(missing, any ? ", " : " nor by "),
                found == 0   ? std::string("nobody has signed it")
                : found == 1 ? std::string("one signature was found")
                             : fmt::format("{} signatures were found", found),
                any ? "If it is to be trusted, sign it" : "If it is to be trusted, each of them must sign it",
                sign))
          .with_detail(listed(policy, examination)));
}

Result<> check(const Policy& policy, const Digest& manifest, const std::vector<Signature>& signatures) {
  return judge(policy, examine(policy, manifest, signatures), manifest.to_string(),
               "berth sign --key FILE.key oci://REPOSITORY@" + manifest.to_string());
}

Result<> check_file(const Policy& policy, BytesView content, const std::vector<Signature>& signatures) {
  return judge(policy, examine_file(policy, content, signatures), "the file",
               "berth sign --key FILE.key FILE");
}

}  // namespace berth::artifact::signature
