// Origins: files, web servers, registries.
#include "cli/origin.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "artifact/file_source.h"
#include "artifact/http_source.h"
#include "artifact/oci/oci_source.h"
#include "artifact/oci/wasm_artifact.h"
#include "artifact/reference.h"
#include "artifact/signature/attached.h"
#include "artifact/signature/detached.h"
#include "artifact/signature/key_file.h"

namespace berth::cli {
namespace {

namespace oci = artifact::oci;
namespace signature = artifact::signature;
using artifact::Artifact;
using artifact::FetchOutcome;
using artifact::FetchRequest;
using artifact::Validators;

class TextSink final : public ByteSink {
 public:
  Result<> write(std::span<const std::uint8_t> some) override {
    text.append(reinterpret_cast<const char*>(some.data()), some.size());
    return {};
  }
  std::string text;
};

std::filesystem::path beside(const std::filesystem::path& file) {
  return file.string() + std::string(signature::kDetachedSuffix);
}

artifact::TlsFiles tls_files(const manifest::Registry& r) {
  return {.extra_ca = r.ca.value_or(std::filesystem::path()),
          .certificate = r.cert.value_or(std::filesystem::path()),
          .key = r.key.value_or(std::filesystem::path())};
}

Result<net::HttpProxy> proxy_of(const manifest::Registry& r) {
  return r.proxy ? net::HttpProxy::from_environment() : net::HttpProxy();
}

// What the manifest says about a host; nothing special where it says nothing.
manifest::Registry settings_of(const manifest::Manifest& manifest, std::string_view host) {
  const auto found = std::ranges::find_if(manifest.registries, [&](const manifest::Registry& r) {
    return std::ranges::equal(r.name, host, [](char a, char b) { return std::tolower(a) == b; });
  });
  return found == manifest.registries.end() ? manifest::Registry() : *found;
}

class FileOrigin final : public Origin {
 public:
  explicit FileOrigin(std::filesystem::path path) : path_(path), source_(std::move(path)) {}
  Result<FetchOutcome> fetch(const FetchRequest& request, ByteSink& sink, std::stop_token stop) override {
    return source_.fetch(request, sink, std::move(stop));
  }
  std::string shown() const override { return source_.shown(); }

 private:
  Result<> verify_by(const signature::Policy&, const Artifact& artifact, const Validators&,
                     std::stop_token) override {
    return verify_file(artifact, path_);
  }

  const std::filesystem::path path_;
  artifact::FileSource source_;
};

class HttpOrigin final : public Origin {
 public:
  static Result<std::unique_ptr<Origin>> create(const manifest::Registry& settings, const net::Url& url,
                                                net::IoContext& io) {
    artifact::HttpSourceOptions options{
        .tls = tls_files(settings), .proxy = BERTH_TRY(proxy_of(settings)), .addresses = settings.addresses};
    if (settings.token_file) options.credentials.bearer = {.environment = {}, .file = *settings.token_file};
    if (settings.user) {
      options.credentials.user = *settings.user;
      options.credentials.password = {.environment = {}, .file = *settings.password_file};
    }
    if (settings.plain_http) options.plain_credentials = artifact::Downgrade::kAllow;
    std::unique_ptr<HttpOrigin> out(new HttpOrigin());
    const net::Url signatures =
        BERTH_TRY(url.with_target(url.path() + std::string(signature::kDetachedSuffix), url.query()));
    out->signatures_ = BERTH_TRY(artifact::HttpSource::create(io, signatures, options));
    out->source_ = BERTH_TRY(artifact::HttpSource::create(io, url, std::move(options)));
    return std::unique_ptr<Origin>(std::move(out));
  }
  Result<FetchOutcome> fetch(const FetchRequest& request, ByteSink& sink, std::stop_token stop) override {
    return source_->fetch(request, sink, std::move(stop));
  }
  std::string shown() const override { return source_->shown(); }

 private:
  HttpOrigin() = default;

  Result<> verify_by(const signature::Policy& policy, const Artifact& artifact, const Validators&,
                     std::stop_token stop) override {
    TextSink sink;
    const auto fetched =
        signatures_->fetch({.max_bytes = signature::max_detached_bytes()}, sink, std::move(stop));
    // No such file is no signature.
    if (!fetched && fetched.error().code() != Code::kNotFound) return fail(fetched.error());
    return signature::check_file(policy, artifact.bytes,
                                 BERTH_TRY(signature::parse_detached(sink.text, signatures_->shown())));
  }

  std::unique_ptr<artifact::HttpSource> source_;
  std::unique_ptr<artifact::HttpSource> signatures_;
};

class OciOrigin final : public Origin {
 public:
  OciOrigin(manifest::Registry settings, artifact::OciReference reference, net::IoContext& io)
      : settings_(std::move(settings)), reference_(std::move(reference)), io_(io) {}

