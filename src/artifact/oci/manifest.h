// Manifests and indexes of the OCI image specification 1.1, as far as they are acted on.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "artifact/digest.h"
#include "artifact/oci/json.h"
#include "base/error.h"

namespace berth::artifact::oci {

using Annotations = std::map<std::string, std::string>;

struct Platform {
  std::string os;
  std::string architecture;
  bool operator==(const Platform&) const = default;
};

// Names content and says how long it is. Plain value. `size` is a claim: nothing is allocated for it.
struct Descriptor {
  std::string media_type;  // lower case, without parameters
  Digest digest;
  std::uint64_t size = 0;
  std::string artifact_type;         // of the manifest it names; often empty
  Annotations annotations;           // may be empty
  std::optional<Platform> platform;  // in an index
  bool elsewhere = false;            // it has "urls": other places to get it from. Never followed.
  bool operator==(const Descriptor&) const = default;
};

struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;
  std::string artifact_type;
  std::optional<Descriptor> subject;
  Annotations annotations;
  bool operator==(const Manifest&) const = default;
};

struct Index {
  std::vector<Descriptor> manifests;
  std::string artifact_type;
  std::optional<Descriptor> subject;
  Annotations annotations;
  bool operator==(const Index&) const = default;
};

using Content = std::variant<Manifest, Index>;

// A manifest or index as a registry holds it: the exact bytes and what is in them. Plain value.
struct Document {
  Descriptor descriptor;
  std::string bytes;
  Content content;
};

// Reads `bytes` as what `content_type` says. A body that names another type, or could be taken for both
// kinds, is refused. kInvalidArgument; kResourceExhausted for a limit.
[[nodiscard]] Result<Content> parse_content(std::string_view bytes, std::string_view content_type);

// What an index says of this manifest when it refers to a subject.
[[nodiscard]] std::string artifact_type_of(const Content& content);
[[nodiscard]] const std::optional<Descriptor>& subject_of(const Content& content);
[[nodiscard]] const Annotations& annotations_of(const Content& content);

// As JSON, for manifests of our own. The keys come out in one order, so equal values are equal bytes.
[[nodiscard]] Json to_json(const Descriptor& descriptor);
[[nodiscard]] std::string to_text(const Manifest& manifest);
[[nodiscard]] std::string to_text(const Index& index);

}  // namespace berth::artifact::oci
