// HttpSource: one conditional GET, and the redirects it meets.
#include "artifact/http_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "artifact/limits.h"
#include "net/http_message.h"

namespace berth::artifact {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// Hashes a body on its way to the store. What is no answer to keep ends at its head: a redirect's page or an
// error's text would only be read to be thrown away.
class BodySink final : public net::HttpSink {
 public:
  BodySink(ByteSink& to, std::string url) : to_(to), url_(std::move(url)) {}

  Result<> begin(const net::HttpHead& head) override {
    head_ = head;
    if (head.status == 304) return {};
    if (head.status != 200) return fail(Code::kAborted, "the head is all that is wanted");
    const auto encoding = head.find("content-encoding");
    if (encoding && !net::equals_ignoring_case(*encoding, "identity")) {
      return fail(Code::kFailedPrecondition, "GET " + url_ +
                                                 ": the server sends it compressed although it was asked not "
                                                 "to; turn compression of this file off");
    }
    return {};
  }
  Result<> write(std::span<const std::uint8_t> bytes) override {
    hasher_.update(bytes);
    return to_.write(bytes);
  }

  // Of the response, also where it was ended at its head.
  [[nodiscard]] const std::optional<net::HttpHead>& head() const { return head_; }
  [[nodiscard]] Result<Digest> digest() { return hasher_.finish(); }

