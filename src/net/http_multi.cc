// HttpMulti: socket and timer callbacks of libcurl as waits of Asio.
#include "net/http_multi.h"

#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>
#include <vector>

namespace berth::net::detail {

Result<std::shared_ptr<HttpMulti>> HttpMulti::create(IoCore& io, const HttpClientOptions& options,
                                                     std::unique_ptr<const HttpTrust> trust) {
  std::shared_ptr<HttpMulti> out(new HttpMulti(io, options, std::move(trust)));
  if (out->multi_ == nullptr) return fail(Code::kResourceExhausted, "no memory for an HTTP client");
  return out;
}

HttpMulti::HttpMulti(IoCore& io, const HttpClientOptions& options, std::unique_ptr<const HttpTrust> trust)
    : options_(options),
      trust_(std::move(trust)),
      strand_(boost::asio::make_strand(io.context)),
      timer_(strand_),
      multi_(curl_multi_init()) {
  if (multi_ == nullptr) return;
  const auto connections = static_cast<long>(options_.max_connections);
  curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, connections);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(
      multi_, CURLMOPT_SOCKETFUNCTION, +[](CURL*, curl_socket_t fd, int what, void* of, void*) -> int {
        static_cast<HttpMulti*>(of)->watch(fd, what);
        return 0;
      });
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(
      multi_, CURLMOPT_TIMERFUNCTION, +[](CURLM*, long ms, void* of) -> int {
        static_cast<HttpMulti*>(of)->set_timer(ms);
        return 0;
      });
}

HttpMulti::~HttpMulti() { close(); }

void HttpMulti::start(std::shared_ptr<HttpTransfer> transfer) {
  boost::asio::post(strand_, [self = shared_from_this(), transfer = std::move(transfer)]() mutable {
    if (self->multi_ == nullptr || transfer->is_cancelled) {
      self->finish(transfer, transfer->cancelled());
      return;
    }
    self->running_.emplace(transfer.get(), transfer);
    if (const CURLMcode code = curl_multi_add_handle(self->multi_, transfer->easy()); code != CURLM_OK) {
      self->finish(transfer, fail(Code::kInternal, std::string("libcurl: ") + curl_multi_strerror(code)));
    }
  });
}

void HttpMulti::cancel(std::weak_ptr<HttpTransfer> transfer) {
  boost::asio::post(strand_, [self = shared_from_this(), weak = std::move(transfer)] {
    const auto wanted = weak.lock();
    if (!wanted) return;
    wanted->is_cancelled = true;
    if (self->running_.contains(wanted.get())) self->finish(wanted, wanted->cancelled());
  });
}

void HttpMulti::stop(std::move_only_function<void()> stopped) {
  boost::asio::post(strand_, [self = shared_from_this(), stopped = std::move(stopped)]() mutable {
    while (!self->running_.empty()) {
      const auto transfer = self->running_.begin()->second;
      self->finish(transfer, transfer->cancelled());
    }
    self->close();
    stopped();
  });
}

void HttpMulti::finish(const std::shared_ptr<HttpTransfer>& transfer, Result<HttpClientResponse> result) {
  if (running_.erase(transfer.get()) > 0) curl_multi_remove_handle(multi_, transfer->easy());
  transfer->on_stop.reset();
  auto done = std::move(transfer->done);
  done(std::move(result));
}

void HttpMulti::close() {
  if (multi_ == nullptr) return;
  curl_multi_cleanup(multi_);
  multi_ = nullptr;
  timer_.cancel();
  for (auto& [fd, watched] : watched_) {
    watched->gone = true;
    watched->descriptor.release();
  }
  watched_.clear();
}

// ---- libcurl asks ---------------------------------------------------------------------------------------

void HttpMulti::watch(curl_socket_t fd, int what) {
  const auto known = watched_.find(fd);
  if (what == CURL_POLL_REMOVE) {
    if (known == watched_.end()) return;
    // libcurl closes it after this, and the number may be another socket's at once.
    known->second->gone = true;
    known->second->descriptor.release();
    watched_.erase(known);
    return;
  }
  std::shared_ptr<Watched> watched;
  if (known != watched_.end()) {
    watched = known->second;
  } else {
    watched = std::make_shared<Watched>(strand_);
    boost::system::error_code error;
    watched->descriptor.assign(fd, error);
    // The transfer ends with its timeout.
    if (error) return;
    watched_.emplace(fd, watched);
  }
  watched->want_read = (what & CURL_POLL_IN) != 0;
  watched->want_write = (what & CURL_POLL_OUT) != 0;
  wait(watched, fd);
}

void HttpMulti::wait(const std::shared_ptr<Watched>& watched, curl_socket_t fd) {
  const auto begin = [&](bool wanted, bool Watched::* waits,
                         boost::asio::posix::descriptor_base::wait_type type, int event) {
    if (!wanted || (*watched).*waits) return;
    (*watched).*waits = true;
    watched->descriptor.async_wait(
        type, [self = shared_from_this(), watched, waits, fd, event](boost::system::error_code error) {
          (*watched).*waits = false;
          if (watched->gone) return;
          const bool wanted_still = event == CURL_CSELECT_IN ? watched->want_read : watched->want_write;
          if (wanted_still || error) self->act(fd, error ? CURL_CSELECT_ERR : event);
          if (!watched->gone && !error) self->wait(watched, fd);
        });
  };
  using Descriptor = boost::asio::posix::descriptor_base;
  begin(watched->want_read, &Watched::waits_read, Descriptor::wait_read, CURL_CSELECT_IN);
  begin(watched->want_write, &Watched::waits_write, Descriptor::wait_write, CURL_CSELECT_OUT);
}

void HttpMulti::set_timer(long ms) {
  if (ms < 0) {
    timer_.cancel();
    return;
  }
  timer_.expires_after(std::chrono::milliseconds(ms));
  timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (!error) self->act(CURL_SOCKET_TIMEOUT, 0);
  });
}

// ---- libcurl acts
// -------------------------------------------------------------------------------------------

void HttpMulti::act(curl_socket_t fd, int events) {
  if (multi_ == nullptr) return;
  int running = 0;
  curl_multi_socket_action(multi_, fd, events, &running);
  int left = 0;
  std::vector<std::pair<std::shared_ptr<HttpTransfer>, CURLcode>> over;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    void* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    const auto at = running_.find(static_cast<HttpTransfer*>(transfer));
    if (at != running_.end()) over.emplace_back(at->second, message->data.result);
  }
  for (const auto& [transfer, code] : over) {
    if (running_.contains(transfer.get())) finish(transfer, transfer->result(code));
  }
}

}  // namespace berth::net::detail
