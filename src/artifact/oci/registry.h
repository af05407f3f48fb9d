// Registry: requests to one OCI registry, with login, retries and redirects by the rules.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/oci/challenge.h"
#include "artifact/oci/credentials.h"
#include "artifact/oci/limits.h"
#include "artifact/oci/scope.h"
#include "artifact/outbound.h"
#include "artifact/reference.h"
#include "base/error.h"
#include "net/http_client.h"

namespace berth::artifact::oci {

// TLS or not. kAuto: plain HTTP to this machine (OciReference::is_loopback) unless TLS material is given; TLS
// to everywhere else.
enum class Transport : std::uint8_t { kAuto, kPlain, kTls };

// How a registry is reached. Plain value.
struct RegistryOptions {
  Transport transport = Transport::kAuto;
  net::HttpTls tls;  // the client certificate goes to the registry only, the extra CA holds for all hosts
  net::HttpProxy proxy;
  std::optional<Credential> login;             // used before `logins`
  std::shared_ptr<const DockerConfig> logins;  // null: none
  // Hosts besides the registry's own that may be sent the login for a token: token_request().
  std::vector<std::string> token_hosts;
  // Where the registry may send us although it is not public: rules of net::AddressPolicy.
  std::vector<std::string> addresses;
  std::chrono::milliseconds first_pause = kFirstPause;  // between tries; doubles
};

enum class Redirects : std::uint8_t {
  kNone,      // a redirect is an error
  kSameHost,  // what the registry alone may answer: what a tag means
  kAnywhere,  // content that is checked by its digest
};
enum class Repeat : std::uint8_t {
  kIfRefused,  // only after 429: the registry did nothing
  kAlways,     // also after 5xx and a broken connection: doing it twice is doing it once
};

// Plain value; what it borrows lives until the request is over.
struct RegistryRequest {
  std::string method = "GET";
  net::Url url;
  std::vector<net::HttpField> headers;
  net::HttpUpload body;
  std::span<const Scope> needs;   // the first one's repository is the one that the login is for
  net::HttpSink* sink = nullptr;  // of a 2xx answer's body; null: kept in the reply
  std::uint64_t max_body_bytes = kMaxErrorBytes;
  Redirects redirects = Redirects::kNone;
  Repeat repeat = Repeat::kIfRefused;
  std::chrono::milliseconds timeout{60'000};
  std::function<void(std::uint64_t)> on_sent;
};

// The answer that counts: not a redirect, not a challenge that could be met. Plain value.
struct RegistryReply {
  net::HttpHead head;
  std::string text;  // the body when there was no sink or no 2xx; of an error at most kMaxErrorBytes
  net::Url url;      // what answered
  [[nodiscard]] int status() const { return head.status; }
  // The field of that name; nothing when it is absent or empty. kInvalidArgument when it is there twice.
  [[nodiscard]] Result<std::optional<std::string>> field(std::string_view name) const;
};

// A number of a reply's field: nothing but digits.
[[nodiscard]] std::optional<std::uint64_t> whole_number(std::string_view text);
// The answer as an error: what was being done, where, what the registry said, what to do.
[[nodiscard]] Error refusal(const RegistryReply& reply, std::string_view doing);

// Thread-safe. Blocks; not to be used on a thread of the IoContext. Errors besides those of a caller's sink:
//  kPermissionDenied: the login is refused, or the registry broke a rule about hosts. kUnavailable,
//  kDeadlineExceeded, kBusy (with retry_after): may go better later. kCancelled. kInvalidArgument: an answer
//  that is none. kResourceExhausted: an answer over its limit.
class Registry final {
 public:
  // `io` must outlive it. kInvalidArgument: TLS material or address rules that are none.
  [[nodiscard]] static Result<std::unique_ptr<Registry>> create(net::IoContext& io,
                                                                const OciReference& reference,
                                                                RegistryOptions options);
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // "host:port", for messages.
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const net::Origin& origin() const { return base_.origin(); }
  // "/v2/" and `path`, at this registry.
  [[nodiscard]] Result<net::Url> url(std::string_view path, std::string_view query = {}) const;

  [[nodiscard]] Result<RegistryReply> send(const RegistryRequest& request, const std::stop_token& stop);

 private:
  struct Authorization {
    Secret value;
    std::chrono::steady_clock::time_point until;
  };
  struct Attempt;
  Registry(std::string name, net::Url base, RegistryOptions options, Outbound outbound,
           std::unique_ptr<net::HttpClient> own, std::unique_ptr<net::HttpClient> other)
      : name_(std::move(name)),
        base_(std::move(base)),
        options_(std::move(options)),
        outbound_(std::move(outbound)),
        own_client_(std::move(own)),
        other_client_(std::move(other)) {}

  // `began`: the caller's sink has got something, which cannot be taken back.
  [[nodiscard]] Result<RegistryReply> log_in_and_send(const RegistryRequest& request, bool& began,
                                                      const std::stop_token& stop);
  [[nodiscard]] Result<Attempt> follow(const RegistryRequest& request, const Secret& authorization,
                                       bool& began, const std::stop_token& stop);
  [[nodiscard]] Result<net::Url> redirected(const RegistryRequest& request, const net::Url& from,
                                            const RegistryReply& reply) const;
  [[nodiscard]] net::HttpClient& client_for(const net::Url& url) const;

  [[nodiscard]] Secret kept_authorization(std::span<const Scope> needs);
  // What the challenge in `reply` asks for; kept for the next request.
  [[nodiscard]] Result<Secret> log_in(const RegistryReply& reply, std::span<const Scope> needs,
                                      const std::stop_token& stop);
  [[nodiscard]] Result<std::optional<Credential>> credential(std::span<const Scope> needs,
                                                             const std::stop_token& stop) const;
  [[nodiscard]] Result<Authorization> fetch_token(const Challenge& challenge, std::span<const Scope> needs,
                                                  const std::stop_token& stop);

  const std::string name_;
  const net::Url base_;
  const RegistryOptions options_;
  const Outbound outbound_;
  // Two, because a connection under our certificate must not lead to another host.
  const std::unique_ptr<net::HttpClient> own_client_;
  const std::unique_ptr<net::HttpClient> other_client_;
  std::mutex mutex_;                           // guards kept_
  std::map<std::string, Authorization> kept_;  // by what it is for
};

}  // namespace berth::artifact::oci
