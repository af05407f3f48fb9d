// HttpProxy: the environment's variables, and which requests a proxy carries.
#include <algorithm>
#include <cstdlib>

#include "net/http_client.h"
#include "net/http_message.h"

namespace berth::net {
namespace {

// The value of the first variable that is set and not empty.
std::string_view variable(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

bool is_exception(std::string_view rule, std::string_view host) {
  if (rule == "*") return true;
  if (const auto address = IpAddress::parse(host)) {
    const auto range = Cidr::parse(rule);
    return range && (range->contains(*address) || range->contains(address->unwrapped()));
  }
  // ".example.org" and "example.org" mean the same: the name and everything below it.
  if (rule.starts_with('.')) rule.remove_prefix(1);
  if (rule.empty() || host.size() < rule.size()) return false;
  const std::string_view end = host.substr(host.size() - rule.size());
  return equals_ignoring_case(end, rule) &&
         (end.size() == host.size() || host[host.size() - rule.size() - 1] == '.');
}

Result<std::optional<HttpProxyServer>> read_server(std::string_view text, std::string_view what) {
  if (text.empty()) return std::nullopt;
  std::string url(text);
  if (url.find("://") == std::string::npos) url.insert(0, "http://");
  // The usual place for credentials in such a variable.
  Secret user;
  const std::size_t start = url.find("://") + 3;
  const std::size_t at = std::string_view(url).substr(0, url.find('/', start)).rfind('@');
  if (at != std::string::npos && at >= start) {
    const auto decoded = percent_decode(std::string_view(url).substr(start, at - start));
    if (!decoded) {
      return fail(Code::kInvalidArgument, std::string(what) + " has a % without two digits in its password");
    }
    user = Secret(*decoded);
    url.erase(start, at + 1 - start);
  }
  auto parsed = Url::parse(url);
  if (!parsed) return fail(std::move(parsed).error().context(what));
  return HttpProxyServer{.url = *std::move(parsed), .user = std::move(user)};
}

}  // namespace

Result<HttpProxy> HttpProxy::from_environment() {
  HttpProxy proxy;
  const std::string_view all = variable({"all_proxy", "ALL_PROXY"});
  const auto read = [&](std::string_view own, std::string_view what) {
    return own.empty() ? read_server(all, "all_proxy") : read_server(own, what);
  };
  proxy.for_http = BERTH_TRY(read(variable({"http_proxy"}), "http_proxy"));
  proxy.for_https = BERTH_TRY(read(variable({"https_proxy", "HTTPS_PROXY"}), "https_proxy"));
  std::string_view except = variable({"no_proxy", "NO_PROXY"});
  while (!except.empty()) {
    const std::size_t end = std::min(except.find_first_of(", "), except.size());
    if (end > 0) proxy.except.emplace_back(except.substr(0, end));
    except.remove_prefix(std::min(end + 1, except.size()));
  }
  return proxy;
}

const HttpProxyServer* HttpProxy::for_url(const Url& url) const {
  const std::optional<HttpProxyServer>& proxy = url.https() ? for_https : for_http;
  if (!proxy) return nullptr;
  const bool direct =
      std::ranges::any_of(except, [&](const std::string& rule) { return is_exception(rule, url.host()); });
  return direct ? nullptr : &*proxy;
}

}  // namespace berth::net
