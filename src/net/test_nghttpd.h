// nghttpd for tests: a real web server with HTTP/2 over TLS, serving a folder.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "net/raw_client.h"
#include "net/scripted_server.h"
#include "net/test_authority.h"

namespace berth::net {

// Runs until its end. Its certificate is of `authority`, for 127.0.0.1.
class Nghttpd {
 public:
  explicit Nghttpd(TestAuthority& authority) {
    std::string name = ::testing::TempDir() + "/berth-nghttpd-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    const TestIdentity own = authority.issue("IP:127.0.0.1");
    std::ofstream(folder_ / "certificate") << own.certificate_pem;
    std::ofstream(folder_ / "key") << own.key_pem;
    std::filesystem::create_directory(root());
    // It takes no port 0: one that was free a moment ago is.
    port_ = ScriptedServer([](ScriptedConnection&) {}).port();
    start();
  }
  ~Nghttpd() {
    if (process_ > 0) {
      ::kill(process_, SIGTERM);
      ::waitpid(process_, nullptr, 0);
    }
    std::filesystem::remove_all(folder_);
  }
  Nghttpd(const Nghttpd&) = delete;
  Nghttpd& operator=(const Nghttpd&) = delete;

  // What it serves.
  [[nodiscard]] std::filesystem::path root() const { return folder_ / "root"; }
  [[nodiscard]] std::string url(std::string_view path) const {
    return "https://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }

 private:
  void start() {
    const std::string port = std::to_string(port_);
    const std::string htdocs = "--htdocs=" + root().string();
    const std::string key = folder_ / "key";
    const std::string certificate = folder_ / "certificate";
    std::vector<const char*> args = {"nghttpd",    "--address=127.0.0.1", "--echo-upload",     htdocs.c_str(),
                                     port.c_str(), key.c_str(),           certificate.c_str(), nullptr};
    if (::posix_spawn(&process_, "/usr/sbin/nghttpd", nullptr, nullptr, const_cast<char**>(args.data()),
                      environ) != 0) {
      ADD_FAILURE() << "/usr/sbin/nghttpd is missing: install Debian's nghttp2-server (./dev setup)";
      process_ = 0;
      return;
    }
    for (int i = 0; i < 1000; ++i) {
      if (RawClient(port_).connected()) return;
      ::usleep(10'000);
    }
    ADD_FAILURE() << "nghttpd does not listen";
  }

  std::filesystem::path folder_;
  std::uint16_t port_ = 0;
  pid_t process_ = 0;
};

}  // namespace berth::net
