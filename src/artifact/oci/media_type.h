// The media types of the OCI and wasm layouts, and how a Content-Type is read.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace berth::artifact::oci {

inline constexpr std::string_view kManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kIndexType = "application/vnd.oci.image.index.v1+json";
// Written: the CNCF wasm layout.
inline constexpr std::string_view kWasmConfigType = "application/vnd.wasm.config.v0+json";
inline constexpr std::string_view kWasmLayerType = "application/wasm";
// Read only: what older clients wrote.
inline constexpr std::string_view kOldConfigType = "application/vnd.wasm.config.v1+json";
inline constexpr std::string_view kOldLayerType = "application/vnd.wasm.content.layer.v1+wasm";
inline constexpr std::string_view kComponentLayerType =
    "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm";

// "type/subtype" in lower case, parameters dropped. kInvalidArgument when it is no media type.
[[nodiscard]] Result<std::string> media_type(std::string_view content_type);

}  // namespace berth::artifact::oci
