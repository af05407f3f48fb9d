// ClusterConfig: kubeconfig files and service accounts.
#include "capabilities/kubernetes/api/cluster_config.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <vector>

#include "base/file_system.h"
#include "capabilities/kubernetes/limits.h"
#include "manifest/yaml.h"

namespace berth::kubernetes {
namespace {

namespace fs = std::filesystem;
using manifest::Value;

Result<std::string> decode_base64(std::string_view text) {
  std::string packed;
  for (const char c : text)
    if (c != '\n' && c != '\r' && c != ' ') packed += c;
  if (packed.empty() || packed.size() % 4 != 0) return fail(Code::kInvalidArgument, "is no base64");
  std::string out(packed.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(packed.data()), static_cast<int>(packed.size()));
  ::explicit_bzero(packed.data(), packed.size());
  if (size < 0) return fail(Code::kInvalidArgument, "is no base64");
  out.resize(static_cast<std::size_t>(size) - static_cast<std::size_t>(std::ranges::count(text, '=')));
  return out;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// One kubeconfig. One thread at a time.
class Kubeconfig {
 public:
  Kubeconfig(fs::path file, Value root) : file_(std::move(file)), root_(std::move(root)) {}

  Result<ClusterConfig> read(std::string_view wanted) {
    std::string context(wanted);
    if (context.empty()) {
      context = text(root_, "current-context");
      if (context.empty())
        return bad(root_, Code::kInvalidArgument, "has no current-context; name one with `context:`");
    }
    const Value* chosen = BERTH_TRY(named("contexts", "context", context));
    const Value* cluster = BERTH_TRY(named("clusters", "cluster", text(*chosen, "cluster")));
    const std::string user_name = text(*chosen, "user");
    const Value* user = user_name.empty() ? nullptr : BERTH_TRY(named("users", "user", user_name));
    auto server = net::Url::parse(text(*cluster, "server"));
    if (!server)
      return bad(*cluster, Code::kInvalidArgument,
                 fmt::format("a cluster's server is no URL: {}", server.error().message()));
    ClusterConfig out{.name = context, .server = std::move(*server)};
    BERTH_TRY(read_cluster(*cluster, out));
    if (user != nullptr) BERTH_TRY(read_user(*user, out));
    return out;
  }

 private:
  std::unexpected<Error> bad(const Value& at, Code code, std::string_view message) const {
    return fail(Error(code, fmt::format("the kubeconfig {}", message))
                    .at({file_.string(), at.mark().line, at.mark().column})
                    .context(fmt::format("{}:{}", file_.string(), at.mark().line)));
  }
  static std::string text(const Value& map, std::string_view key) {
    const Value* value = map.find(key);
    return value != nullptr && value->is_scalar() ? value->text() : std::string();
  }
  static bool is_true(const Value& map, std::string_view key) { return text(map, key) == "true"; }

  // The map under `what` of the item of `list` that has this name.
  Result<const Value*> named(std::string_view list, std::string_view what, std::string_view name) const {
    const Value* items = root_.find(list);
    if (items != nullptr)
      for (const Value& item : items->items())
        if (text(item, "name") == name)
          if (const Value* found = item.find(what); found != nullptr && found->is_map()) return found;
    return bad(items == nullptr ? root_ : *items, Code::kNotFound,
               fmt::format("has no {} named \"{}\"", what, name));
  }

  // The PEM text of KEY-data or of the file KEY.
  Result<std::string> pem(const Value& map, const std::string& key) const {
    if (const Value* inline_data = map.find(key + "-data");
        inline_data != nullptr && !inline_data->text().empty()) {
      auto decoded = decode_base64(inline_data->text());
      if (!decoded)
        return bad(*inline_data, Code::kInvalidArgument,
                   fmt::format("holds a {}-data that {}", key, decoded.error().message()));
      return std::move(*decoded);
    }
    const std::string name = text(map, key);
    if (name.empty()) return std::string();
    return read_file(file_.parent_path() / name, kMaxPemFileBytes);
  }

  Result<void> read_cluster(const Value& cluster, ClusterConfig& out) const {
    if (is_true(cluster, "insecure-skip-tls-verify"))
      return bad(cluster, Code::kPermissionDenied,
                 "says insecure-skip-tls-verify, with which anybody on the way could read the credentials; "
                 "give the server's certificate-authority instead");
    if (!text(cluster, "tls-server-name").empty())
      return bad(cluster, Code::kInvalidArgument,
                 "says tls-server-name, which is not offered; write the server under that name");
    out.tls.extra_ca_pem = BERTH_TRY(pem(cluster, "certificate-authority"));
    // A CA of its own is the only one that counts, as for kubectl.
    out.tls.system_ca = out.tls.extra_ca_pem.empty();
    if (const std::string proxy = text(cluster, "proxy-url"); !proxy.empty()) {
      auto url = net::Url::parse(proxy);
      if (!url)
        return bad(
            cluster, Code::kInvalidArgument,
            fmt::format("has a proxy-url that is not offered ({}); write http:// or https://, without a "
                        "login",
                        url.error().message()));
      out.proxy.for_https = net::HttpProxyServer{.url = std::move(*url)};
    }
    return {};
  }

  Result<void> read_user(const Value& user, ClusterConfig& out) const {
    if (const Value* exec = user.find("exec"); exec != nullptr)
      return bad(*exec, Code::kPermissionDenied,
                 "gets its credentials from a program (exec), which berth does not run; use a token, a "
                 "tokenFile or a client certificate, such as one of a service account");
    if (const Value* provider = user.find("auth-provider"); provider != nullptr)
      return bad(
          *provider, Code::kPermissionDenied,
          "uses an auth-provider, which is not offered; use a token, a tokenFile or a client certificate");
    for (const char* key : {"username", "password"})
      if (const Value* login = user.find(key); login != nullptr)
        return bad(*login, Code::kPermissionDenied,
                   "logs in with user name and password, which is not offered; use a token, a tokenFile or a "
                   "client certificate");
    for (const char* key : {"as", "as-groups", "as-uid", "as-user-extra"})
      if (const Value* as = user.find(key); as != nullptr)
        return bad(*as, Code::kPermissionDenied,
                   "impersonates another user, which is not offered; use credentials of that user");
    out.tls.certificate_pem = BERTH_TRY(pem(user, "client-certificate"));
    out.tls.key_pem = Secret(BERTH_TRY(pem(user, "client-key")));
    // The file first, as kubectl does.
    if (const std::string file = text(user, "tokenFile"); !file.empty())
      out.token_file = file_.parent_path() / file;
    else
      out.token = Secret(text(user, "token"));
    const bool credentials =
        !out.token.empty() || !out.token_file.empty() || !out.tls.certificate_pem.empty();
    if (credentials && !out.server.https())
      return bad(user, Code::kPermissionDenied,
                 "would send credentials over http, where anybody on the way can read them; use https");
    return {};
  }

  fs::path file_;
  Value root_;
};

}  // namespace

Result<std::string> read_file(const fs::path& file, std::size_t most) {
  const auto failed = [&](Code code, const std::string& why) {
    return fail(code, fmt::format("reading {}: {}", file.string(), why));
  };
  const File open(::open(file.c_str(), O_RDONLY | O_CLOEXEC), file);
  if (open.fd() < 0)
    return failed(errno == ENOENT ? Code::kNotFound : Code::kUnavailable,
                  std::generic_category().message(errno));
  std::string out;
  char buffer[16 * 1024];
  for (;;) {
    const ssize_t n = ::read(open.fd(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(Code::kUnavailable, std::generic_category().message(errno));
    if (n == 0) return out;
    out.append(buffer, static_cast<std::size_t>(n));
    if (out.size() > most)
      return failed(Code::kResourceExhausted, fmt::format("it has more than {} KiB", most >> 10U));
  }
}

Result<ClusterConfig> read_kubeconfig(const fs::path& file, std::string_view context) {
  const Secret text(BERTH_TRY(read_file(file, kMaxPemFileBytes)));
  manifest::Problems problems(file.string());
  auto root = manifest::parse_yaml(text.reveal(), problems);
  if (!root || !problems.empty())
    return fail(problems.empty() ? Error(Code::kInvalidArgument, file.string() + " is empty")
                                 : problems.to_error());
  return Kubeconfig(file, std::move(*root)).read(context);
}

Result<ClusterConfig> read_pod_account(const PodAccount& account) {
  const bool v6 = account.host.contains(':');
  auto server = net::Url::parse(
      fmt::format("https://{}{}{}:{}", v6 ? "[" : "", account.host, v6 ? "]" : "", account.port));
  if (!server)
    return fail(std::move(server).error().context("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT"));
  ClusterConfig out{.name = "in-cluster", .server = std::move(*server)};
  out.tls.extra_ca_pem = BERTH_TRY(read_file(account.folder / "ca.crt", kMaxPemFileBytes));
  out.tls.system_ca = false;
  out.token_file = account.folder / "token";
  return out;
}

Result<ClusterConfig> find_cluster(const ClusterChoice& choice) {
  if (!choice.kubeconfig.empty()) return read_kubeconfig(choice.kubeconfig, choice.context);
  const PodAccount account{.host = environment("KUBERNETES_SERVICE_HOST"),
                           .port = environment("KUBERNETES_SERVICE_PORT")};
  std::error_code none;
  if (choice.context.empty() && !account.host.empty() && fs::exists(account.folder / "token", none))
    return read_pod_account(account);
  const std::string listed = environment("KUBECONFIG");
  if (listed.contains(':'))
    return fail(Code::kInvalidArgument,
                "KUBECONFIG names several files, which berth does not merge; write `kubeconfig: FILE`");
  if (!listed.empty()) return read_kubeconfig(listed, choice.context);
  const fs::path own = fs::path(environment("HOME")) / ".kube" / "config";
  if (fs::exists(own, none)) return read_kubeconfig(own, choice.context);
  return fail(
      Code::kNotFound,
      fmt::format("there is no API to talk to: no service account of a pod, no KUBECONFIG, no {}; write "
                  "`kubeconfig: FILE`",
                  own.string()));
}

}  // namespace berth::kubernetes
