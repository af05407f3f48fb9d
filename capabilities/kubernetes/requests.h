// What a guest asks for, checked and turned into what a Cluster takes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "capabilities/kubernetes/provider.h"
#include "capabilities/kubernetes/wire/redaction.h"

namespace berth::kubernetes {

enum class PatchKind : std::uint8_t { kJson, kMerge, kStrategic, kApply, kApplyForced };
enum class Propagation : std::uint8_t { kOrphan, kBackground, kForeground };

struct WriteOptions {
  bool dry_run = false;
  std::string field_manager;  // empty: "berth"
};
struct DeleteOptions {
  bool dry_run = false;
  std::optional<Propagation> propagation;
  std::optional<std::uint32_t> grace_seconds;
  std::optional<std::string> uid, resource_version;
};

// Each fails with kInvalidArgument and a text for whoever wrote the guest. `body` and `patch` are copied.
[[nodiscard]] Result<Write> make_create(ObjectName what, std::span<const std::uint8_t> body,
                                        const WriteOptions& options);
[[nodiscard]] Result<Write> make_update(ObjectName what, std::span<const std::uint8_t> body,
                                        const WriteOptions& options);
[[nodiscard]] Result<Write> make_patch(ObjectName what, PatchKind kind, std::span<const std::uint8_t> patch,
                                       const WriteOptions& options);
[[nodiscard]] Result<Write> make_delete(ObjectName what, const DeleteOptions& options);
[[nodiscard]] Result<void> check_page(std::uint32_t limit, std::string_view continue_token);
[[nodiscard]] Result<void> check_logs(std::string_view ns, std::string_view pod, const LogOptions& options);

// Why `write` must not be sent where something is hidden; empty: it may. An update would write the object
// back without what is hidden; a JSON patch can copy it to where it is seen, or test what it is.
[[nodiscard]] std::string refusal(const Write& write, const Redaction& hidden);

}  // namespace berth::kubernetes