  Result<FetchOutcome> fetch(const FetchRequest& request, ByteSink& sink, std::stop_token stop) override {
    oci::OciSource source(BERTH_TRY(registry()), reference_);
    return source.fetch(request, sink, std::move(stop));
  }
  std::string shown() const override { return reference_.to_string(); }

 private:
  // A new one each time, so that credentials and certificates can be replaced while the host runs.
  Result<std::unique_ptr<oci::Registry>> registry() const {
    oci::RegistryOptions options{.tls = BERTH_TRY(tls_files(settings_).read()),
                                 .proxy = BERTH_TRY(proxy_of(settings_)),
                                 .token_hosts = settings_.token_hosts,
                                 .addresses = settings_.addresses};
    if (settings_.plain_http) options.transport = oci::Transport::kPlain;
    if (settings_.user) {
      options.login = oci::Credential{
          .user = *settings_.user,
          .password =
              BERTH_TRY(artifact::read_secret({.environment = {}, .file = *settings_.password_file}))};
    } else {
      const std::filesystem::path file = settings_.docker_config.value_or(oci::docker_config_file());
      if (!file.empty())
        options.logins = std::make_shared<const oci::DockerConfig>(BERTH_TRY(oci::DockerConfig::load(file)));
    }
    return oci::Registry::create(io_, reference_, std::move(options));
  }

  // By the digest of what was fetched, whatever the tag names by now.
  Result<> verify_by(const signature::Policy& policy, const Artifact& artifact, const Validators& validators,
                     std::stop_token stop) override {
    const auto registry = BERTH_TRY(this->registry());
    const oci::Repository repository(*registry, reference_.repository);
    const oci::WasmArtifact named = BERTH_TRY(oci::inspect(repository, validators.etag, stop));
    if (named.parts.layer.digest != artifact.digest) {
      return fail(Code::kAborted, shown() + ": its manifest names another component than a moment ago");
    }
    return signature::verify(policy, repository, named, stop);
  }

  const manifest::Registry settings_;
  const artifact::OciReference reference_;
  net::IoContext& io_;
};

Result<signature::Policy> read_policy(const manifest::Signature& from) {
  signature::Policy policy;
  if (from.need == manifest::Signature::Need::kNone) return policy;
  policy.require = from.need == manifest::Signature::Need::kAnyOf ? signature::Require::kAnyOf
                                                                  : signature::Require::kAllOf;
  for (const auto& file : from.keys) policy.keys.push_back(BERTH_TRY(signature::read_trusted_key(file)));
  BERTH_TRY(policy.validate());
  return policy;
}

std::string name_of(const signature::Policy& policy) {
  if (policy.require == signature::Require::kNothing) return {};
  std::vector<std::string> keys;
  for (const signature::TrustedKey& key : policy.keys) keys.push_back(key.key.fingerprint());
  std::ranges::sort(keys);
  std::string out = policy.require == signature::Require::kAnyOf ? "any-of" : "all-of";
  for (const std::string& key : keys) out += " " + key;
  return out;
}

}  // namespace

Result<std::unique_ptr<Origin>> Origin::open(const manifest::Manifest& manifest,
                                             const manifest::Workload& workload, net::IoContext& io) {
  const auto placed = [&](const manifest::Mark& mark, Error error) {
    return fail(std::move(error).at({manifest.file, mark.line, mark.column}));
  };
  auto policy = read_policy(workload.signature);
  if (!policy) return placed(workload.signature.mark, std::move(policy).error());
  const auto make = [&]() -> Result<std::unique_ptr<Origin>> {
    if (workload.source.kind == manifest::Source::Kind::kFile)
      return std::make_unique<FileOrigin>(workload.source.path);
    const artifact::Reference reference = BERTH_TRY(artifact::parse_reference(workload.source.text));
    if (const auto* web = std::get_if<artifact::HttpReference>(&reference))
      return HttpOrigin::create(settings_of(manifest, web->url.authority()), web->url, io);
    const auto& registry = std::get<artifact::OciReference>(reference);
    return std::make_unique<OciOrigin>(settings_of(manifest, registry.registry()), registry, io);
  };
  auto out = make();
  if (!out) return placed(workload.source.mark, std::move(out).error());
  (*out)->policy_name_ = name_of(*policy);
  (*out)->policy_ = std::move(*policy);
  return out;
}

Result<> Origin::verify(const Artifact& artifact, const Validators& validators, std::stop_token stop) {
  if (policy_.require == signature::Require::kNothing) return {};
  return verify_by(policy_, artifact, validators, std::move(stop));
}

Result<> Origin::verify_file(const Artifact& artifact, const std::filesystem::path& file) const {
  if (policy_.require == signature::Require::kNothing) return {};
  return signature::check_file(policy_, artifact.bytes, BERTH_TRY(signature::read_detached(beside(file))));
}

std::string release_of(const std::string& reference) {
  const auto parsed = artifact::parse_oci_reference(reference);
  return parsed && parsed->tag ? *parsed->tag : std::string();
}

}  // namespace berth::cli
