// HttpSource: a file of a web server, asked for with the validators of the last answer.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/credentials.h"
#include "artifact/outbound.h"
#include "artifact/source.h"
#include "base/error.h"
#include "net/http_client.h"

namespace berth::artifact {

enum class Downgrade : bool { kRefuse, kAllow };

struct HttpSourceOptions {
  HttpCredentials credentials;
  TlsFiles tls;
  net::HttpProxy proxy;
  // Where servers may lead besides public addresses; see Outbound.
  std::vector<std::string> addresses;
  int max_redirects = 5;
  // A redirect from https to http.
  Downgrade downgrade = Downgrade::kRefuse;
  // Credentials over http to another machine.
  Downgrade plain_credentials = Downgrade::kRefuse;
  // The total is for the whole fetch with its redirects.
  net::HttpTimeouts timeouts{.total = std::chrono::minutes(10)};
};

// Redirects are followed under these rules: at most max_redirects; never to another scheme than http and
// https, nor from https to http unless allowed; another host, port or scheme gets neither the credentials nor
// the client certificate, also when a later redirect leads back; another host must be public or in
// `addresses`.
//
// An ETag or date is sent only to the address that gave it, so that two mirrors that count alike are not
// taken for one another. A body is taken as it is: one that the server compressed is refused, and its
// Content-Type is only remembered.
//
// Secrets and certificates are read again for each fetch. Thread-safe; fetches of one source take turns.
class HttpSource final : public Source {
 public:
  // `io` outlives the source. kInvalidArgument: an address rule, both kinds of credentials, or credentials
  // for an http URL that leads to another machine (allow it, or use https).
  [[nodiscard]] static Result<std::unique_ptr<HttpSource>> create(net::IoContext& io, net::Url url,
                                                                  HttpSourceOptions options = {});

  // As Source::fetch; not on a thread of the IoContext. 401 and 403 are kPermissionDenied; 404 and 410
  // kNotFound; 408, 425, 429 and 5xx kUnavailable with the server's Retry-After; other answers
  // kFailedPrecondition.
  [[nodiscard]] Result<FetchOutcome> fetch(const FetchRequest& request, ByteSink& sink,
                                           std::stop_token stop) override;
  [[nodiscard]] std::string shown() const override { return url_.shown(); }

 private:
  HttpSource(net::IoContext& io, net::Url url, HttpSourceOptions options, Outbound outbound);
  [[nodiscard]] Result<> refresh_clients();

  net::IoContext& io_;
  const net::Url url_;
  const HttpSourceOptions options_;
  const Outbound outbound_;

  std::mutex fetching_;
  // What the clients were made of; guarded by fetching_, like them.
  std::string tls_texts_;
  std::unique_ptr<net::HttpClient> own_;
  std::unique_ptr<net::HttpClient> others_;  // without the client certificate; null where there is none
};

}  // namespace berth::artifact