 private:
  ByteSink& to_;
  std::string url_;
  Hasher hasher_;
  std::optional<net::HttpHead> head_;
};

// What an ETag is an ETag of. A redirect's target is often signed anew each time, in its query; a date or tag
// of the same path still holds.
std::string place_of(const net::Url& url, bool redirected) {
  std::string text = redirected ? url.with_target(url.path(), {}).value_or(url).to_string() : url.to_string();
  const auto digest = Digest::of({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  // Never equal to one that was kept.
  return digest ? digest->hex().substr(0, 16) : std::string();
}

std::string kept(std::optional<std::string_view> value, std::size_t max) {
  return value && value->size() <= max ? std::string(*value) : std::string();
}

Validators validators_of(const net::HttpHead& head, const std::string& place) {
  return {.etag = place + " " + kept(head.find("etag"), kMaxValidatorBytes),
          .last_modified = kept(head.find("last-modified"), kMaxValidatorBytes)};
}

// The conditions of a request to `place`; none when the validators are of another one.
std::vector<net::HttpField> conditions(const FetchRequest& request, const std::string& place) {
  std::vector<net::HttpField> out;
  const std::optional<Known>& known = request.known;
  if (!has_current(request) || place.empty() || !known->validators.etag.starts_with(place + " ")) return out;
  const std::string etag = known->validators.etag.substr(place.size() + 1);
  // A damaged one would be refused by the client, each time again.
  const auto sendable = [](const std::string& text) {
    return !text.empty() && std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  };
  if (sendable(etag)) out.emplace_back("If-None-Match", etag);
  if (sendable(known->validators.last_modified)) {
    out.emplace_back("If-Modified-Since", known->validators.last_modified);
  }
  return out;
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::unexpected<Error> refused(const net::Url& url, const net::HttpHead& head) {
  const int status = head.status;
  const std::string answered =
      fmt::format("GET {}: the server answers {} {}", url.shown(), status, net::http_reason(status));
  if (status == 401) return fail(Code::kPermissionDenied, answered + "; give it other credentials");
  if (status == 403) return fail(Code::kPermissionDenied, answered);
  if (status == 404 || status == 410) return fail(Code::kNotFound, answered);
  if (status < 500 && status != 408 && status != 425 && status != 429) {
    return fail(Code::kFailedPrecondition, answered + ", which is no file");
  }
  Error error(Code::kUnavailable, answered);
  if (const auto pause = head.retry_after()) return fail(std::move(error).retry_in(*pause));
  return fail(std::move(error));
}

bool is_this_machine(const std::string& host) {
  const auto address = net::IpAddress::parse(host);
  return host == "localhost" || (address && address->is_loopback());
}

}  // namespace

Result<std::unique_ptr<HttpSource>> HttpSource::create(net::IoContext& io, net::Url url,
                                                       HttpSourceOptions options) {
  if (!options.credentials.empty() && !url.https() && options.plain_credentials == Downgrade::kRefuse &&
      !is_this_machine(url.host())) {
    return fail(
        Code::kInvalidArgument,
        fmt::format("{}: its credentials would go over the network in the clear; use https, or allow it",
                    url.shown()));
  }
  if (options.credentials.bearer && options.credentials.password) {
    return fail(Code::kInvalidArgument, "both a bearer token and a password are given; keep one");
  }
  Outbound outbound = BERTH_TRY(Outbound::create(url.host(), options.addresses));
  return std::unique_ptr<HttpSource>(
      new HttpSource(io, std::move(url), std::move(options), std::move(outbound)));
}

HttpSource::HttpSource(net::IoContext& io, net::Url url, HttpSourceOptions options, Outbound outbound)
    : io_(io), url_(std::move(url)), options_(std::move(options)), outbound_(std::move(outbound)) {}

Result<> HttpSource::refresh_clients() {
  net::HttpTls tls = BERTH_TRY(options_.tls.read());
  // A digest, so that the key is not kept twice.
  const Secret all(tls.extra_ca_pem + '\0' + tls.certificate_pem + '\0' + tls.key_pem.reveal());
  const std::string& text = all.reveal();
  std::string now =
      BERTH_TRY(Digest::of({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()})).hex();
  if (own_ && now == tls_texts_) return {};
  std::unique_ptr<net::HttpClient> others;
  if (!tls.certificate_pem.empty()) {
    net::HttpTls without{.extra_ca_pem = tls.extra_ca_pem};
    others = BERTH_TRY(net::HttpClient::create(io_, {.tls = std::move(without), .proxy = options_.proxy}));
  }
  own_ = BERTH_TRY(net::HttpClient::create(io_, {.tls = std::move(tls), .proxy = options_.proxy}));
  others_ = std::move(others);
  tls_texts_ = std::move(now);
  return {};
}

Result<FetchOutcome> HttpSource::fetch(const FetchRequest& request, ByteSink& sink, std::stop_token stop) {
  const std::lock_guard lock(fetching_);
  BERTH_TRY(refresh_clients());
  Secret authorization = BERTH_TRY(options_.credentials.read());
  const auto deadline = Clock::now() + options_.timeouts.total;
  net::Url url = url_;
  bool trusted = true;  // no redirect has led to another origin yet
  for (int redirects = 0;; ++redirects) {
    net::HttpTimeouts timeouts = options_.timeouts;
    timeouts.total = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    if (timeouts.total <= milliseconds(0)) {
      return fail(Code::kDeadlineExceeded,
                  fmt::format("GET {}: no time is left after its redirects", url_.shown()));
    }
    const std::string place = place_of(url, redirects > 0);
    net::HttpClientRequest get{.url = url,
                               .headers = conditions(request, place),
                               .max_body_bytes = request.max_bytes,
                               .timeouts = timeouts,
                               .addresses = outbound_.for_host(url.host())};
    const bool conditional = !get.headers.empty();
    get.headers.emplace_back("Accept", "application/wasm, */*");
    if (trusted) get.authorization = authorization;
    BodySink body(sink, url.shown());
    auto response = (trusted || !others_ ? own_ : others_)->send_and_wait(std::move(get), body, stop);
    // An error after a final head that is not to be kept is the one that BodySink ended it with.
    const bool answered = body.head() && body.head()->status != 200;
    if (!response && !answered) {
      Error error = std::move(response).error();
      return fail(redirects == 0 ? std::move(error)
                                 : std::move(error).context(url_.shown() + " is redirected"));
    }
    const net::HttpHead& head = *body.head();

    if (head.status == 200) {
      Fetched out{.digest = BERTH_TRY(body.digest()),
                  .bytes = response->body_bytes,
                  .media_type = kept(head.find("content-type"), kMaxMediaTypeBytes),
                  .validators = validators_of(head, place)};
      if (request.expected && *request.expected != out.digest) {
        return fail(Code::kFailedPrecondition,
                    fmt::format("GET {}: its digest is {}, not the expected {}", url.shown(),
                                out.digest.to_string(), request.expected->to_string()));
      }
      return out;
    }
    if (head.status == 304 && conditional) {
      // A server need not repeat them.
      Validators now = validators_of(head, place);
      return Unchanged{head.find("etag") || head.find("last-modified") ? std::move(now)
                                                                       : request.known->validators};
    }
    const auto location = head.find("location");
    if (!is_redirect(head.status) || !location) return refused(url, head);

    const auto bad_redirect = [&](Code code, std::string_view why) {
      return fail(code, fmt::format("GET {}: {}", url.shown(), why));
    };
    if (redirects == options_.max_redirects) {
      return bad_redirect(Code::kResourceExhausted,
                          fmt::format("there are more than {} redirects", options_.max_redirects));
    }
    auto next = url.resolve(*location);
    if (!next) {
      return bad_redirect(Code::kPermissionDenied, "it is redirected to what is no http or https URL");
    }
    if (url.https() && !next->https() && options_.downgrade == Downgrade::kRefuse) {
      return bad_redirect(
          Code::kPermissionDenied,
          fmt::format("it is redirected from https to {}; allow it, or name the target itself",
                      next->shown()));
    }
    trusted = trusted && next->origin() == url_.origin();
    url = *std::move(next);
  }
}

}  // namespace berth::artifact
