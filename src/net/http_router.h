// HttpRouter: hands each request to the handler of its path.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/http_server.h"

namespace berth::net {

// Routes by path, before percent-decoding: the longest matching prefix wins, where "/a" matches "/a"
// and "/a/b" but not "/ab", and "/" matches everything. Without a match: 404.
// Immutable once it serves; then Thread-safe.
class HttpRouter final : public HttpHandler {
 public:
  // Replaces an earlier handler of the same prefix.
  void add(std::string prefix, std::unique_ptr<HttpHandler> handler);
  // As add(); `handler` must outlive the router.
  void add(std::string prefix, HttpHandler& handler);

  void handle(const HttpRequest& request, HttpReply reply) override;

 private:
  struct Route {
    std::string prefix;
    HttpHandler* handler;
    std::unique_ptr<HttpHandler> owned;
  };
  void insert(Route route);
  std::vector<Route> routes_;  // longest prefix first
};

}  // namespace berth::net
