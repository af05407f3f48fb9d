// Reading of the section `gather`.
#include "applications/gather/native/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "manifest/reader.h"

namespace berth::gather {

namespace {

using manifest::Key;
using manifest::MapReader;
using manifest::Section;
using manifest::Value;

constexpr std::array kKeys = {
    Key{"directory", "path", "required", "/var/lib/berth/insights",
        "Where archives are written, relative to the manifest's folder. It is made with mode 0700."},
    Key{"every", "duration", "2h", "2h",
        "How often is gathered. At a start, at once, unless the last archive is younger than that."},
    Key{"jitter", "duration", "0ms", "10m",
        "Each time may come up to this much later, so that many clusters do not come at once."},
    Key{"concurrency", "number", "8", "4", "Gatherers that run at once, 1 to 64."},
    Key{"limits", "map", "see below", "{archive: 24MiB, time: 5m}",
        "What an archive and a gatherer may hold."},
    Key{"keep", "map", "{for: 288h, size: 1GiB}", "{for: 288h}",
        "How long archives are kept that are not uploaded."},
    Key{"obfuscation", "map", "{}", "{addresses: true, base-domains: [example.com]}",
        "What is hidden in every record, the same way in each archive of a cluster."},
    Key{"rules", "map", "none", "{file: rules.json}", "What is gathered only under conditions."},
    Key{"upload", "map", "none", "{url: \"https://ingress.example.com/api/v1/upload\"}",
        "Where archives are sent. One that is sent is removed."},
    Key{"cluster", "map", "as the cluster says", "{version: 4.17.3}",
        "What cluster this is, where it cannot be asked."},
};
constexpr Section kSection{"gather",
                           "The agent that runs the gatherers of all workloads with the trigger `gather` and "
                           "writes one archive in each period.",
                           kKeys};

constexpr std::array kLimitsKeys = {
    Key{"archive", "size", "24MiB", "64MiB",
        "Records of one archive, uncompressed. A record that does not fit is an error of its gatherer, "
        "unless "
        "it is to be stored always."},
    Key{"gatherer", "size", "as archive", "8MiB", "What one gatherer may write in one run."},
    Key{"time", "duration", "5m", "30s",
        "How long one gatherer may run; never longer than its workload's `limits.call`."},
};
constexpr Section kLimitsSection{"gather.limits", "What an archive and a gatherer may hold.", kLimitsKeys};

constexpr std::array kKeepKeys = {
    Key{"for", "duration", "288h", "24h", "Older archives are removed."},
    Key{"size", "size", "1GiB", "10GiB",
        "What archives may take on disk: beyond it the oldest are removed, but never the newest."},
};
constexpr Section kKeepSection{"gather.keep", "How long archives are kept that are not uploaded.", kKeepKeys};

constexpr std::array kObfuscationKeys = {
    Key{"addresses", "true or false", "false", "true",
        "Addresses become others of their network, the same in each archive; those outside of `networks` "
        "become 0.0.0.0 or ::."},
    Key{"networks", "list of ranges", "all private ones", "[10.128.0.0/14, 172.30.0.0/16]",
        "The cluster's networks. Ranges themselves stay as they are."},
    Key{"base-domains", "list of text", "[]", "[cluster.example.com]",
        "Become `<CLUSTER_BASE_DOMAIN>`; write the longest first."},
    Key{"workload-names", "true or false", "false", "true",
        "Names of namespaces, and of what is in them, become meaningless ones; not those of the product "
        "(default, kube-*, openshift-*)."},
};
constexpr Section kObfuscationSection{"gather.obfuscation", "What is hidden in every record.",
                                      kObfuscationKeys};

constexpr std::array kRemoteKeys = {
    Key{"url", "text", "required", "https://example.com/rules", "Its address."},
    Key{"token-file", "path", "none", "token", "A file with a bearer token; it is read for each request."},
    Key{"ca", "path", "the system's authorities", "ca.pem", "Further certificate authorities, as PEM."},
    Key{"cert", "path", "none", "client.pem", "A client certificate, as PEM; needs `key`."},
    Key{"key", "path", "none", "client.key", "The private key of `cert`."},
    Key{"addresses", "list of addresses", "[]", "[10.1.0.0/16]",
        "Where it may lead although that is not public and not the host that is written."},
    Key{"proxy", "true or false", "false", "true", "Goes through the proxies that the environment names."},
};
constexpr Section kRemoteSection{"gather.rules.remote", "A web server that has rules.", kRemoteKeys};
constexpr Section kPrometheusSection{
    "gather.rules.prometheus", "A server with Prometheus' API, for conditions about alerts.", kRemoteKeys};

constexpr std::array kRulesKeys = {
    Key{"file", "path", "-", "rules.json", "A file with rules, relative to the manifest's folder."},
    Key{"remote", "map", "-", "{url: \"https://example.com/rules\"}",
        "In place of `file`: a web server. Without either, and when it cannot be read or is not valid, the "
        "rules that are built in hold."},
    Key{"prometheus", "map", "none", "{url: \"http://127.0.0.1:9090\"}",
        "Whose alerts conditions ask for. Without it no alert is known to fire."},
};
constexpr Section kRulesSection{"gather.rules", "What is gathered only under conditions.", kRulesKeys};

constexpr std::array kUploadKeys = {
    kRemoteKeys[0],
    kRemoteKeys[1],
    kRemoteKeys[2],
    kRemoteKeys[3],
    kRemoteKeys[4],
    kRemoteKeys[5],
    kRemoteKeys[6],
    Key{"form", "multipart or raw", "multipart", "raw",
        "`multipart`: the archive is the part `file`, as Red Hat's ingress expects. `raw`: it is the body."},
    Key{"content-type", "text", "application/vnd.redhat.openshift.periodic", "application/gzip",
        "What the archive is said to be."},
    Key{"retry", "duration", "30s", "1m",
        "The wait after a failure, at least 1s; it doubles up to `max-retry`, and each may be a fifth "
        "longer."},
    Key{"max-retry", "duration", "1h", "10m", "The longest wait."},
    Key{"timeout", "duration", "5m", "1m", "How long one upload may take."},
    Key{"degraded-after", "number", "5", "3", "Failures in a row after which the agent says it is degraded."},
};
constexpr Section kUploadSection{"gather.upload", "Where archives are sent, oldest first.", kUploadKeys};

constexpr std::array kClusterKeys = {
    Key{"id", "text", "as the cluster says", "6d0a3b1e-7a43-4f0e-8a3e-1f2d3c4b5a69",
        "Its name to the receiver of uploads."},
    Key{"version", "text", "as the cluster says", "4.17.3", "For conditions about the version."},
};
constexpr Section kClusterSection{"gather.cluster", "What cluster this is, where it cannot be asked.",
                                  kClusterKeys};

constexpr const Section* kInner[] = {&kLimitsSection, &kKeepSection,   &kObfuscationSection,
                                     &kRulesSection,  &kRemoteSection, &kPrometheusSection,
                                     &kUploadSection, &kClusterSection};

// RFC 1918, unique local and link-local: what a cluster's own networks are, nearly always.
constexpr std::string_view kPrivate[] = {"127.0.0.0/8",    "10.0.0.0/8", "172.16.0.0/12",
                                         "192.168.0.0/16", "fc00::/7",   "fe80::/10"};

constexpr std::chrono::milliseconds kDay{std::chrono::hours{24}};

class SettingsReader final {
 public:
  explicit SettingsReader(manifest::Problems& problems)
      : problems_(problems), folder_(std::filesystem::path(problems.file()).parent_path()) {}

