// HttpTrust: whom a client's TLS connections trust, and who they are. Internal to the net room.
#pragma once

#include <memory>

#include "base/error.h"
#include "net/http_client.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace berth::net::detail {

// The system's certificates are 200 KB of text (17 ms and 800 KiB of memory where they are one file): they
// are read once for a client, not once for each connection, and by its first TLS connection, so that a client
// of plain HTTP has none. Thread-safe.
class HttpTrust final {
 public:
  // kInvalidArgument: a PEM text that cannot be read, or a key that is not the certificate's.
  [[nodiscard]] static Result<std::unique_ptr<const HttpTrust>> create(const HttpTls& tls);
  ~HttpTrust();
  HttpTrust(const HttpTrust&) = delete;
  HttpTrust& operator=(const HttpTrust&) = delete;

  // Makes a new connection's settings ours. Blocks for the files the first time. False when OpenSSL refuses:
  // the connection must not be made.
  [[nodiscard]] bool apply(ssl_ctx_st* settings) const;

 private:
  struct Parts;
  explicit HttpTrust(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace berth::net::detail
