// Client: one request is up to kMaxTries of HttpClient's.
#include "capabilities/kubernetes/api/client.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "abi/utf8.h"
#include "capabilities/kubernetes/api/wakeup.h"

namespace berth::kubernetes {
namespace {

using std::chrono::milliseconds;

bool is_read(const ApiRequest& request) { return request.method == "GET"; }

// Where another try may help: the API is overloaded, restarts, or what is in front of it has lost it.
bool passes(int status) { return status == 500 || status == 502 || status == 503 || status == 504; }

std::string text_at(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Failure status_of(const net::HttpHead& head, std::string body) {
  Failure out{.kind = Failure::Kind::kStatus};
  Status& status = out.status;
  status.code = static_cast<std::uint16_t>(head.status);
  if (const auto pause = head.retry_after()) status.retry_after = static_cast<std::uint32_t>(pause->count());
  // Text and depth are bounded; a body that is no Status is passed on all the same.
  if (const auto parsed = nlohmann::json::parse(body, nullptr, false); parsed.is_object()) {
    status.reason = text_at(parsed, "reason");
    status.message = text_at(parsed, "message");
  } else if (abi::is_utf8(body)) {
    status.message = body.substr(0, 1024);
    while (!abi::is_utf8(status.message)) status.message.pop_back();
  }
  status.body = std::move(body);
  return out;
}

Failure failure_of(const Error& error) {
  switch (error.code()) {
    case Code::kResourceExhausted: return {.kind = Failure::Kind::kTooLarge, .text = error.message()};
    case Code::kCancelled:
      return {.kind = Failure::Kind::kUnavailable, .text = "the workload is being stopped"};
    default: return {.kind = Failure::Kind::kUnavailable, .text = error.message()};
  }
}

// Up to a third more, so that hosts which failed together do not come back together. The clock's last digits
// are chance enough.
milliseconds jittered(milliseconds pause) {
  const auto chance = std::chrono::steady_clock::now().time_since_epoch().count();
  return pause + milliseconds(chance % (pause.count() / 3 + 1));
}

}  // namespace

// The body of one try: to the receiver when it is what was asked for, else kept. One thread at a time.
class Client::Sink final : public net::HttpSink {
 public:
  explicit Sink(Receiver& to) : to_(to) {}

  Result<> begin(const net::HttpHead& head) override {
    good_ = head.status >= 200 && head.status < 300;
    if (good_) to_.begin();
    return {};
  }
  Result<> write(std::span<const std::uint8_t> bytes) override {
    if (good_) {
      auto taken = to_.write(bytes);
      refused = !taken;
      return taken;
    }
    if (other.size() + bytes.size() > kMaxStatusBytes)
      return fail(Code::kResourceExhausted,
                  fmt::format("the API's status has more than {} KiB", kMaxStatusBytes >> 10U));
    other.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }

  std::string other;
  bool refused = false;  // by the receiver: another try would end the same
  bool sent = false;     // something of the request's body