  Settings read(const Value& value, const std::string& path) {
    Settings out;
    MapReader reader(value, kSection, path, problems_);
    if (reader.require("directory") != nullptr) {
      if (auto directory = file(reader, "directory")) out.directory = *std::move(directory);
    }
    out.every = reader.duration("every", kMinEvery, kMaxEvery).value_or(out.every);
    out.jitter = reader.duration("jitter", std::chrono::milliseconds{0}, kDay).value_or(out.jitter);
    out.concurrency = static_cast<std::uint32_t>(
        reader.integer("concurrency", 1, kMaxConcurrency).value_or(out.concurrency));
    if (const Value* v = reader.get("limits")) limits(*v, reader.path_of("limits"), out);
    if (const Value* v = reader.get("keep")) {
      MapReader keep(*v, kKeepSection, reader.path_of("keep"), problems_);
      out.keep = keep.duration("for", std::chrono::seconds{1}, kDay * 3650).value_or(out.keep);
      out.keep_bytes = keep.bytes("size", kMinArchiveBytes, std::uint64_t{1} << 50).value_or(out.keep_bytes);
    }
    if (const Value* v = reader.get("obfuscation"))
      out.obfuscation = obfuscation(*v, reader.path_of("obfuscation"));
    if (const Value* v = reader.get("rules")) out.rules = rules(*v, reader.path_of("rules"));
    if (const Value* v = reader.get("upload")) out.upload = upload(*v, reader.path_of("upload"));
    if (const Value* v = reader.get("cluster")) {
      MapReader cluster(*v, kClusterSection, reader.path_of("cluster"), problems_);
      out.cluster_id = line(cluster, "id").value_or("");
      out.cluster_version = line(cluster, "version").value_or("");
    }
    return out;
  }

