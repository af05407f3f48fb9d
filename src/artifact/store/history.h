// History: what a workload ran, runs, and must not run again; kept across restarts.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/digest.h"
#include "artifact/source.h"
#include "base/error.h"

namespace berth::artifact {

// A version that served well. Plain value.
struct GoodVersion {
  Digest digest;
  std::string reference;  // where its bytes came from, for a person and for the order of tags; no secret
  std::chrono::sys_seconds since;
  bool operator==(const GoodVersion&) const = default;
};

// A version that is not to run, and why. Plain value.
struct RefusedVersion {
  Digest digest;
  std::string reason;  // for a person: "rolled back: 12% of the calls failed"
  std::chrono::sys_seconds since;
  bool operator==(const RefusedVersion&) const = default;
};

// The record of one workload. The store keeps the blobs it names in `running`, `good`, `held` and
// `pinned`, so that each of them can start without its source.
// Value type; threads: none.
struct History {
  // What was asked last, and what its source wants to be reminded of: Known{digest, validators} of
  // artifact::FetchRequest.
  std::string source;
  std::optional<Known> fetched;
  // Whose signatures were asked for when what is named here was taken: opaque here, empty for nobody's.
  std::string policy;
  std::optional<Digest> running;
  std::vector<GoodVersion> good;        // the latest first; the running one is in it once it proved good
  std::vector<RefusedVersion> refused;  // the latest first
  std::optional<RefusedVersion> held;   // an update that waits for an operator
  std::vector<Digest> accepted;         // held ones an operator allowed, the latest first
  std::optional<Digest> pinned;         // an operator wants this one and no updates

  // Puts a version at the front of `good`, once, and drops those after the first `keep` (1 to
  // kMaxGoodVersions; other numbers are brought into that range).
  void remember_good(GoodVersion version, std::size_t keep);
  // Puts it at the front of `refused`, once, and takes it out of `good` and `held`.
  void refuse(RefusedVersion version);
  // Puts it at the front of `accepted`, once, and takes it out of `refused` and `held`.
  void accept(const Digest& digest);
  // Null when it is not refused. Lives until `refused` changes.
  [[nodiscard]] const RefusedVersion* find_refused(const Digest& digest) const;
  [[nodiscard]] bool is_accepted(const Digest& digest) const;

  bool operator==(const History&) const = default;
};

// As indented JSON, format 1, ending with a newline: print(parse(print(h))) == print(h). Texts become valid
// UTF-8 ("?" for a wrong byte) and are cut to their maximum in limits.h.
// kResourceExhausted: more entries, or more text in all, than limits.h allows; the message names the key.
[[nodiscard]] Result<std::string> print_history(const History& history);
// Strict: an unknown key, a missing one or a wrong type is damage or the work of a newer berth.
// kFailedPrecondition: the message names the key; kResourceExhausted: over a maximum of limits.h.
[[nodiscard]] Result<History> parse_history(std::string_view text);

}  // namespace berth::artifact
