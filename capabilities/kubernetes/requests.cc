// Requests: options as the API has them.
#include "capabilities/kubernetes/requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "abi/utf8.h"
#include "capabilities/kubernetes/limits.h"
#include "capabilities/kubernetes/wire/json.h"

namespace berth::kubernetes {
namespace {

constexpr std::string_view kManager = "berth";

std::unexpected<Error> invalid(std::string text) { return fail(Code::kInvalidArgument, std::move(text)); }

Result<void> check_sent(std::size_t size) {
  if (size == 0) return invalid("the object is empty");
  if (size > kMaxSentBytes)
    return invalid(fmt::format("the object has {} bytes; the API takes at most {}", size, kMaxSentBytes));
  return {};
}

Result<void> add(Query& query, const WriteOptions& options) {
  const std::string_view manager = options.field_manager.empty() ? kManager : options.field_manager;
  if (manager.size() > 128 || !abi::is_utf8(manager) ||
      std::ranges::any_of(manager, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    return invalid("the field manager must have at most 128 printable characters");
  query.add("fieldManager", manager);
  if (options.dry_run) query.add("dryRun", "All");
  return {};
}

std::string text_of(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

std::string_view type_of(PatchKind kind) {
  switch (kind) {
    case PatchKind::kJson: return "application/json-patch+json";
    case PatchKind::kMerge: return "application/merge-patch+json";
    case PatchKind::kStrategic: return "application/strategic-merge-patch+json";
    case PatchKind::kApply:
    case PatchKind::kApplyForced: return "application/apply-patch+yaml";
  }
  std::unreachable();
}

std::string_view name_of(Propagation propagation) {
  switch (propagation) {
    case Propagation::kOrphan: return "Orphan";
    case Propagation::kBackground: return "Background";
    case Propagation::kForeground: return "Foreground";
  }
  std::unreachable();
}

// True when every operation of a JSON patch only adds, replaces or removes.
bool only_writes(std::string_view patch) {
  JsonScan scan(patch);
  if (!scan.enter('[')) return false;
  while (scan.element()) {
    if (!scan.enter('{')) return false;
    for (std::string_view key; scan.member(key);) {
      std::string_view raw;
      std::string op;
      if (!scan.skip(raw)) return false;
      if (!key_is(key, "op")) continue;
      if (!string_value(raw, op) || (op != "add" && op != "replace" && op != "remove")) return false;
    }
  }
  return scan.end();
}

}  // namespace

Result<Write> make_create(ObjectName what, std::span<const std::uint8_t> body, const WriteOptions& options) {
  BERTH_TRY(check(what, Named::kCreate));
  BERTH_TRY(check_sent(body.size()));
  Write out{.kind = Write::Kind::kCreate, .what = std::move(what), .body = text_of(body)};
  BERTH_TRY(add(out.query, options));
  return out;
}

Result<Write> make_update(ObjectName what, std::span<const std::uint8_t> body, const WriteOptions& options) {
  BERTH_TRY(check(what));
  BERTH_TRY(check_sent(body.size()));
  Write out{.kind = Write::Kind::kUpdate, .what = std::move(what), .body = text_of(body)};
  BERTH_TRY(add(out.query, options));
  return out;
}

Result<Write> make_patch(ObjectName what, PatchKind kind, std::span<const std::uint8_t> patch,
                         const WriteOptions& options) {
  BERTH_TRY(check(what));
  BERTH_TRY(check_sent(patch.size()));
  Write out{.kind = Write::Kind::kPatch,
            .what = std::move(what),
            .content_type = std::string(type_of(kind)),
            .body = text_of(patch)};
  BERTH_TRY(add(out.query, options));
  if (kind == PatchKind::kApplyForced) out.query.add("force", "true");
  return out;
}

Result<Write> make_delete(ObjectName what, const DeleteOptions& options) {
  BERTH_TRY(check(what));
  std::string body = R"({"kind":"DeleteOptions","apiVersion":"v1")";
  if (options.dry_run) body += R"(,"dryRun":["All"])";
  if (options.propagation) body += fmt::format(R"(,"propagationPolicy":"{}")", name_of(*options.propagation));
  if (options.grace_seconds) body += fmt::format(R"(,"gracePeriodSeconds":{})", *options.grace_seconds);
  if (options.uid || options.resource_version) {
    std::string conditions;
    if (options.uid) conditions += "\"uid\":" + json_string(*options.uid);
    if (options.resource_version)
      conditions += (conditions.empty() ? "" : ",") + std::string("\"resourceVersion\":") +
                    json_string(*options.resource_version);
    body += ",\"preconditions\":{" + conditions + "}";
  }
  body += '}';
  BERTH_TRY(check_sent(body.size()));
  return Write{.kind = Write::Kind::kDelete, .what = std::move(what), .body = std::move(body)};
}

Result<void> check_page(std::uint32_t limit, std::string_view continue_token) {
  if (limit == 0 || limit > kMaxPageItems)
    return invalid(fmt::format("the limit of a page must be 1 to {}, not {}", kMaxPageItems, limit));
  if (continue_token.size() > kMaxContinueBytes || !abi::is_utf8(continue_token))
    return invalid("the continue token is none of the API's");
  return {};
}

Result<void> check_logs(std::string_view ns, std::string_view pod, const LogOptions& options) {
  BERTH_TRY(check_namespace(std::string(ns)));
  if (!is_object_name(pod)) return invalid("the pod's name is none");
  if (options.container && !is_label(*options.container)) return invalid("the container's name is none");
  if (options.limit_bytes == 0 || options.limit_bytes > kMaxLogBytes)
    return invalid(fmt::format("limit-bytes must be 1 to {}, not {}", kMaxLogBytes, options.limit_bytes));
  return {};
}

std::string refusal(const Write& write, const Redaction& hidden) {
  if (hidden.empty()) return {};
  const std::string resource = write.what.resource.shown();
  if (write.kind == Write::Kind::kUpdate)
    return fmt::format(
        "an update of {} would write back objects without what the host hides in them; use a patch",
        resource);
  if (write.content_type == type_of(PatchKind::kJson) && !only_writes(write.body))
    return fmt::format(
        "a JSON patch of {}, in which the host hides something, may only add, replace and remove", resource);
  return {};
}

}  // namespace berth::kubernetes