 private:
  std::optional<std::filesystem::path> file(MapReader& reader, std::string_view key) {
    auto text = reader.text(key);
    if (!text) return std::nullopt;
    if (text->empty()) {
      reader.problem(reader.get(key)->mark(), key, "a path is not empty");
      return std::nullopt;
    }
    return (folder_ / *text).lexically_normal();
  }
  // What goes into a header or a file's name.
  std::optional<std::string> line(MapReader& reader, std::string_view key) {
    auto text = reader.text(key);
    if (!text) return std::nullopt;
    const bool fits = !text->empty() && text->size() <= kMaxNameBytes &&
                      std::ranges::all_of(*text, [](char c) { return c > ' ' && c < 0x7f; });
    if (!fits) {
      reader.problem(reader.get(key)->mark(), key,
                     fmt::format("write 1 to {} characters of ASCII without spaces", kMaxNameBytes));
      return std::nullopt;
    }
    return text;
  }

  void limits(const Value& value, const std::string& path, Settings& out) {
    MapReader reader(value, kLimitsSection, path, problems_);
    out.archive_bytes =
        reader.bytes("archive", kMinArchiveBytes, kMaxArchiveBytes).value_or(out.archive_bytes);
    out.gatherer_bytes =
        reader.bytes("gatherer", kMinArchiveBytes, kMaxArchiveBytes).value_or(out.archive_bytes);
    out.gatherer_time =
        reader.duration("time", std::chrono::milliseconds{1}, kDay).value_or(out.gatherer_time);
  }

  Obfuscation obfuscation(const Value& value, const std::string& path) {
    Obfuscation out;
    MapReader reader(value, kObfuscationSection, path, problems_);
    out.addresses = reader.boolean("addresses").value_or(false);
    out.workload_names = reader.boolean("workload-names").value_or(false);
    const auto add = [&](std::string_view text, const Value* at) {
      auto range = net::Cidr::parse(text);
      if (!range) return reader.problem(at->mark(), "networks", range.error().message());
      out.networks.push_back(*range);
    };
    if (const Value* v = reader.get("networks")) {
      for (const std::string& text : reader.text_list("networks")) add(text, v);
    } else {
      for (const std::string_view text : kPrivate) add(text, &value);
    }
    out.base_domains = reader.text_list("base-domains");
    for (const std::string& domain : out.base_domains) {
      if (domain.size() < 4 || domain.find('.') == std::string::npos)
        reader.problem(reader.get("base-domains")->mark(), "base-domains",
                       manifest::shown(domain) + " is no domain such as cluster.example.com");
    }
    return out;
  }

