// StateFile: what the agent must know after a restart.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "applications/gather/native/gatherer.h"
#include "base/error.h"

namespace berth::gather {

// Plain value.
struct AgentState {
  std::optional<Time> gathered;           // when the last period with an archive began
  std::map<std::string, Time> workloads;  // the same, for triggers with an `every` of their own
};

// Nothing where there is no file or it does not say what it should: the agent then begins anew. Blocks.
[[nodiscard]] AgentState read_state(const std::filesystem::path& file);
// Mode 0600, whole or not at all. Blocks.
[[nodiscard]] Result<> write_state(const std::filesystem::path& file, const AgentState& state);

// The same for any small file; `bytes_at_most` bounds what is read. kNotFound, kResourceExhausted: larger.
[[nodiscard]] Result<std::string> read_small_file(const std::filesystem::path& file,
                                                  std::size_t bytes_at_most);
[[nodiscard]] Result<> write_small_file(const std::filesystem::path& file, std::string_view content);

}  // namespace berth::gather
