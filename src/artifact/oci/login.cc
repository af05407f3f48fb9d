// Registry: what a challenge is answered with.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "artifact/oci/registry.h"
#include "artifact/oci/token.h"

namespace berth::artifact::oci {
namespace {

using Clock = std::chrono::steady_clock;

// What an authorization is kept for: the scopes in order.
std::string key_of(std::span<const Scope> needs) {
  std::string out;
  for (const std::string& scope : scopes_to_ask(needs, {})) out += scope + " ";
  return out;
}

// Of several challenges, the one whose answer shows the least: a token rather than the password.
const Challenge* preferred(const std::vector<Challenge>& challenges) {
  for (const std::string_view scheme : {"bearer", "basic"}) {
    const auto found = std::ranges::find(challenges, scheme, &Challenge::scheme);
    if (found != challenges.end()) return &*found;
  }
  return nullptr;
}

// A token is not used up to its last moment: clocks and the network take their part.
std::chrono::seconds usable(std::chrono::seconds life) { return life - life / 10; }

}  // namespace

Secret Registry::kept_authorization(std::span<const Scope> needs) {
  const std::scoped_lock lock(mutex_);
  const auto found = kept_.find(key_of(needs));
  if (found == kept_.end()) return Secret();
  if (found->second.until > Clock::now()) return found->second.value;
  kept_.erase(found);
  return Secret();
}

Result<std::optional<Credential>> Registry::credential(std::span<const Scope> needs,
                                                       const std::stop_token& stop) const {
  if (options_.login) return options_.login;
  if (options_.logins == nullptr) return std::nullopt;
  return options_.logins->find(name_, needs.empty() ? std::string_view() : needs.front().repository, stop);
}

Result<Registry::Authorization> Registry::fetch_token(const Challenge& challenge,
                                                      std::span<const Scope> needs,
                                                      const std::stop_token& stop) {
  TokenRequest asked = BERTH_TRY(token_request(challenge, base_.origin(), options_.token_hosts, needs));
  const auto login = BERTH_TRY(credential(needs, stop));
  const std::string host = asked.url.host();
  // The operator named a token host as he named the registry's.
  const Outbound outbound = BERTH_TRY(Outbound::create(host, options_.addresses));
  net::HttpClientRequest request{
      .url = asked.url, .max_body_bytes = kMaxTokenAnswerBytes, .addresses = outbound.for_host(host)};
  Secret form;
  if (login && !login->identity_token.empty()) {
    form = token_form(asked, login->identity_token);
    request.method = "POST";
    request.url = BERTH_TRY(asked.url.with_target(asked.url.path(), {}));
    request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    const std::string& text = form.reveal();
    request.body = std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  } else if (login) {
    request.authorization = basic_authorization(*login);
  }
  const net::Url at = request.url;
  net::HttpTextSink sink;
  auto response = client_for(at).send_and_wait(std::move(request), sink, stop);
  if (!response)
    return fail(std::move(response).error().context(fmt::format("asking {} for a token", at.shown())));
  if (response->head.status != 200) {
    const RegistryReply reply{.head = std::move(response->head), .text = std::move(sink.text), .url = at};
    return fail(refusal(reply, fmt::format("asking {} for a token", at.shown())));
  }
  auto token = parse_token(sink.text, asked.scopes);
  ::explicit_bzero(sink.text.data(), sink.text.size());
  if (!token) return fail(std::move(token).error().context(at.shown()));
  return Authorization{bearer_authorization(token->text), Clock::now() + usable(token->life)};
}

Result<Secret> Registry::log_in(const RegistryReply& reply, std::span<const Scope> needs,
                                const std::stop_token& stop) {
  const auto named = [&](Error error) { return fail(std::move(error).context(name_)); };
  std::vector<Challenge> challenges;
  for (const auto& [name, value] : reply.head.fields) {
    if (name != "www-authenticate") continue;
    auto parsed = parse_challenges(value);
    if (!parsed) return named(std::move(parsed).error());
    for (Challenge& challenge : *parsed) challenges.push_back(std::move(challenge));
  }
  const Challenge* challenge = preferred(challenges);
  if (challenge == nullptr) {
    return fail(Code::kPermissionDenied,
                fmt::format("{} wants a login, but offers neither Bearer nor Basic", name_));
  }
  Authorization authorization;
  if (challenge->scheme == "bearer") {
    auto token = fetch_token(*challenge, needs, stop);
    if (!token) return named(std::move(token).error());
    authorization = std::move(*token);
  } else {
    const auto login = credential(needs, stop);
    if (!login) return named(login.error());
    if (!*login) {
      return fail(
          Code::kPermissionDenied,
          fmt::format("{} wants a login; give one (--user), or let docker's config.json have one", name_));
    }
    if (!(*login)->identity_token.empty()) {
      return fail(Code::kPermissionDenied,
                  fmt::format("{} wants a password, but the login for it is an identity token", name_));
    }
    // Kept as long as a token: the password may be changed while we run.
    authorization = {basic_authorization(**login), Clock::now() + kMaxTokenLife};
  }
  const std::scoped_lock lock(mutex_);
  if (kept_.size() >= kMaxTokens) kept_.clear();
  Secret value = authorization.value;
  kept_.insert_or_assign(key_of(needs), std::move(authorization));
  return value;
}

}  // namespace berth::artifact::oci
