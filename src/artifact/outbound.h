// Outbound: which addresses a fetch may dial, at the host its reference names and at others it is sent to.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/address.h"

namespace berth::artifact {

// The operator wrote the reference's host: net::AddressPolicy::of_host says where it may lead. Another host
// was chosen by a server (a redirect, a token realm, an upload's location): it must be public, or in
// `addresses`. Immutable, Thread-safe.
class Outbound final {
 public:
  // `host`: as net::Url::host() or OciReference::host. `addresses`: rules as net::AddressPolicy takes them;
  // they hold for every host. kInvalidArgument: a rule that is none.
  [[nodiscard]] static Result<Outbound> create(std::string_view host, std::span<const std::string> addresses);

  // For net::HttpClientRequest::addresses of a request to `host`.
  [[nodiscard]] const std::shared_ptr<const net::AddressPolicy>& for_host(std::string_view host) const {
    return host == host_ ? named_ : others_;
  }

 private:
  Outbound() = default;
  std::string host_;
  std::shared_ptr<const net::AddressPolicy> named_;
  std::shared_ptr<const net::AddressPolicy> others_;
};

}  // namespace berth::artifact
