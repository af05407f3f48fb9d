// Web: files to headers and certificates.
#include "applications/gather/native/web.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "applications/gather/native/state_file.h"

namespace berth::gather {

namespace {

constexpr std::size_t kMaxTokenBytes = 64 * 1024;

Result<std::string> pem(const std::optional<std::filesystem::path>& file) {
  if (!file) return std::string();
  return read_small_file(*file, net::kMaxPemBytes);
}

Result<std::unique_ptr<net::HttpClient>> client_for(const Remote& remote, net::IoContext& io,
                                                    const std::string& user_agent) {
  net::HttpClientOptions options;
  options.tls = {.extra_ca_pem = BERTH_TRY(pem(remote.ca)),
                 .certificate_pem = BERTH_TRY(pem(remote.cert)),
                 .key_pem = Secret(BERTH_TRY(pem(remote.key)))};
  if (remote.proxy) options.proxy = BERTH_TRY(net::HttpProxy::from_environment());
  options.user_agent = user_agent;
  return net::HttpClient::create(io, std::move(options));
}

Result<Secret> authorization(const Remote& remote) {
  if (!remote.token_file) return Secret();
  std::string token = BERTH_TRY(read_small_file(*remote.token_file, kMaxTokenBytes));
  const std::size_t end = token.find_last_not_of(" \t\r\n");
  if (end == std::string::npos)
    return fail(Code::kFailedPrecondition, remote.token_file->string() + ": the file has no token");
  token.resize(end + 1);
  return Secret("Bearer " + token);
}

}  // namespace

Result<net::HttpClientResponse> send_to(const Remote& remote, net::HttpClientRequest request,
                                        net::HttpSink& sink, net::IoContext& io,
                                        const std::string& user_agent, const std::stop_token& stop) {
  const auto client = BERTH_TRY(client_for(remote, io, user_agent));
  request.authorization = BERTH_TRY(authorization(remote));
  request.addresses = std::make_shared<net::AddressPolicy>(
      BERTH_TRY(net::AddressPolicy::of_host(remote.url.host(), remote.addresses)));
  return client->send_and_wait(std::move(request), sink, stop);
}

Result<std::string> get_from(const Remote& remote, const net::Url& url, std::size_t max_bytes,
                             net::IoContext& io, const std::string& user_agent, const std::stop_token& stop) {
  net::HttpTextSink sink;
  net::HttpClientRequest request{.url = url};
  request.headers = {{"accept", "application/json"}};
  request.max_body_bytes = max_bytes;
  const auto response = BERTH_TRY(send_to(remote, std::move(request), sink, io, user_agent, stop));
  if (response.head.status == 200) return std::move(sink.text);
  Error error(Code::kUnavailable, fmt::format("{}: status {}", url.shown(), response.head.status));
  if (const auto wait = response.head.retry_after()) error = std::move(error).retry_in(*wait);
  return fail(std::move(error));
}

Result<> check_identity(const Remote& remote, net::IoContext& io) {
  (void)BERTH_TRY(client_for(remote, io, "berth"));
  return {};
}

}  // namespace berth::gather