 private:
  Receiver& to_;
  bool good_ = false;
};

Result<std::unique_ptr<Client>> Client::create(ClusterConfig config, telemetry::Metrics& metrics,
                                               ClientLimits limits) {
  std::unique_ptr<Client> client(new Client(std::move(config), metrics, limits));
  const ClusterConfig& own = client->config_;
  client->addresses_ = std::make_shared<const net::AddressPolicy>(
      BERTH_TRY(net::AddressPolicy::of_host(own.server.host(), {})));
  client->io_ = BERTH_TRY(net::IoContext::create(1));
  for (auto* http : {&client->http_, &client->watches_}) {
    auto made = net::HttpClient::create(*client->io_, {.tls = own.tls, .proxy = own.proxy});
    if (!made) return fail(std::move(made).error().context(own.name));
    *http = std::move(*made);
  }
  return client;
}

Client::Client(ClusterConfig config, telemetry::Metrics& metrics, ClientLimits limits)
    : config_(std::move(config)),
      metrics_(metrics),
      limits_(limits),
      credentials_(config_.token, config_.token_file) {
  const telemetry::Labels labels{{"cluster", config_.name}};
  if (auto counter = metrics_.counter("berth_kubernetes_retries_total",
                                      "Requests to a Kubernetes API that were sent again.", labels))
    retries_ = std::move(*counter);
  if (auto counter = metrics_.counter("berth_kubernetes_received_bytes_total",
                                      "Bytes of answers of a Kubernetes API.", labels))
    bytes_ = std::move(*counter);
}

Client::~Client() = default;

void Client::count(std::string_view verb, int status, std::uint64_t bytes) {
  auto requests = metrics_.counter("berth_kubernetes_requests_total", "Requests to a Kubernetes API.",
                                   {{"cluster", config_.name},
                                    {"verb", std::string(verb)},
                                    {"code", status == 0 ? "none" : std::to_string(status)}});
  if (requests) (*requests)->add();
  if (bytes_) bytes_->add(bytes);
}

Task<void> Client::sleep(milliseconds pause, std::stop_token stop) {
  const auto wakeup = std::make_shared<Wakeup>(*io_);
  co_await wakeup->wait(pause, std::move(stop));
}

Task<Result<net::HttpClientResponse>> Client::send_once(const ApiRequest& request,
                                                        const Secret& authorization, Sink& sink,
                                                        std::stop_token stop) {
  std::string base = config_.server.path();
  while (base.ends_with('/')) base.pop_back();
  net::HttpClientRequest sent{
      .method = request.method,
      .url = BERTH_CO_TRY(config_.server.with_target(base + request.path, request.query)),
      .headers = {{"Accept", request.accept}},
      .authorization = authorization,
      .max_body_bytes = request.watch ? std::numeric_limits<std::uint64_t>::max() : request.max_body_bytes,
      .timeouts = {.connect = kConnectTime,
                   .total = request.watch ? limits_.watch + limits_.request : limits_.request,
                   .low_speed_bytes = 1,
                   .low_speed_for = request.watch
                                        ? limits_.watch_silence
                                        : std::chrono::duration_cast<std::chrono::seconds>(limits_.request)},
      .addresses = addresses_,
      .on_sent = [&sink](std::uint64_t) { sink.sent = true; },
  };
  if (!request.body.empty())
    sent.body = std::span(reinterpret_cast<const std::uint8_t*>(request.body.data()), request.body.size());
  if (!request.content_type.empty()) sent.headers.emplace_back("Content-Type", request.content_type);
  net::HttpClient& http = request.watch ? *watches_ : *http_;
  auto response = co_await http.send(std::move(sent), sink, std::move(stop));
  count(request.verb, response ? response->head.status : 0, response ? response->body_bytes : 0);
  co_return response;
}

Task<Answer<>> Client::send(ApiRequest request, Receiver& to, std::stop_token stop) {
  milliseconds backoff = limits_.first_pause;
  bool renewed = false;
  for (int tries = 1;; ++tries) {
    const auto authorization = credentials_.header();
    if (!authorization) co_return std::unexpected(failure_of(authorization.error()));
    Sink sink(to);
    const auto response = co_await send_once(request, *authorization, sink, stop);
    Failure failure;
    bool again = false;
    milliseconds pause = jittered(backoff);
    if (response) {
      const int status = response->head.status;
      if (status >= 200 && status < 300) co_return Answer<>();
      failure = status_of(response->head, std::move(sink.other));
      if (status == 401 && !renewed && credentials_.renewed_since(*authorization)) {
        renewed = true;
        continue;
      }
      again = status == 429 || (is_read(request) && passes(status));
      if (failure.status.retry_after) pause = std::chrono::seconds(*failure.status.retry_after);
      again = again && pause <= limits_.max_pause + limits_.max_pause / 3;
    } else {
      failure = failure_of(response.error());
      const Code code = response.error().code();
      again = code == Code::kUnavailable || (code == Code::kDeadlineExceeded && tries == 1);
      again = again && !sink.refused && (is_read(request) || (!sink.sent && !request.body.empty()));
    }
    if (!again || request.watch || tries == kMaxTries || stop.stop_requested())
      co_return std::unexpected(std::move(failure));
    if (retries_) retries_->add();
    co_await sleep(pause, stop);
    backoff = std::min(backoff * 2, limits_.max_pause);
  }
}

}  // namespace berth::kubernetes
