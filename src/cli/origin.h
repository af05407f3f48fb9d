// Origin: where the component of one workload comes from and whose signature it needs, as its manifest says.
#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

#include "artifact/artifact.h"
#include "artifact/signature/policy.h"
#include "artifact/source.h"
#include "base/error.h"
#include "manifest/manifest.h"
#include "net/io_context.h"

namespace berth::cli {

// A source, and the signatures that lie where it has them: beside a file ("store.wasm.sig"), beside a URL,
// with a manifest in a registry. Credentials and certificates are read again for each use. Thread-safe. Its
// methods block; not to be used on a thread of the IoContext.
class Origin {
 public:
  // Reads the keys of the workload's signature policy. `io` and `manifest` outlive it. Errors have the place
  // in the manifest.
  [[nodiscard]] static Result<std::unique_ptr<Origin>> open(const manifest::Manifest& manifest,
                                                            const manifest::Workload& workload,
                                                            net::IoContext& io);
  virtual ~Origin() = default;
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

  // As artifact::Source.
  [[nodiscard]] virtual Result<artifact::FetchOutcome> fetch(const artifact::FetchRequest& request,
                                                             ByteSink& sink, std::stop_token stop) = 0;
  [[nodiscard]] virtual std::string shown() const = 0;

  // Whether what was fetched is signed as the policy asks.
  //  kPermissionDenied: it is not; says what was found. Otherwise as fetch.
  [[nodiscard]] Result<> verify(const artifact::Artifact& artifact, const artifact::Validators& validators,
                                std::stop_token stop);
  // The same for a file that an operator names in place of the source.
  [[nodiscard]] Result<> verify_file(const artifact::Artifact& artifact,
                                     const std::filesystem::path& file) const;

  // Names the policy: other keys or another rule have another name. Empty where nothing is required.
  [[nodiscard]] const std::string& policy_name() const { return policy_name_; }

 protected:
  Origin() = default;
  [[nodiscard]] virtual Result<> verify_by(const artifact::signature::Policy& policy,
                                           const artifact::Artifact& artifact,
                                           const artifact::Validators& validators, std::stop_token stop) = 0;

 private:
  artifact::signature::Policy policy_;
  std::string policy_name_;
};

// The tag of a reference as Origin::shown() has it, for the order of versions; empty where there is none.
[[nodiscard]] std::string release_of(const std::string& reference);

}  // namespace berth::cli
