// Payload: reading and writing.
#include "artifact/signature/payload.h"

#include <fmt/format.h>

#include "artifact/oci/json.h"
#include "artifact/signature/limits.h"

namespace berth::artifact::signature {
namespace {

constexpr std::string_view kType = "cosign container image signature";

std::unexpected<Error> lacks(std::string_view member) {
  return fail(Code::kInvalidArgument, fmt::format("the payload has no {}", member));
}

}  // namespace

bool Payload::claims(std::string_view name) const {
  std::string_view rest = repository;
  if (!rest.starts_with(name)) return false;
  rest.remove_prefix(name.size());
  if (rest.empty()) return true;
  if (rest.front() == ':') {
    const std::string_view tag = rest.substr(1, rest.find('@') - 1);
    if (!is_tag(tag)) return false;
    rest.remove_prefix(1 + tag.size());
  }
  return rest.empty() || (rest.front() == '@' && Digest::parse(rest.substr(1)).has_value());
}

std::string repository_name(const OciReference& reference) {
  return reference.registry() + "/" + reference.repository;
}

std::string to_text(const Payload& payload) {
  return nlohmann::ordered_json{{"critical",
                                 {{"identity", {{"docker-reference", payload.repository}}},
                                  {"image", {{"docker-manifest-digest", payload.manifest.to_string()}}},
                                  {"type", kType}}},
                                {"optional", nullptr}}
      .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<Payload> parse_payload(std::string_view text) {
  const oci::Json json = BERTH_TRY(oci::parse_object(text, kMaxPayloadBytes, "the payload"));
  const oci::Json* critical = BERTH_TRY(oci::object_member(json, "critical"));
  if (critical == nullptr) return lacks("critical");
  const auto type = BERTH_TRY(oci::text_member(*critical, "type"));
  if (!type) return lacks("critical.type");
  if (*type != kType)
    return fail(Code::kInvalidArgument, fmt::format("the payload's type is not \"{}\"", kType));
  const oci::Json* image = BERTH_TRY(oci::object_member(*critical, "image"));
  if (image == nullptr) return lacks("critical.image");
  const auto digest = BERTH_TRY(oci::text_member(*image, "docker-manifest-digest"));
  if (!digest) return lacks("critical.image.docker-manifest-digest");
  const oci::Json* identity = BERTH_TRY(oci::object_member(*critical, "identity"));
  if (identity == nullptr) return lacks("critical.identity");
  const auto repository = BERTH_TRY(oci::text_member(*identity, "docker-reference"));
  if (!repository) return lacks("critical.identity.docker-reference");
  return Payload{.repository = *repository, .manifest = BERTH_TRY(Digest::parse(*digest))};
}

}  // namespace berth::artifact::signature
