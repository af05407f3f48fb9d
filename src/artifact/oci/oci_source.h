// OciSource: a registry as a Source: asked again and again, cheap when nothing has changed.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "artifact/oci/wasm_artifact.h"
#include "artifact/reference.h"
#include "artifact/source.h"

namespace berth::artifact::oci {

// Looks at what a reference names before its component is fetched; an error ends the fetch, which reports it.
// Where imports that no grant covers and missing signatures are refused early. Empty: everything is fine.
using BeforeLayer = std::function<Result<>(const Repository&, const WasmArtifact&, const std::stop_token&)>;

// Asks with one small request whether the tag names what it named last time; Validators::etag is the digest
// of what it named. Fetched::digest is of the component, not of the manifest. Thread-safe where the callback
// is.
class OciSource final : public Source {
 public:
  OciSource(std::unique_ptr<Registry> registry, OciReference reference, BeforeLayer before_layer = {})
      : registry_(std::move(registry)),
        repository_(*registry_, reference.repository),
        reference_(std::move(reference)),
        before_layer_(std::move(before_layer)) {}

  // As Source::fetch.
  [[nodiscard]] Result<FetchOutcome> fetch(const FetchRequest& request, ByteSink& sink,
                                           std::stop_token stop) override;
  [[nodiscard]] std::string shown() const override { return reference_.to_string(); }
  [[nodiscard]] const Repository& repository() const { return repository_; }

 private:
  std::unique_ptr<Registry> registry_;
  Repository repository_;
  OciReference reference_;
  BeforeLayer before_layer_;
};

}  // namespace berth::artifact::oci
