// Bearer tokens: the rules for realm, scope and answer.
#include "artifact/oci/token.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <utility>

#include "artifact/oci/json.h"
#include "artifact/oci/limits.h"

namespace berth::artifact::oci {
namespace {

// One of the operator's token hosts: "host", "host:8443", "http://host:8080".
bool is_token_host(const net::Url& realm, std::string_view allowed) {
  const bool plain = allowed.starts_with("http://");
  if (plain) allowed.remove_prefix(std::string_view("http://").size());
  if (plain == realm.https()) return false;
  return allowed == realm.authority() || allowed == realm.host();
}

Result<net::Url> checked_realm(std::string_view text, const net::Origin& registry,
                               std::span<const std::string> token_hosts) {
  auto realm = net::Url::parse(text);
  if (!realm) return fail(std::move(realm).error().context("the registry's token realm"));
  const bool configured =
      std::ranges::any_of(token_hosts, [&](const std::string& host) { return is_token_host(*realm, host); });
  if (!configured && realm->host() != registry.host) {
    return fail(
        Code::kPermissionDenied,
        fmt::format(
            "the registry sends logins to another host, {}; if that is right, allow it (--token-host {})",
            realm->shown(), realm->authority()));
  }
  if (!configured && registry.https && !realm->https()) {
    return fail(Code::kPermissionDenied,
                fmt::format("the registry wants logins to be sent without TLS, to {}", realm->shown()));
  }
  // It could ask for what we do not.
  if (!realm->query().empty()) {
    return fail(Code::kInvalidArgument,
                fmt::format("the registry's token realm has a query of its own: {}", realm->shown()));
  }
  return realm;
}

bool is_token_text(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTokenBytes &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=") ==
             std::string_view::npos;
}

}  // namespace

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Result<TokenRequest> token_request(const Challenge& challenge, const net::Origin& registry,
                                   std::span<const std::string> token_hosts, std::span<const Scope> needed) {
  const auto realm = challenge.find("realm");
  if (!realm) return fail(Code::kInvalidArgument, "the registry's Bearer challenge has no realm");
  TokenRequest out{.url = BERTH_TRY(checked_realm(*realm, registry, token_hosts)),
                   .service = std::string(challenge.find("service").value_or("")),
                   .scopes = scopes_to_ask(needed, challenge.find("scope").value_or(""))};
  std::string query;
  if (!out.service.empty()) query = "service=" + percent_encode(out.service);
  for (const std::string& scope : out.scopes) {
    if (!query.empty()) query += '&';
    query += "scope=" + percent_encode(scope);
  }
  out.url = BERTH_TRY(out.url.with_target(out.url.path(), query));
  return out;
}

Secret token_form(const TokenRequest& request, const Secret& identity_token) {
  std::string form =
      "grant_type=refresh_token&client_id=berth&service=" + percent_encode(request.service) + "&scope=";
  for (std::size_t i = 0; i < request.scopes.size(); ++i) {
    if (i > 0) form += "%20";
    form += percent_encode(request.scopes[i]);
  }
  form += "&refresh_token=" + percent_encode(identity_token.reveal());
  return Secret(std::move(form));
}

Result<Token> parse_token(std::string_view body, std::span<const std::string> asked) {
  const Json json = BERTH_TRY(parse_object(body, kMaxTokenAnswerBytes, "the token server's answer"));
  const auto named = [](Error error) { return fail(std::move(error).context("the token server's answer")); };
  auto token = text_member(json, "token");
  auto access_token = text_member(json, "access_token");
  const auto life = count_member(json, "expires_in");
  const auto scope = text_member(json, "scope");
  if (!token) return named(std::move(token).error());
  if (!access_token) return named(std::move(access_token).error());
  if (!life) return named(life.error());
  if (!scope) return named(scope.error());
  if (*scope && !within(**scope, asked)) {
    return fail(Code::kPermissionDenied,
                "the token server gave a token for more than was asked; it is not used");
  }
  const std::string& text = *token && !(*token)->empty() ? **token : access_token->value_or("");
  if (!is_token_text(text))
    return named(Error(Code::kInvalidArgument, "no token, or none that fits a header"));
  const auto most = static_cast<std::uint64_t>(kMaxTokenLife.count());
  const auto given = static_cast<std::uint64_t>(kDefaultTokenLife.count());
  return Token{Secret(text), std::chrono::seconds(std::min(life->value_or(given), most))};
}

Secret basic_authorization(const Credential& credential) {
  std::string plain = credential.user + ":" + credential.password.reveal();
  std::string encoded((plain.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                      reinterpret_cast<const unsigned char*>(plain.data()), static_cast<int>(plain.size()));
  encoded.resize(static_cast<std::size_t>(size));
  const Secret wiped(std::move(plain));
  const Secret text(std::move(encoded));
  return Secret("Basic " + text.reveal());
}

Secret bearer_authorization(const Secret& token) { return Secret("Bearer " + token.reveal()); }

}  // namespace berth::artifact::oci
