// Anonymiser: what no archive holds, whatever a gatherer writes and whatever the manifest says.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace berth::gather {

// Names of things in a namespace, as a record shows them. Borrows for the call.
using FoundName = std::function<void(std::string_view ns, std::string_view name)>;

// The record without what is always hidden, each text by as many x as it has bytes; nothing where it has
// nothing of that. By what is found in the record, not by who wrote it or where it stands:
//  - certificates, keys and requests for certificates, as PEM and as PEM in base64, so CA bundles too;
//  - bootID, systemUUID and machineID; labels and annotations of nodes outside of the product's namespaces,
//    and regions;
//  - everything about identity providers but their name, type and mappingMethod; proxies, also in variables,
//  and
//    in lines of texts that assign them ("httpProxy: ...", "HTTPS_PROXY=...");
//  - names in parsed requests for certificates; what kubectl applied last, which would show all of it again.
// A path that ends in .json must hold JSON: kInvalidArgument otherwise, as for JSON deeper than
// kMaxJsonDepth. Tells `found`, which may be empty, each namespace and each name with a namespace. Linear;
// does not recurse.
[[nodiscard]] Result<std::optional<std::string>> anonymised(std::string_view path, std::string_view content,
                                                            const FoundName& found);

}  // namespace berth::gather
