// A server for tests that says what its script says, byte by byte, with TLS if wanted.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "net/test_authority.h"

namespace berth::net {

// How a scripted server does TLS.
struct ScriptedTls {
  TestIdentity identity;
  std::string client_ca_pem;         // not empty: a client certificate is demanded
  int max_version = TLS1_3_VERSION;  // an old server
};

// One connection, in a thread of its own. One thread at a time.
class ScriptedConnection {
 public:
  ScriptedConnection(int fd, SSL* ssl) : fd_(fd), ssl_(ssl) {}

  // The next request with its body; empty when the client has closed.
  std::string request() {
    for (;;) {
      if (const auto end = received_.find("\r\n\r\n"); end != std::string::npos) {
        std::size_t length = 0;
        if (const auto at = received_.find("Content-Length: "); at < end) {
          std::from_chars(received_.data() + at + 16, received_.data() + end, length);
        }
        if (received_.size() >= end + 4 + length) {
          std::string one = received_.substr(0, end + 4 + length);
          received_.erase(0, one.size());
          return one;
        }
      }
      if (!receive()) return {};
    }
  }
  // False when the client has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n =
          ssl_ != nullptr
              ? SSL_write(ssl_, bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), 1 << 20)))
              : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  // A whole response; `headers` are lines with their line breaks.
  bool reply(std::string_view status, std::string_view headers, std::string_view body) {
    std::string out = "HTTP/1.1 " + std::string(status) + "\r\n" + std::string(headers) +
                      "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    return send(out.append(body));
  }
  // Until the client closes.
  void wait_closed() {
    while (receive()) received_.clear();
  }
  [[nodiscard]] int fd() const { return fd_; }
  // What was received after the last request.
  std::string rest() { return std::exchange(received_, {}); }
  [[nodiscard]] bool has_client_certificate() const {
    X509* peer = ssl_ == nullptr ? nullptr : SSL_get1_peer_certificate(ssl_);
    X509_free(peer);
    return peer != nullptr;
  }

 private:
  bool receive() {
    char buffer[64 * 1024];
    const auto n =
        ssl_ != nullptr ? SSL_read(ssl_, buffer, sizeof buffer) : ::recv(fd_, buffer, sizeof buffer, 0);
    if (n > 0) received_.append(buffer, static_cast<std::size_t>(n));
    return n > 0;
  }

  int fd_;
  SSL* ssl_;
  std::string received_;
};

// Listens on a loopback address and runs the script for each connection. Destruction closes all of them; a
// script ends when its reads and writes fail.
class ScriptedServer {
 public:
  using Script = std::function<void(ScriptedConnection&)>;

  explicit ScriptedServer(Script script, std::optional<ScriptedTls> tls = std::nullopt,
                          const char* address = "127.0.0.1")
      : script_(std::move(script)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (tls) set_up(*tls);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    ::inet_pton(AF_INET, address, &at.sin_addr);
    socklen_t size = sizeof at;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
        ::listen(listener_, 128) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
      std::abort();
    }
    port_ = ntohs(at.sin_port);
    url_ = (tls ? "https://" : "http://") + std::string(address) + ":" + std::to_string(port_);
    acceptor_ = std::thread([this] { accept(); });
  }
  ~ScriptedServer() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    {
      const std::lock_guard lock(mutex_);
      for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
    SSL_CTX_free(tls_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // "http://127.0.0.1:1234" and `path`.
  [[nodiscard]] std::string url(std::string_view path = "/") const { return url_ + std::string(path); }
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  void set_up(const ScriptedTls& tls) {
    tls_ = SSL_CTX_new(TLS_server_method());
    // An old version may be asked for.
    SSL_CTX_set_security_level(tls_, 0);
    SSL_CTX_set_min_proto_version(tls_, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(tls_, tls.max_version);
    BIO* bio = BIO_new_mem_buf(tls.identity.certificate_pem.data(), -1);
    X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    BIO_free_all(bio);
    bio = BIO_new_mem_buf(tls.identity.key_pem.data(), -1);
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    BIO_free_all(bio);
    SSL_CTX_use_certificate(tls_, certificate);
    SSL_CTX_use_PrivateKey(tls_, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    if (tls.client_ca_pem.empty()) return;
    bio = BIO_new_mem_buf(tls.client_ca_pem.data(), -1);
    X509* ca = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    BIO_free_all(bio);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(tls_), ca);
    X509_free(ca);
    SSL_CTX_set_verify(tls_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  void accept() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (stopping_ || fd < 0) {
        if (fd >= 0) ::close(fd);
        return;
      }
      ++accepted_;
      const std::lock_guard lock(mutex_);
      open_.push_back(fd);
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  }
  void serve(int fd) {
    // OpenSSL writes with write(): a client that closes must not end the test, here only.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    SSL* ssl = tls_ == nullptr ? nullptr : SSL_new(tls_);
    if (ssl != nullptr) SSL_set_fd(ssl, fd);
    if (ssl == nullptr || SSL_accept(ssl) == 1) {
      ScriptedConnection connection(fd, ssl);
      script_(connection);
      if (ssl != nullptr) SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    const std::lock_guard lock(mutex_);
    std::erase(open_, fd);
    ::close(fd);
  }

  Script script_;
  SSL_CTX* tls_ = nullptr;
  int listener_;
  std::uint16_t port_ = 0;
  std::string url_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> accepted_ = 0;
  std::mutex mutex_;
  std::vector<int> open_;             // guarded by mutex_
  std::vector<std::thread> threads_;  // by accept() while it runs, then by the destructor
  std::thread acceptor_;
};

}  // namespace berth::net
