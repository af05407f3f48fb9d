// HttpRouter: longest prefix first.
#include "net/http_router.h"

#include <algorithm>

namespace berth::net {

void HttpRouter::add(std::string prefix, std::unique_ptr<HttpHandler> handler) {
  HttpHandler* const raw = handler.get();
  insert({std::move(prefix), raw, std::move(handler)});
}

void HttpRouter::add(std::string prefix, HttpHandler& handler) {
  insert({std::move(prefix), &handler, nullptr});
}

void HttpRouter::insert(Route route) {
  std::erase_if(routes_, [&](const Route& r) { return r.prefix == route.prefix; });
  const auto at =
      std::ranges::find_if(routes_, [&](const Route& r) { return r.prefix.size() < route.prefix.size(); });
  routes_.insert(at, std::move(route));
}

void HttpRouter::handle(const HttpRequest& request, HttpReply reply) {
  const std::string_view path = request.path();
  for (const Route& r : routes_) {
    if (!path.starts_with(r.prefix)) continue;
    if (path.size() == r.prefix.size() || r.prefix.ends_with('/') || path[r.prefix.size()] == '/') {
      r.handler->handle(request, std::move(reply));
      return;
    }
  }
  reply.send(
      HttpResponseView{.status = 404, .content_type = "text/plain; charset=utf-8", .body = "no such path\n"});
}

}  // namespace berth::net
