// Objects as guests get them: with apiVersion and kind, without what is redacted.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "capabilities/kubernetes/wire/redaction.h"

namespace berth::kubernetes {

// What the host itself reads of an object. Plain value.
struct ObjectFacts {
  std::string api_version, kind;  // empty: not said
  std::string ns, name;           // empty: not said
  std::string resource_version;
};
// Reads them and checks that all of it is JSON in UTF-8. kInvalidArgument.
[[nodiscard]] Result<ObjectFacts> facts_of(std::string_view object);

// Appends `object` to `out` without what `redaction` hides, and without a Secret's data whatever was asked
// for. Where the object does not say them, apiVersion and kind are these, if not empty. kInvalidArgument.
[[nodiscard]] Result<ObjectFacts> prepare(std::string_view object, const Redaction& redaction,
                                          std::string_view api_version, std::string_view kind,
                                          std::string& out);

// An answer's body for a guest: an object, or a list of them, or something else (a Status). The body itself
// where nothing is hidden. kInvalidArgument: it is no JSON object.
[[nodiscard]] Result<std::string> prepare_answer(std::string body, const Redaction& redaction);

}  // namespace berth::kubernetes
