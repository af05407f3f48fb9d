// HttpClient: the public face of HttpMulti; heads of responses.
#include "net/http_client.h"

#include <boost/asio/post.hpp>
#include <charconv>
#include <coroutine>
#include <ctime>
#include <future>
#include <mutex>

#include "net/http_multi.h"

namespace berth::net {

using detail::HttpMulti;
using detail::HttpTransfer;

// ---- HttpHead
// -----------------------------------------------------------------------------------------------

std::optional<std::string_view> HttpHead::find(std::string_view name) const {
  for (const auto& [field, value] : fields) {
    if (field == name) return value;
  }
  return std::nullopt;
}

std::optional<std::chrono::seconds> HttpHead::retry_after() const {
  using std::chrono::seconds;
  const auto text = find("retry-after");
  if (!text) return std::nullopt;
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), count);
  if (end != text->data() + text->size() || error == std::errc::invalid_argument) {
    // An HTTP date, or nothing that can be used.
    const std::time_t then = curl_getdate(std::string(*text).c_str(), nullptr);
    if (then == -1) return std::nullopt;
    count = then - std::time(nullptr);
  } else if (error != std::errc()) {
    count = seconds(kMaxRetryAfter).count();
  }
  return std::clamp(seconds(count), seconds(0), seconds(kMaxRetryAfter));
}

// ---- HttpClient
// ---------------------------------------------------------------------------------------------

class HttpClient::State {
 public:
  State(IoContext& io_context, std::shared_ptr<HttpMulti> curl) : io(io_context), multi(std::move(curl)) {}
  IoContext& io;
  const std::shared_ptr<HttpMulti> multi;

  // Hands a transfer to the strand and continues on an I/O thread, outside of the strand: what continues may
  // take its time.
  struct Awaiter {
    State& state;
    std::shared_ptr<HttpTransfer> transfer;
    std::stop_token stop;
    std::optional<Result<HttpClientResponse>> result;

    [[nodiscard]] bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> waiting) {
      transfer->done = [this, waiting, &io = state.io](Result<HttpClientResponse> r) {
        result = std::move(r);
        io.post([waiting] { waiting.resume(); });
      };
      const auto& multi = state.multi;
      // Before the start: afterwards this may be gone already.
      transfer->on_stop.emplace(std::move(stop),
                                [multi, weak = std::weak_ptr(transfer)] { multi->cancel(weak); });
      multi->start(std::move(transfer));
    }
    Result<HttpClientResponse> await_resume() { return *std::move(result); }
  };

  static Task<Result<HttpClientResponse>> run(std::shared_ptr<State> state, HttpClientRequest request,
                                              HttpSink& sink, std::stop_token stop) {
    auto transfer = BERTH_CO_TRY(
        HttpTransfer::create(std::move(request), state->multi->options(), state->multi->trust(), sink));
    co_return co_await Awaiter{*state, std::move(transfer), std::move(stop), std::nullopt};
  }
};

Result<std::unique_ptr<HttpClient>> HttpClient::create(IoContext& io, HttpClientOptions options) {
  // The one thing of libcurl that a process does once. Never undone: others may use libcurl too.
  static std::once_flag once;
  static CURLcode global = CURLE_OK;
  std::call_once(once, [] { global = curl_global_init(CURL_GLOBAL_DEFAULT); });
  if (global != CURLE_OK) {
    return fail(Code::kInternal, std::string("starting libcurl: ") + curl_easy_strerror(global));
  }
  auto trust = BERTH_TRY(detail::HttpTrust::create(options.tls));
  auto multi = BERTH_TRY(HttpMulti::create(io.core(), options, std::move(trust)));
  return std::unique_ptr<HttpClient>(new HttpClient(std::make_shared<State>(io, std::move(multi))));
}

HttpClient::HttpClient(std::shared_ptr<State> state) : state_(std::move(state)) {}

HttpClient::~HttpClient() {
  std::promise<void> stopped;
  state_->multi->stop([&] { stopped.set_value(); });
  stopped.get_future().wait();
}

Task<Result<HttpClientResponse>> HttpClient::send(HttpClientRequest request, HttpSink& sink,
                                                  std::stop_token stop) {
  return State::run(state_, std::move(request), sink, std::move(stop));
}

Result<HttpClientResponse> HttpClient::send_and_wait(HttpClientRequest request, HttpSink& sink,
                                                     std::stop_token stop) {
  if (state_->io.running_in_this_thread()) {
    return fail(Code::kFailedPrecondition, "a thread of the IoContext would wait for itself; use send()");
  }
  std::promise<Result<HttpClientResponse>> done;
  auto waiting = done.get_future();
  detach(send(std::move(request), sink, std::move(stop)),
         [&](Result<HttpClientResponse> result) { done.set_value(std::move(result)); });
  return waiting.get();
}

}  // namespace berth::net
