// filesystem: the manifest section that opens directories to a guest, and what a refusal says.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "abi/state.h"
#include "capabilities/grants/capability.h"
#include "capabilities/grants/services.h"

namespace berth::filesystem {

enum class Access : std::uint8_t { kReadOnly, kReadWrite };

// Plain value.
struct Directory {
  std::string host;     // absolute, or relative to the process when the manifest's folder is
  std::string written;  // the same as the manifest says it
  std::string guest;    // absolute, normal form
  Access access = Access::kReadOnly;
};

// The list under `filesystem:`; nothing when there are problems. Does not look at the disk.
[[nodiscard]] std::optional<std::vector<Directory>> read(const manifest::Value& value,
                                                         const std::string& path,
                                                         manifest::Problems& problems);

// Opens the directories; an instance gets those opened here, whatever their paths lead to later.
// kNotFound, kPermissionDenied, kInvalidArgument (not a directory): the message says what to do.
[[nodiscard]] Result<std::shared_ptr<const host::Grant>> make(std::vector<Directory> directories,
                                                              const grants::Services& services);

// `unlink-file-at of "a" below /data, which is read-only`; one line, whatever the guest chose.
[[nodiscard]] std::string text_of(const abi::FileDenial& denial);

[[nodiscard]] grants::Capability capability();

}  // namespace berth::filesystem
