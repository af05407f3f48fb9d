// The token dance, without its requests: where a token may be asked for, with what, and what an answer means.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/oci/challenge.h"
#include "artifact/oci/credentials.h"
#include "artifact/oci/scope.h"
#include "base/error.h"
#include "base/secret.h"
#include "net/url.h"

namespace berth::artifact::oci {

// A request for a token. Plain value.
struct TokenRequest {
  net::Url url;                     // of a GET, with service and scope; of a POST without
  std::string service;              // may be empty
  std::vector<std::string> scopes;  // what is asked for
};

// From a Bearer challenge of the registry at `registry`. The realm must be on the registry's own host, or on
// one of `token_hosts` ("host", "host:8443", or "http://host:8080" where there is no TLS); over https unless
// the registry itself is reached without.
//  kPermissionDenied: the realm is somewhere else. kInvalidArgument: it is no plain URL.
[[nodiscard]] Result<TokenRequest> token_request(const Challenge& challenge, const net::Origin& registry,
                                                 std::span<const std::string> token_hosts,
                                                 std::span<const Scope> needed);

// The form of a POST that exchanges an identity token.
[[nodiscard]] Secret token_form(const TokenRequest& request, const Secret& identity_token);

struct Token {
  Secret text;
  std::chrono::seconds life{};
};

// kInvalidArgument: no usable token. kPermissionDenied: the token is for more than was asked.
[[nodiscard]] Result<Token> parse_token(std::string_view body, std::span<const std::string> asked);

// "Basic ..." and "Bearer ...", for the Authorization header.
[[nodiscard]] Secret basic_authorization(const Credential& credential);
[[nodiscard]] Secret bearer_authorization(const Secret& token);

// With every character but letters, digits and -._~ as %XX.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace berth::artifact::oci
