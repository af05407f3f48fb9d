// HttpTrust over OpenSSL.
#include "net/http_trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "net/limits.h"

namespace berth::net::detail {
namespace {

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* p) const {
    kFree(p);
  }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Store = std::unique_ptr<X509_STORE, Free<X509_STORE_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

// What OpenSSL says about its last failure, which is forgotten.
std::string last_error() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  std::string text = reason == nullptr ? "unknown reason" : reason;
  ERR_clear_error();
  return text;
}

std::unexpected<Error> bad(std::string message) { return fail(Code::kInvalidArgument, std::move(message)); }

Bio reader(std::string_view pem) { return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); }

Result<std::vector<Certificate>> read_certificates(std::string_view pem, const std::string& what) {
  if (pem.size() > kMaxPemBytes) {
    return fail(Code::kResourceExhausted,
                what + " has more than " + std::to_string(kMaxPemBytes >> 20) + " MiB");
  }
  std::vector<Certificate> out;
  const Bio bio = reader(pem);
  for (;;) {
    Certificate one(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!one) break;
    out.push_back(std::move(one));
  }
  // The end of the text is an error like any other to OpenSSL.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string why = last_error();
  if (out.empty()) return bad(what + " has no certificate: expected PEM text, -----BEGIN CERTIFICATE-----");
  if (!at_end)
    return bad(what + ": certificate " + std::to_string(out.size() + 1) + " cannot be read: " + why);
  return out;
}

// Never asks a terminal for the password of an encrypted key.
int no_password(char*, int, int, void*) { return -1; }

}  // namespace

struct HttpTrust::Parts {
  bool system = true;
  std::vector<Certificate> extra;
  Certificate certificate;         // the client's; may be null
  std::vector<Certificate> chain;  // above it
  Key key;

  std::once_flag once;
  Store store;  // null until apply() was called, and where that failed

  void fill_store();
};

void HttpTrust::Parts::fill_store() {
  Store filled(X509_STORE_new());
  if (!filled || (system && X509_STORE_set_default_paths(filled.get()) != 1)) return;
  // A file that does not exist is no failure above, but leaves its error.
  ERR_clear_error();
  // An intermediate or a server's own certificate in extra_ca_pem is trusted like a root.
  X509_STORE_set_flags(filled.get(), X509_V_FLAG_PARTIAL_CHAIN);
  for (const Certificate& ca : extra) {
    if (X509_STORE_add_cert(filled.get(), ca.get()) != 1) return;
  }
  store = std::move(filled);
}

HttpTrust::HttpTrust(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
HttpTrust::~HttpTrust() = default;

Result<std::unique_ptr<const HttpTrust>> HttpTrust::create(const HttpTls& tls) {
  ERR_clear_error();
  auto parts = std::make_unique<Parts>();
  parts->system = tls.system_ca;
  if (!tls.extra_ca_pem.empty())
    parts->extra = BERTH_TRY(read_certificates(tls.extra_ca_pem, "the extra CA"));
  if (tls.certificate_pem.empty() != tls.key_pem.empty()) {
    return bad("a client certificate needs its key, and a key its certificate: one of the two is missing");
  }
  if (!tls.certificate_pem.empty()) {
    parts->chain = BERTH_TRY(read_certificates(tls.certificate_pem, "the client certificate"));
    parts->certificate = std::move(parts->chain.front());
    parts->chain.erase(parts->chain.begin());
    const Bio bio = reader(tls.key_pem.reveal());
    parts->key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
    if (!parts->key) {
      ERR_clear_error();
      return bad(
          "the client certificate's key cannot be read: expected PEM text, -----BEGIN PRIVATE KEY-----, not "
          "encrypted");
    }
    if (X509_check_private_key(parts->certificate.get(), parts->key.get()) != 1) {
      ERR_clear_error();
      return bad("the key is not the client certificate's (the first one in its file)");
    }
  }
  return std::unique_ptr<const HttpTrust>(new HttpTrust(std::move(parts)));
}

bool HttpTrust::apply(ssl_ctx_st* settings) const {
  std::call_once(parts_->once, [this] { parts_->fill_store(); });
  if (!parts_->store) return false;
  SSL_CTX_set1_cert_store(settings, parts_->store.get());
  if (SSL_CTX_set_min_proto_version(settings, TLS1_2_VERSION) != 1) return false;
  // A signature that does not fit leaves errors of its algorithm, which libcurl would report in place of the
  // reason.
  SSL_CTX_set_cert_verify_callback(
      settings,
      +[](X509_STORE_CTX* chain, void*) -> int {
        const int trusted = X509_verify_cert(chain);
        if (trusted != 1) ERR_clear_error();
        return trusted;
      },
      nullptr);
  if (!parts_->certificate) return true;
  if (SSL_CTX_use_certificate(settings, parts_->certificate.get()) != 1) return false;
  for (const Certificate& above : parts_->chain) {
    if (SSL_CTX_add1_chain_cert(settings, above.get()) != 1) return false;
  }
  return SSL_CTX_use_PrivateKey(settings, parts_->key.get()) == 1;
}

}  // namespace berth::net::detail
