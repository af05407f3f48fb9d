// A certificate authority for tests: made anew for each, with OpenSSL.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>

namespace berth::net {

struct TestIdentity {
  std::string certificate_pem;
  std::string key_pem;
};

// Issues certificates for names like "DNS:localhost,IP:127.0.0.1". One thread at a time.
class TestAuthority {
 public:
  TestAuthority() : key_(EVP_EC_gen("P-256")) {
    certificate_ = make("berth test CA", key_, "critical,CA:TRUE", "", std::chrono::hours(1));
  }
  ~TestAuthority() {
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  [[nodiscard]] std::string pem() const { return to_pem(certificate_); }

  // One that expired `valid` ago when that is negative.
  [[nodiscard]] TestIdentity issue(const std::string& names,
                                   std::chrono::hours valid = std::chrono::hours(1)) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = make("berth test", key, "CA:FALSE", names, valid);
    TestIdentity out{.certificate_pem = to_pem(certificate), .key_pem = to_pem(key)};
    X509_free(certificate);
    EVP_PKEY_free(key);
    return out;
  }

 private:
  X509* make(const char* common_name, EVP_PKEY* key, const char* constraints, const std::string& names,
             std::chrono::hours valid) {
    X509* out = X509_new();
    X509_set_version(out, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(out), ++serial_);
    const long seconds = static_cast<long>(std::chrono::seconds(valid).count());
    X509_gmtime_adj(X509_getm_notBefore(out), seconds < 0 ? 2 * seconds : -3600);
    X509_gmtime_adj(X509_getm_notAfter(out), seconds);
    X509_set_pubkey(out, key);
    X509_NAME* subject = X509_get_subject_name(out);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common_name), -1, -1, 0);
    X509_set_issuer_name(out, certificate_ == nullptr ? subject : X509_get_subject_name(certificate_));
    extend(out, NID_basic_constraints, constraints);
    if (!names.empty()) extend(out, NID_subject_alt_name, names.c_str());
    if (X509_sign(out, key_, EVP_sha256()) == 0) std::abort();
    return out;
  }
  static void extend(X509* certificate, int id, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value);
    if (extension == nullptr || X509_add_ext(certificate, extension, -1) != 1) std::abort();
    X509_EXTENSION_free(extension);
  }
  static std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string out(data, static_cast<std::size_t>(size));
    BIO_free_all(bio);
    return out;
  }
  static std::string to_pem(X509* certificate) {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    return text_of(bio);
  }
  static std::string to_pem(EVP_PKEY* key) {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
    return text_of(bio);
  }

  EVP_PKEY* key_;
  X509* certificate_ = nullptr;
  long serial_ = 0;
};

}  // namespace berth::net
