// Registry: sending, retrying, following; logging in is in login.cc.
#include "artifact/oci/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <utility>

#include "artifact/oci/json.h"

namespace berth::artifact::oci {
namespace {

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Cut where a character ends.
std::string shortened(std::string_view text) {
  if (text.size() <= kMaxShownErrorBytes) return std::string(text);
  std::size_t end = kMaxShownErrorBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end)) + "...";
}

// What the registry said: "NAME_UNKNOWN: repository name not known to registry".
std::string said(std::string_view body) {
  const auto json = parse_object(body, kMaxErrorBytes, "the answer");
  if (!json) return {};
  const auto errors = array_member(*json, "errors", kMaxJsonValues);
  if (!errors || *errors == nullptr) return {};
  std::string out;
  std::size_t shown = 0;
  for (const Json& error : **errors) {
    if (!error.is_object() || shown++ == kMaxShownErrors) continue;
    const auto code = text_member(error, "code");
    const auto message = text_member(error, "message");
    if (!code || !message) continue;
    if (!out.empty()) out += "; ";
    out += shortened(code->value_or("error"));
    if (*message && !(*message)->empty()) out += ": " + shortened(**message);
  }
  return out;
}

Code code_of(int status) {
  switch (status) {
    case 401:
    case 403: return Code::kPermissionDenied;
    case 404: return Code::kNotFound;
    case 405:
    case 409: return Code::kFailedPrecondition;
    case 413: return Code::kResourceExhausted;
    case 429: return Code::kBusy;
    default: return status >= 500 || status < 400 ? Code::kUnavailable : Code::kInvalidArgument;
  }
}

// True when `stop` ended the wait.
bool wait(std::chrono::milliseconds pause, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any ended;
  std::unique_lock lock(mutex);
  ended.wait_for(lock, stop, pause, [] { return false; });
  return stop.stop_requested();
}

bool may_go_better(const RegistryRequest& request, int status) {
  if (status == 429) return true;
  return request.repeat == Repeat::kAlways &&
         (status == 500 || status == 502 || status == 503 || status == 504);
}

// Gives a 2xx body to the caller's sink, and keeps any other. One thread at a time.
class ReplySink final : public net::HttpSink {
 public:
  ReplySink(const RegistryRequest& request, bool& began) : request_(request), began_(began) {}

  Result<> begin(const net::HttpHead& head) override {
    good_ = head.status >= 200 && head.status < 300;
    if (!good_ || request_.sink == nullptr) return {};
    began_ = true;
    return request_.sink->begin(head);
  }
  Result<> write(std::span<const std::uint8_t> bytes) override {
    if (good_ && request_.sink != nullptr) return request_.sink->write(bytes);
    // The rest of a long error is not shown anyway.
    const std::size_t most = good_ ? request_.max_body_bytes : kMaxErrorBytes;
    const std::size_t room = most - std::min<std::size_t>(text_.size(), most);
    if (good_ && bytes.size() > room) {
      return fail(Code::kResourceExhausted, fmt::format("the answer has more than {} KiB", most >> 10));
    }
    text_.append(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), room));
    return {};
  }
  [[nodiscard]] std::string text() && { return std::move(text_); }

 private:
  const RegistryRequest& request_;
  std::string text_;
  bool good_ = false;
  bool& began_;
};

}  // namespace

struct Registry::Attempt {
  RegistryReply reply;
  bool home;  // answered by the registry itself, without a detour
};

Result<std::optional<std::string>> RegistryReply::field(std::string_view name) const {
  std::optional<std::string> out;
  for (const auto& [key, value] : head.fields) {
    if (key != name) continue;
    if (out)
      return fail(Code::kInvalidArgument, fmt::format("the registry's answer has two {} headers", name));
    out = value;
  }
  if (out && out->empty()) out.reset();
  return out;
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return out;
}

Error refusal(const RegistryReply& reply, std::string_view doing) {
  std::string message = fmt::format("{}: the registry answers {}", doing, reply.status());
  if (const std::string more = said(reply.text); !more.empty()) message += " (" + more + ")";
  if (reply.status() == 401) message += "; its login is missing or wrong";
  Error error(code_of(reply.status()), std::move(message));
  if (const auto pause = reply.head.retry_after()) error = std::move(error).retry_in(*pause);
  return error;
}

Result<std::unique_ptr<Registry>> Registry::create(net::IoContext& io, const OciReference& reference,
                                                   RegistryOptions options) {
  const bool tls_given = !options.tls.extra_ca_pem.empty() || !options.tls.certificate_pem.empty();
  const bool plain = options.transport == Transport::kPlain ||
                     (options.transport == Transport::kAuto && reference.is_loopback() && !tls_given);
  const std::string name = reference.registry();
  net::Url base = BERTH_TRY(net::Url::parse(fmt::format("{}://{}/v2/", plain ? "http" : "https", name)));
  auto outbound = BERTH_TRY(Outbound::create(base.host(), options.addresses));
  auto own = BERTH_TRY(net::HttpClient::create(io, {.tls = options.tls, .proxy = options.proxy}));
  auto other = BERTH_TRY(net::HttpClient::create(
      io, {.tls = {.extra_ca_pem = options.tls.extra_ca_pem}, .proxy = options.proxy}));
  return std::unique_ptr<Registry>(new Registry(name, std::move(base), std::move(options),
                                                std::move(outbound), std::move(own), std::move(other)));
}

