// Source: a place that is asked for bytes again and again, and answers "unchanged" cheaply.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>

#include "artifact/digest.h"
#include "base/byte_sink.h"
#include "base/error.h"

namespace berth::artifact {

// What a source wants to be reminded of next time, opaque to everybody else: an ETag and a date of a web
// server, the digest of a registry's manifest, the identity of a file. May be kept on disk. Plain value.
struct Validators {
  std::string etag;
  std::string last_modified;
  bool operator==(const Validators&) const = default;
};

// The result of an earlier fetch whose bytes the caller still has. Plain value.
struct Known {
  Digest digest;
  Validators validators;
  bool operator==(const Known&) const = default;
};

// What is asked for. Plain value.
struct FetchRequest {
  std::optional<Known> known;      // nothing: never fetched
  std::optional<Digest> expected;  // other bytes are refused
  std::uint64_t max_bytes = 0;     // more is refused: announced ones before any is read
};

// New bytes: all of them were given to the sink. Plain value.
struct Fetched {
  Digest digest;  // of exactly those bytes; may equal the known one
  std::uint64_t bytes = 0;
  std::string media_type;  // what the source said; empty: nothing
  Validators validators;
};

// The known bytes are still current; the sink got nothing. `validators` replace the known ones. Plain value.
struct Unchanged {
  Validators validators;
};

using FetchOutcome = std::variant<Unchanged, Fetched>;

// One reference with what is needed to read it.
// Thread-safe: fetches may overlap.
class Source {
 public:
  virtual ~Source() = default;

  // Blocks, for at most the source's own time limit. On failure the sink may have got some bytes: throw them
  // away.
  //  kNotFound, kPermissionDenied (refused here or there), kInvalidArgument (not such a thing as a component
  //  could
  //    be read from), kResourceExhausted (over max_bytes), kFailedPrecondition (not the expected digest),
  //  kUnavailable, kDeadlineExceeded (may go better later; Error::retry_after() where the source asked for a
  //  pause), kCancelled (`stop`), or what the sink returned.
  [[nodiscard]] virtual Result<FetchOutcome> fetch(const FetchRequest& request, ByteSink& sink,
                                                   std::stop_token stop) = 0;

  // For messages, logs and status; no secret in it.
  [[nodiscard]] virtual std::string shown() const = 0;
};

}  // namespace berth::artifact
