// Repository: resolving and fetching manifests.
#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "artifact/oci/media_type.h"
#include "artifact/oci/repository.h"

namespace berth::artifact::oci {
namespace {

constexpr std::string_view kAccept =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";

std::optional<Digest> as_digest(std::string_view reference) {
  auto digest = Digest::parse(reference);
  return digest ? std::optional(*digest) : std::nullopt;
}

// Docker-Content-Digest. Nothing when it is absent or empty; one that we cannot check is refused.
Result<std::optional<Digest>> stated_digest(const RegistryReply& reply) {
  const auto text = BERTH_TRY(reply.field("docker-content-digest"));
  if (!text) return std::nullopt;
  auto digest = Digest::parse(*text);
  if (!digest) return fail(std::move(digest).error().context("Docker-Content-Digest"));
  return *digest;
}

Result<std::string> stated_type(const RegistryReply& reply) {
  const auto text = BERTH_TRY(reply.field("content-type"));
  if (!text) return fail(Code::kInvalidArgument, "the registry does not say what it is (no Content-Type)");
  return media_type(*text);
}

std::unexpected<Error> not_the_digest(const Digest& expected, const Digest& actual) {
  return fail(Code::kFailedPrecondition,
              fmt::format("it should be {}, but its bytes are {}; they are not used", expected.to_string(),
                          actual.to_string()));
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

Result<RegistryRequest> Repository::request(std::string_view method, std::string_view path,
                                            std::string_view query) const {
  return RegistryRequest{.method = std::string(method),
                         .url = BERTH_TRY(registry_->url(fmt::format("{}/{}", name_, path), query))};
}

std::string Repository::doing(std::string_view what) const { return fmt::format("{}: {}", shown(), what); }

Result<Descriptor> Repository::resolve(std::string_view reference, const std::stop_token& stop) const {
  const std::string what = doing(fmt::format("resolving {}", reference));
  const auto named = [&](Error error) { return fail(std::move(error).context(what)); };
  const Scope needs{name_, Action::kPull};
  RegistryRequest head = BERTH_TRY(request("HEAD", fmt::format("manifests/{}", reference)));
  head.headers.emplace_back("Accept", kAccept);
  head.needs = {&needs, 1};
  head.redirects = as_digest(reference) ? Redirects::kAnywhere : Redirects::kSameHost;
  head.repeat = Repeat::kAlways;
  auto reply = registry_->send(head, stop);
  if (!reply) return named(std::move(reply).error());
  if (reply->status() == 200) {
    const auto digest = stated_digest(*reply);
    if (!digest) return named(digest.error());
    const auto length = reply->field("content-length");
    if (!length) return named(length.error());
    std::uint64_t size = 0;
    const bool has_size =
        *length &&
        std::from_chars((*length)->data(), (*length)->data() + (*length)->size(), size).ec == std::errc();
    if (*digest && has_size) {
      auto type = stated_type(*reply);
      if (!type) return named(std::move(type).error());
      if (size > kMaxManifestBytes) {
        return named(Error(Code::kResourceExhausted,
                           fmt::format("the manifest has {} bytes, more than {}", size, kMaxManifestBytes)));
      }
      const auto asked = as_digest(reference);
      if (asked && *asked != **digest) return named(not_the_digest(*asked, **digest).error());
      return Descriptor{.media_type = std::move(*type), .digest = **digest, .size = size};
    }
  } else if (reply->status() != 405 && reply->status() != 501) {
    return fail(refusal(*reply, what));
  }
  // A registry that says too little is asked for the manifest itself.
  return BERTH_TRY(fetch_manifest(reference, as_digest(reference), stop)).descriptor;
}

Result<Document> Repository::manifest(std::string_view reference, const std::stop_token& stop) const {
  if (const auto digest = as_digest(reference)) return fetch_manifest(reference, digest, stop);
  // The tag may move between the two requests, so the second asks for what the first found. Where that is
  // gone, the tag has moved and the old version was deleted: once more from the start.
  constexpr int kRounds = 3;
  for (int round = 1;; ++round) {
    const Descriptor found = BERTH_TRY(resolve(reference, stop));
    auto document = manifest(found, stop);
    if (document || document.error().code() != Code::kNotFound || round == kRounds) return document;
  }
}

Result<Document> Repository::manifest(const Descriptor& descriptor, const std::stop_token& stop) const {
  if (descriptor.size > kMaxManifestBytes) {
    return fail(Code::kResourceExhausted,
                doing(fmt::format("manifest {}: it has {} bytes, more than {}", descriptor.digest.to_string(),
                                  descriptor.size, kMaxManifestBytes)));
  }
  const std::string reference = descriptor.digest.to_string();
  Document document = BERTH_TRY(fetch_manifest(reference, descriptor.digest, stop));
  if (document.descriptor.size != descriptor.size) {
    return fail(Code::kFailedPrecondition,
                doing(fmt::format("manifest {}: it has {} bytes, but {} were announced", reference,
                                  document.descriptor.size, descriptor.size)));
  }
  if (document.descriptor.media_type != descriptor.media_type) {
    return fail(Code::kFailedPrecondition,
                doing(fmt::format("manifest {}: it is {}, but {} was announced", reference,
                                  document.descriptor.media_type, descriptor.media_type)));
  }
  return document;
}

Result<Document> Repository::fetch_manifest(std::string_view reference, const std::optional<Digest>& expected,
                                            const std::stop_token& stop) const {
  const std::string what = doing(fmt::format("manifest {}", reference));
  const auto named = [&](Error error) { return fail(std::move(error).context(what)); };
  const Scope needs{name_, Action::kPull};
  RegistryRequest get = BERTH_TRY(request("GET", fmt::format("manifests/{}", reference)));
  get.headers.emplace_back("Accept", kAccept);
  get.needs = {&needs, 1};
  get.redirects = expected ? Redirects::kAnywhere : Redirects::kSameHost;
  get.repeat = Repeat::kAlways;
  get.max_body_bytes = kMaxManifestBytes;
  auto reply = registry_->send(get, stop);
  if (!reply) return named(std::move(reply).error());
  if (reply->status() != 200) return fail(refusal(*reply, what));
  auto type = stated_type(*reply);
  if (!type) return named(std::move(type).error());
  const auto stated = stated_digest(*reply);
  if (!stated) return named(stated.error());
  const auto actual = Digest::of(bytes_of(reply->text));
  if (!actual) return named(actual.error());
  for (const std::optional<Digest>& wanted : {expected, *stated}) {
    if (wanted && *wanted != *actual) return named(not_the_digest(*wanted, *actual).error());
  }
  auto content = parse_content(reply->text, *type);
  if (!content) return named(std::move(content).error());
  Descriptor descriptor{.media_type = std::move(*type), .digest = *actual, .size = reply->text.size()};
  return Document{std::move(descriptor), std::move(reply->text), std::move(*content)};
}

}  // namespace berth::artifact::oci
