// Artifact: the bytes of a component, named by their digest.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "artifact/digest.h"
#include "base/error.h"

namespace berth::artifact {

// What a source held when it was read. Plain value.
struct Artifact {
  std::string source;      // for a person: the path or reference, without secrets
  Digest digest;           // of exactly `bytes`, also where a module is adapted later
  std::string media_type;  // what the source called it; empty where it said nothing. Not to be believed.
  std::vector<std::uint8_t> bytes;
};

}  // namespace berth::artifact
