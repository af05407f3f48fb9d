// Manifests and indexes: strict reading, plain writing.
#include "artifact/oci/manifest.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "artifact/oci/limits.h"
#include "artifact/oci/media_type.h"

namespace berth::artifact::oci {
namespace {

Result<Annotations> parse_annotations(const Json& object) {
  Annotations out;
  const Json* list = BERTH_TRY(object_member(object, "annotations"));
  if (list == nullptr) return out;
  if (list->size() > kMaxAnnotations) {
    return fail(Code::kResourceExhausted, fmt::format("it has more than {} annotations", kMaxAnnotations));
  }
  for (const auto& [key, value] : list->items()) {
    if (!value.is_string()) return fail(Code::kInvalidArgument, "an annotation is not a text");
    out.emplace(key, value.get_ref<const std::string&>());
  }
  return out;
}

Result<std::string> parse_artifact_type(const Json& object) {
  const auto text = BERTH_TRY(text_member(object, "artifactType"));
  if (!text || text->empty()) return std::string();
  return media_type(*text);
}

Result<Descriptor> parse_descriptor(const Json& json) {
  if (!json.is_object()) return fail(Code::kInvalidArgument, "a descriptor is not an object");
  Descriptor out;
  const auto type = BERTH_TRY(text_member(json, "mediaType"));
  const auto digest = BERTH_TRY(text_member(json, "digest"));
  const auto size = BERTH_TRY(count_member(json, "size"));
  if (!type || !digest || !size) {
    return fail(Code::kInvalidArgument, "a descriptor lacks mediaType, digest or size");
  }
  if (*size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return fail(Code::kInvalidArgument, "a descriptor's size is over 2^63");
  }
  out.media_type = BERTH_TRY(media_type(*type));
  out.digest = BERTH_TRY(Digest::parse(*digest));
  out.size = *size;
  out.artifact_type = BERTH_TRY(parse_artifact_type(json));
  out.annotations = BERTH_TRY(parse_annotations(json));
  if (const Json* platform = BERTH_TRY(object_member(json, "platform"))) {
    out.platform = Platform{BERTH_TRY(text_member(*platform, "os")).value_or(""),
                            BERTH_TRY(text_member(*platform, "architecture")).value_or("")};
  }
  const Json* urls = BERTH_TRY(array_member(json, "urls", kMaxJsonValues));
  out.elsewhere = urls != nullptr && !urls->empty();
  return out;
}

Result<Descriptor> named_descriptor(const Json& json, const std::string& name) {
  auto parsed = parse_descriptor(json);
  if (!parsed) return fail(std::move(parsed).error().context(name));
  return parsed;
}

Result<std::vector<Descriptor>> parse_descriptors(const Json& list, std::string_view name) {
  std::vector<Descriptor> out;
  out.reserve(list.size());
  for (const Json& item : list) {
    out.push_back(BERTH_TRY(named_descriptor(item, fmt::format("{}[{}]", name, out.size()))));
  }
  return out;
}

Result<std::optional<Descriptor>> parse_subject(const Json& json) {
  const Json* subject = BERTH_TRY(object_member(json, "subject"));
  if (subject == nullptr) return std::nullopt;
  return BERTH_TRY(named_descriptor(*subject, "subject"));
}

Result<Manifest> parse_manifest(const Json& json) {
  Manifest out;
  const Json* config = BERTH_TRY(object_member(json, "config"));
  const Json* layers = BERTH_TRY(array_member(json, "layers", kMaxLayers));
  if (config == nullptr || layers == nullptr) {
    return fail(Code::kInvalidArgument, "the manifest has no config or no layers");
  }
  out.config = BERTH_TRY(named_descriptor(*config, "config"));
  out.layers = BERTH_TRY(parse_descriptors(*layers, "layers"));
  out.artifact_type = BERTH_TRY(parse_artifact_type(json));
  out.subject = BERTH_TRY(parse_subject(json));
  out.annotations = BERTH_TRY(parse_annotations(json));
  return out;
}

Result<Index> parse_index(const Json& json) {
  Index out;
  const Json* manifests = BERTH_TRY(array_member(json, "manifests", kMaxIndexEntries));
  if (manifests == nullptr) return fail(Code::kInvalidArgument, "the index has no manifests");
  out.manifests = BERTH_TRY(parse_descriptors(*manifests, "manifests"));
  out.artifact_type = BERTH_TRY(parse_artifact_type(json));
  out.subject = BERTH_TRY(parse_subject(json));
  out.annotations = BERTH_TRY(parse_annotations(json));
  return out;
}

// What both kinds begin and end with.
Json document(std::string_view type, const std::string& artifact_type,
              const std::optional<Descriptor>& subject, const Annotations& annotations) {
  Json out = {{"schemaVersion", 2}, {"mediaType", type}};
  if (!artifact_type.empty()) out["artifactType"] = artifact_type;
  if (subject) out["subject"] = to_json(*subject);
  if (!annotations.empty()) out["annotations"] = annotations;
  return out;
}

Json to_json(const std::vector<Descriptor>& descriptors) {
  Json out = Json::array();
  for (const Descriptor& descriptor : descriptors) out.push_back(to_json(descriptor));
  return out;
}

// Annotations may come from strangers: "replace" keeps dump from throwing on what is no UTF-8.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

Result<Content> parse_content(std::string_view bytes, std::string_view content_type) {
  const std::string type = BERTH_TRY(media_type(content_type));
  if (type != kManifestType && type != kIndexType) {
    return fail(Code::kInvalidArgument,
                fmt::format("it is {}, neither an OCI image manifest nor an index", type));
  }
  const Json json = BERTH_TRY(parse_object(bytes, kMaxManifestBytes, "the manifest"));
  const auto version = BERTH_TRY(count_member(json, "schemaVersion"));
  if (version != 2) return fail(Code::kInvalidArgument, "the manifest's schemaVersion is not 2");
  if (const auto own = BERTH_TRY(text_member(json, "mediaType"))) {
    if (BERTH_TRY(media_type(*own)) != type) {
      return fail(Code::kInvalidArgument,
                  fmt::format("the registry calls it {}, but it calls itself {}", type, *own));
    }
  }
  // A document that is a manifest to one reader and an index to another is refused by both.
  const bool has_layers = json.contains("layers") || json.contains("config");
  const bool has_manifests = json.contains("manifests");
  if (has_layers && has_manifests) {
    return fail(Code::kInvalidArgument, "it is a manifest and an index at once");
  }
  if (type == kManifestType) return BERTH_TRY(parse_manifest(json));
  return BERTH_TRY(parse_index(json));
}

std::string artifact_type_of(const Content& content) {
  if (const auto* index = std::get_if<Index>(&content)) return index->artifact_type;
  const auto& manifest = std::get<Manifest>(content);
  return manifest.artifact_type.empty() ? manifest.config.media_type : manifest.artifact_type;
}

const std::optional<Descriptor>& subject_of(const Content& content) {
  return std::visit([](const auto& c) -> const std::optional<Descriptor>& { return c.subject; }, content);
}

const Annotations& annotations_of(const Content& content) {
  return std::visit([](const auto& c) -> const Annotations& { return c.annotations; }, content);
}

Json to_json(const Descriptor& descriptor) {
  Json out = {{"mediaType", descriptor.media_type},
              {"digest", descriptor.digest.to_string()},
              {"size", descriptor.size}};
  if (!descriptor.artifact_type.empty()) out["artifactType"] = descriptor.artifact_type;
  if (!descriptor.annotations.empty()) out["annotations"] = descriptor.annotations;
  if (descriptor.platform) {
    out["platform"] = {{"os", descriptor.platform->os}, {"architecture", descriptor.platform->architecture}};
  }
  return out;
}

std::string to_text(const Manifest& manifest) {
  Json out = document(kManifestType, manifest.artifact_type, manifest.subject, manifest.annotations);
  out["config"] = to_json(manifest.config);
  out["layers"] = to_json(manifest.layers);
  return dump(out);
}

std::string to_text(const Index& index) {
  Json out = document(kIndexType, index.artifact_type, index.subject, index.annotations);
  out["manifests"] = to_json(index.manifests);
  return dump(out);
}

}  // namespace berth::artifact::oci
