// A round-trip suite: the functions of one generated package, and how each is called once. Without
// the package's types, so that one test runs them all.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "abi/instance.h"
#include "abi/linker.h"
#include "base/error.h"

namespace berth::roundtrip {

class Source;

// What a guest imports of one package.
struct HostPart {
  Result<void> (*add)(abi::Linker&);
  void (*provide)(abi::InstanceState&);
};

struct EchoCase {
  const char* name;
  const char* type;  // WIT, names expanded
  // One call with random values. What went wrong, if anything.
  std::optional<std::string> (*once)(void* guest, Source& source);
};

struct Suite {
  std::uint64_t seed;  // of the types
  HostPart host;
  // The guest's exports in an instance, for `set_through` and `once`.
  Result<std::shared_ptr<void>> (*open)(abi::Instance&);
  Result<void> (*set_through)(void* guest, bool on);
  std::vector<EchoCase> cases;
};

}  // namespace berth::roundtrip
