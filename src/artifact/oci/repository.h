// Repository: what the distribution specification does with one repository of a registry.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/oci/manifest.h"
#include "artifact/oci/registry.h"
#include "base/byte_sink.h"
#include "base/error.h"

namespace berth::artifact::oci {

// Called as a blob moves, on any thread, with the bytes so far and in all. Empty: not.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

// Gives the bytes of a blob that is to be sent; what they lie in outlives the sending.
using BlobBytes = std::function<Result<net::HttpUpload>()>;
[[nodiscard]] inline BlobBytes held(net::HttpUpload bytes) {
  return [bytes] { return bytes; };
}

// Everything blocks; `stop` ends it with kCancelled. Errors are Registry's, and
//  kNotFound: no such tag, manifest or blob. kFailedPrecondition: bytes that are not what their digest or
//  size says. kResourceExhausted: more than allowed, refused before it is fetched where it is announced.
// Every message names the repository. Thread-safe; borrows the registry.
class Repository final {
 public:
  // `name` as OciReference::repository.
  Repository(Registry& registry, std::string name) : registry_(&registry), name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] Registry& registry() const { return *registry_; }
  // "host:port/name"
  [[nodiscard]] std::string shown() const { return registry_->name() + "/" + name_; }

  // What a tag or digest ("sha256:...") names now, without fetching it where the registry says enough.
  [[nodiscard]] Result<Descriptor> resolve(std::string_view reference, const std::stop_token& stop) const;
  // A manifest or index by tag or digest. By tag, it is the one that the tag named at one moment.
  [[nodiscard]] Result<Document> manifest(std::string_view reference, const std::stop_token& stop) const;
  // One that a descriptor names: its size and type must fit too.
  [[nodiscard]] Result<Document> manifest(const Descriptor& descriptor, const std::stop_token& stop) const;

  // Gives a blob to `sink`, which on failure may have got some of it. A broken connection is resumed.
  [[nodiscard]] Result<> blob(const Descriptor& descriptor, std::uint64_t max_bytes, ByteSink& sink,
                              const Progress& progress, const std::stop_token& stop) const;
  // A small one.
  [[nodiscard]] Result<std::string> blob_text(const Descriptor& descriptor, std::size_t max_bytes,
                                              const std::stop_token& stop) const;

  // Puts a blob there unless it is there. `mount_from`: a repository of the same registry that has it; empty:
  // none. `bytes` is asked for all of it at most once, when it must be sent.
  [[nodiscard]] Result<> push_blob(const Descriptor& descriptor, const BlobBytes& bytes,
                                   std::string_view mount_from, const Progress& progress,
                                   const std::stop_token& stop) const;
  // Puts a manifest or index there as it is; with a tag, also under it. Where it has a subject and the
  // registry does not list it by itself, the list in the tag "sha256-<hex>" is extended.
  [[nodiscard]] Result<Descriptor> push_manifest(std::string_view bytes, std::string_view media_type,
                                                 const std::optional<std::string>& tag,
                                                 const std::stop_token& stop) const;

  // What refers to `subject` (signatures and the like), by the API or the tag "sha256-<hex>". `artifact_type`
  // picks; empty: all. Empty where there is nothing.
  [[nodiscard]] Result<std::vector<Descriptor>> referrers(const Digest& subject,
                                                          std::string_view artifact_type,
                                                          const std::stop_token& stop) const;
  // All tags, as the registry orders them.
  [[nodiscard]] Result<std::vector<std::string>> tags(const std::stop_token& stop) const;

 private:
  // A request to "/v2/<name>/" and `path`.
  [[nodiscard]] Result<RegistryRequest> request(std::string_view method, std::string_view path,
                                                std::string_view query = {}) const;
  [[nodiscard]] std::string doing(std::string_view what) const;
  [[nodiscard]] Result<Document> fetch_manifest(std::string_view reference,
                                                const std::optional<Digest>& expected,
                                                const std::stop_token& stop) const;
  [[nodiscard]] Result<bool> has_blob(const Descriptor& descriptor, const std::stop_token& stop) const;
  [[nodiscard]] Result<std::vector<Descriptor>> referrers_in_tag(const Digest& subject,
                                                                 const std::stop_token& stop) const;
  [[nodiscard]] Result<> refer_in_tag(const Digest& subject, const Descriptor& referrer,
                                      const std::stop_token& stop) const;

  Registry* registry_;
  std::string name_;
};

// The tag under which clients keep the list of what refers to `subject` where the registry keeps none.
[[nodiscard]] std::string referrers_tag(const Digest& subject);

}  // namespace berth::artifact::oci
