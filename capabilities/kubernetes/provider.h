// Cluster: a Kubernetes API with its answers as they are, but for what is hidden.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "base/task.h"
#include "capabilities/kubernetes/wire/names.h"
#include "capabilities/kubernetes/wire/redaction.h"

namespace berth::kubernetes {

// What the API answered instead of what was asked for. Plain value.
struct Status {
  std::uint16_t code = 0;
  std::string reason, message;
  std::optional<std::uint32_t> retry_after;  // seconds
  std::string body;
};

// Why there is no answer. Plain value.
struct Failure {
  enum class Kind : std::uint8_t {
    kStatus,
    kDenied,       // no grant; nothing was sent
    kInvalid,      // what was asked for is malformed; nothing was sent
    kUnavailable,  // no answer; a write may have happened
    kTooLarge,
  };
  Kind kind = Kind::kUnavailable;
  std::string text;  // but for kStatus
  Status status;     // of kStatus
};

template <class T = void>
using Answer = std::expected<T, Failure>;

[[nodiscard]] inline std::unexpected<Failure> failed(Failure::Kind kind, std::string text) {
  return std::unexpected(Failure{.kind = kind, .text = std::move(text)});
}

// One object of a list, as JSON. Empty `ns`: cluster-scoped. Plain value.
struct Item {
  std::string ns, name;
  std::vector<std::uint8_t> object;
};

struct LogOptions {
  std::optional<std::string> container;
  bool previous = false;
  std::optional<std::uint32_t> tail_lines, since_seconds;
  bool timestamps = false;
  std::uint32_t limit_bytes = 0;
};

struct ApiResource {
  ResourceType resource;
  std::string kind;
  bool namespaced = false;
  std::vector<std::string> verbs;
};

struct Event {
  enum class Kind : std::uint8_t { kAdded, kModified, kDeleted, kSynced, kRestarted };
  Kind kind = Kind::kSynced;
  Item item;  // of the first three
};

// A write as HTTP has it.
struct Write {
  enum class Kind : std::uint8_t { kCreate, kUpdate, kPatch, kDelete };
  Kind kind = Kind::kCreate;
  ObjectName what;
  std::string content_type;  // of a patch
  std::string body;
  Query query;
};

// What every call needs to know of its caller. Borrowed parts live until the call is over.
struct Caller {
  std::shared_ptr<const Redaction> hidden;  // of the resource that is asked for
  std::chrono::milliseconds max_age{0};     // how old a shared list may be
  std::stop_token stop;
};

// Everything of a selection, batch by batch. One call at a time.
class Listing {
 public:
  virtual ~Listing() = default;
  // About kBatchBytes of objects; none: that was all. After a failure it has ended.
  virtual Task<Answer<std::vector<Item>>> next() = 0;
};

// As berth:kubernetes/watching has it. One call at a time.
class Watch {
 public:
  virtual ~Watch() = default;
  // Waits for at most `wait`; after a failure it has ended.
  virtual Task<Answer<std::vector<Event>>> next(std::chrono::milliseconds wait) = 0;
};

// Names were checked (names.h) and allowed by the caller. Reads are tried again where the API or the
// connection fails for a moment; writes only where the API cannot have seen them, or said 429. Tasks wait
// without a thread and end on the caller's thread or on one of the cluster's own: do not block that.
// Thread-safe; outlives its tasks, listings and watches.
class Cluster {
 public:
  virtual ~Cluster() = default;

  virtual Task<Answer<std::string>> get(ObjectName what, Caller caller) = 0;
  virtual Task<Answer<std::string>> list_page(ResourceType resource, std::optional<std::string> ns,
                                              Selection selection, std::uint32_t limit,
                                              std::string continue_token, Caller caller) = 0;
  // Listings of the same things, hiding the same, share what was asked within `max_age`.
  virtual std::unique_ptr<Listing> list(ResourceType resource, std::optional<std::string> ns,
                                        Selection selection, Caller caller) = 0;
  virtual std::unique_ptr<Watch> watch(ResourceType resource, std::optional<std::string> ns,
                                       Selection selection, Caller caller) = 0;
  virtual Task<Answer<std::string>> logs(std::string ns, std::string pod, LogOptions options,
                                         Caller caller) = 0;
  virtual Task<Answer<std::vector<ApiResource>>> discover(Caller caller) = 0;
  virtual Task<Answer<std::string>> server_version(Caller caller) = 0;
  virtual Task<Answer<std::string>> write(Write write, Caller caller) = 0;
};

}  // namespace berth::kubernetes