  std::optional<Remote> remote(MapReader& reader) {
    const Value* at = reader.require("url");
    if (at == nullptr) return std::nullopt;
    const auto text = reader.text("url");
    if (!text) return std::nullopt;
    auto url = net::Url::parse(*text);
    if (!url) {
      reader.problem(at->mark(), "url", url.error().message());
      return std::nullopt;
    }
    Remote out{.url = *std::move(url),
               .token_file = file(reader, "token-file"),
               .ca = file(reader, "ca"),
               .cert = file(reader, "cert"),
               .key = file(reader, "key"),
               .addresses = reader.text_list("addresses"),
               .proxy = reader.boolean("proxy").value_or(false)};
    if (out.cert.has_value() != out.key.has_value())
      reader.problem(at->mark(), out.cert ? "cert" : "key", "cert and key belong together; write both");
    if (out.token_file && !out.url.https() && out.url.host() != "127.0.0.1" && out.url.host() != "::1" &&
        out.url.host() != "localhost")
      reader.problem(at->mark(), "url", "a token is sent over https only; write https://");
    if (const auto policy = net::AddressPolicy::of_host(out.url.host(), out.addresses); !policy)
      reader.problem(at->mark(), "addresses", policy.error().message());
    return out;
  }

  std::optional<RuleSource> rules(const Value& value, const std::string& path) {
    RuleSource out;
    MapReader reader(value, kRulesSection, path, problems_);
    out.file = file(reader, "file");
    if (const Value* v = reader.get("remote")) {
      MapReader inner(*v, kRemoteSection, reader.path_of("remote"), problems_);
      out.remote = remote(inner);
      if (out.file) reader.problem(v->mark(), "remote", "there is `file` too; write one of them");
    }
    if (const Value* v = reader.get("prometheus")) {
      MapReader inner(*v, kPrometheusSection, reader.path_of("prometheus"), problems_);
      out.prometheus = remote(inner);
    }
    return out;
  }

  std::optional<UploadSettings> upload(const Value& value, const std::string& path) {
    MapReader reader(value, kUploadSection, path, problems_);
    auto to = remote(reader);
    const auto form = reader.one_of("form", {"multipart", "raw"});
    const auto type = reader.text("content-type");
    if (type && (type->size() > 200 || type->find('/') == std::string::npos ||
                 std::ranges::any_of(*type, [](char c) { return c < ' ' || c >= 0x7f; })))
      reader.problem(reader.get("content-type")->mark(), "content-type",
                     "write a media type such as application/gzip");
    constexpr std::chrono::milliseconds kSecond{1'000};
    const UploadSettings defaults{.to = Remote{.url = net::Url::parse("http://127.0.0.1/").value()}};
    UploadSettings out = defaults;
    out.form = form == 1 ? UploadSettings::Form::kRaw : UploadSettings::Form::kMultipart;
    out.content_type = type.value_or("application/vnd.redhat.openshift.periodic");
    out.retry = reader.duration("retry", kSecond, kDay).value_or(out.retry);
    out.max_retry = std::max(out.retry, reader.duration("max-retry", kSecond, kDay).value_or(out.max_retry));
    out.timeout = reader.duration("timeout", kSecond, kDay).value_or(out.timeout);
    out.degraded_after =
        static_cast<std::uint32_t>(reader.integer("degraded-after", 1, 1000).value_or(out.degraded_after));
    if (!to) return std::nullopt;
    out.to = *std::move(to);
    return out;
  }

  manifest::Problems& problems_;
  const std::filesystem::path folder_;
};

}  // namespace

std::optional<Settings> read_settings(const Value& value, const std::string& path,
                                      manifest::Problems& problems) {
  const std::size_t before = problems.errors().size() + problems.more();
  Settings settings = SettingsReader(problems).read(value, path);
  if (problems.errors().size() + problems.more() > before) return std::nullopt;
  return settings;
}

manifest::Extension settings_extension() {
  return {.name = "gather",
          .section = &kSection,
          .example = "gather: {directory: /var/lib/berth/insights, every: 2h}",
          .check = [](const Value& value, const std::string& path,
                      manifest::Problems& problems) { (void)read_settings(value, path, problems); },
          .inner = kInner};
}

}  // namespace berth::gather
