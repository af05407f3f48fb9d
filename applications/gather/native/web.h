// Web: requests to the servers that the manifest names, with the identity that it gives us.
#pragma once

#include <stop_token>
#include <string>

#include "applications/gather/native/settings.h"
#include "base/error.h"
#include "net/http_client.h"
#include "net/io_context.h"

namespace berth::gather {

// Sends `request` to `remote`, whose URL it has if it has none of its own path. Certificates and the token
// are read from their files for each request, so that they can be replaced. Redirects are not followed.
// Errors: those of net::HttpClient, and of the files. Blocks; not on a thread of `io`.
[[nodiscard]] Result<net::HttpClientResponse> send_to(const Remote& remote, net::HttpClientRequest request,
                                                      net::HttpSink& sink, net::IoContext& io,
                                                      const std::string& user_agent,
                                                      const std::stop_token& stop);

// GET; a body of up to `max_bytes` with status 200. Any other status is kUnavailable, with its retry-after.
[[nodiscard]] Result<std::string> get_from(const Remote& remote, const net::Url& url, std::size_t max_bytes,
                                           net::IoContext& io, const std::string& user_agent,
                                           const std::stop_token& stop);

// Whether the certificates can be read and used; the token may come later. Blocks.
[[nodiscard]] Result<> check_identity(const Remote& remote, net::IoContext& io);

}  // namespace berth::gather