Result<net::Url> Registry::url(std::string_view path, std::string_view query) const {
  return base_.with_target(base_.path() + std::string(path), query);
}

net::HttpClient& Registry::client_for(const net::Url& url) const {
  return url.origin() == base_.origin() ? *own_client_ : *other_client_;
}

Result<RegistryReply> Registry::send(const RegistryRequest& request, const std::stop_token& stop) {
  std::chrono::milliseconds pause = options_.first_pause;
  for (int tries = 1;; ++tries, pause *= 2) {
    bool began = false;
    auto reply = log_in_and_send(request, began, stop);
    std::chrono::milliseconds before_next = pause;
    if (reply) {
      if (!may_go_better(request, reply->status())) return reply;
      if (const auto asked = reply->head.retry_after()) before_next = *asked;
      if (tries == kMaxTries || before_next > kMaxPause) return reply;
    } else {
      const bool again =
          !began && request.repeat == Repeat::kAlways && reply.error().code() == Code::kUnavailable;
      if (!again || tries == kMaxTries) return reply;
    }
    if (wait(before_next, stop))
      return fail(Code::kCancelled, fmt::format("stopped while waiting for {}", name_));
  }
}

Result<RegistryReply> Registry::log_in_and_send(const RegistryRequest& request, bool& began,
                                                const std::stop_token& stop) {
  Attempt first = BERTH_TRY(follow(request, kept_authorization(request.needs), began, stop));
  // A challenge of another host is not ours to answer; a second one after a fresh login is an answer.
  if (first.reply.status() != 401 || !first.home) return std::move(first.reply);
  const Secret authorization = BERTH_TRY(log_in(first.reply, request.needs, stop));
  return BERTH_TRY(follow(request, authorization, began, stop)).reply;
}

Result<net::Url> Registry::redirected(const RegistryRequest& request, const net::Url& from,
                                      const RegistryReply& reply) const {
  const auto location = BERTH_TRY(reply.field("location"));
  if (!location) {
    return fail(Code::kInvalidArgument,
                fmt::format("{} answers {} without Location", from.shown(), reply.status()));
  }
  auto to = from.resolve(*location);
  if (!to) return fail(std::move(to).error().context(fmt::format("the redirect of {}", from.shown())));
  if (from.https() && !to->https()) {
    return fail(Code::kPermissionDenied,
                fmt::format("{} redirects to a place without TLS, {}", from.shown(), to->shown()));
  }
  if (request.redirects == Redirects::kNone || (request.method != "GET" && request.method != "HEAD")) {
    return fail(Code::kPermissionDenied, fmt::format("{} redirects a {} to {}; that is not followed",
                                                     from.shown(), request.method, to->shown()));
  }
  if (request.redirects == Redirects::kSameHost && to->origin() != base_.origin()) {
    return fail(Code::kPermissionDenied,
                fmt::format("{} lets another host, {}, say what it means; that is not followed", from.shown(),
                            to->shown()));
  }
  return to;
}

Result<Registry::Attempt> Registry::follow(const RegistryRequest& request, const Secret& authorization,
                                           bool& began, const std::stop_token& stop) {
  net::Url url = request.url;
  // Once we were sent elsewhere, the way back gets no login either: the other host chose it.
  bool home = true;
  for (int hops = 0;; ++hops) {
    home = home && url.origin() == base_.origin();
    net::HttpClientRequest out{
        .method = request.method,
        .url = url,
        .headers = request.headers,
        .authorization = home ? authorization : Secret(),
        .body = request.body,
        // A short answer's limit must not cut the error that comes in its place.
        .max_body_bytes = std::max<std::uint64_t>(request.max_body_bytes, kMaxErrorBytes),
        .addresses = outbound_.for_host(url.host()),
        .on_sent = request.on_sent};
    out.timeouts.total = request.timeout;
    ReplySink sink(request, began);
    auto response = BERTH_TRY(client_for(url).send_and_wait(std::move(out), sink, stop));
    RegistryReply reply{.head = std::move(response.head), .text = std::move(sink).text(), .url = url};
    if (!is_redirect(reply.status())) return Attempt{std::move(reply), home};
    if (hops == kMaxRedirects) {
      return fail(Code::kResourceExhausted,
                  fmt::format("{}: more than {} redirects", request.url.shown(), kMaxRedirects));
    }
    url = BERTH_TRY(redirected(request, url, reply));
  }
}

}  // namespace berth::artifact::oci
