// StateFile: a few times as JSON.
#include "applications/gather/native/state_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/file_system.h"

namespace berth::gather {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxStateBytes = 1 << 20;

std::optional<Time> time_of(const Json& json) {
  if (!json.is_number_unsigned()) return std::nullopt;
  return Time(std::chrono::milliseconds(json.get<std::uint64_t>()));
}

std::uint64_t number_of(Time time) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
}

}  // namespace

Result<std::string> read_small_file(const std::filesystem::path& file, std::size_t bytes_at_most) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail(system_error(errno, "reading", file));
  const File opened(fd, file);
  std::string out(bytes_at_most + 1, '\0');
  std::size_t size = 0;
  while (size < out.size()) {
    const auto n = ::read(fd, out.data() + size, out.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error(errno, "reading", file));
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  if (size > bytes_at_most)
    return fail(Code::kResourceExhausted,
                file.string() + ": more than " + std::to_string(bytes_at_most) + " bytes");
  out.resize(size);
  return out;
}

Result<> write_small_file(const std::filesystem::path& file, std::string_view content) {
  const auto part = std::filesystem::path(file).concat(".new");
  const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return fail(system_error(errno, "writing", part));
  const File opened(fd, part);
  while (!content.empty()) {
    const auto n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error(errno, "writing", part));
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fsync(fd) != 0) return fail(system_error(errno, "writing", part));
  if (::rename(part.c_str(), file.c_str()) != 0) return fail(system_error(errno, "writing", file));
  return {};
}

AgentState read_state(const std::filesystem::path& file) {
  AgentState out;
  const auto text = read_small_file(file, kMaxStateBytes);
  if (!text) return out;
  const Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object()) return out;
  if (const auto found = json.find("gathered"); found != json.end()) out.gathered = time_of(*found);
  if (const auto found = json.find("workloads"); found != json.end() && found->is_object()) {
    for (const auto& [name, value] : found->items()) {
      if (const auto time = time_of(value)) out.workloads[name] = *time;
    }
  }
  return out;
}

Result<> write_state(const std::filesystem::path& file, const AgentState& state) {
  Json json = {{"workloads", Json::object()}};
  if (state.gathered) json["gathered"] = number_of(*state.gathered);
  for (const auto& [name, time] : state.workloads) json["workloads"][name] = number_of(time);
  return write_small_file(file, json.dump());
}

}  // namespace berth::gather
