// Repository: tags and referrers, which come in pages.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "artifact/oci/challenge.h"
#include "artifact/oci/json.h"
#include "artifact/oci/media_type.h"
#include "artifact/oci/repository.h"
#include "artifact/oci/token.h"

namespace berth::artifact::oci {
namespace {

// The page after this one; nothing at the end. Pages are the registry's own, so that a login never leaves it.
Result<std::optional<net::Url>> next_page(const Registry& registry, const RegistryReply& reply) {
  std::optional<std::string> next;
  for (const auto& [name, value] : reply.head.fields) {
    if (name != "link") continue;
    auto found = BERTH_TRY(parse_next_link(value));
    if (found && next) return fail(Code::kInvalidArgument, "the registry's answer has two next pages");
    if (found) next = std::move(found);
  }
  if (!next) return std::nullopt;
  auto url = reply.url.resolve(*next);
  if (!url) return fail(std::move(url).error().context("the next page"));
  if (url->origin() != registry.origin()) {
    return fail(Code::kPermissionDenied,
                fmt::format("the next page is on another host, {}; it is not read", url->shown()));
  }
  return *url;
}

// Goes through the pages that begin with `request`. `read` takes the body of each.
template <class Read>
Result<> each_page(Registry& registry, RegistryRequest request, const RegistryReply& first,
                   const std::stop_token& stop, const Read& read) {
  std::set<std::string> seen{request.url.to_string()};
  RegistryReply reply = first;
  for (std::size_t pages = 1;; ++pages) {
    if (reply.status() != 200) return fail(refusal(reply, "page " + std::to_string(pages)));
    BERTH_TRY(read(reply));
    auto next = BERTH_TRY(next_page(registry, reply));
    if (!next) return {};
    if (!seen.insert(next->to_string()).second)
      return fail(Code::kInvalidArgument, "the registry's pages go in a circle");
    if (pages == kMaxPages)
      return fail(Code::kResourceExhausted, fmt::format("there are more than {} pages", kMaxPages));
    request.url = std::move(*next);
    reply = BERTH_TRY(registry.send(request, stop));
  }
}

Result<> read_tags(const RegistryReply& reply, std::vector<std::string>& out) {
  const Json json = BERTH_TRY(parse_object(reply.text, kMaxPageBytes, "the list of tags"));
  const Json* tags = BERTH_TRY(array_member(json, "tags", kMaxTags));
  if (tags == nullptr) return {};
  if (out.size() + tags->size() > kMaxTags) {
    return fail(Code::kResourceExhausted, fmt::format("there are more than {} tags", kMaxTags));
  }
  for (const Json& tag : *tags) {
    if (!tag.is_string() || !is_tag(tag.get_ref<const std::string&>())) {
      return fail(Code::kInvalidArgument, "the list of tags has an entry that is no tag");
    }
    out.push_back(tag.get_ref<const std::string&>());
  }
  return {};
}

Result<> read_referrers(const RegistryReply& reply, std::vector<Descriptor>& out) {
  const Content content = BERTH_TRY(parse_content(reply.text, kIndexType));
  for (const Descriptor& entry : std::get<Index>(content).manifests) {
    if (out.size() == kMaxReferrers) {
      return fail(Code::kResourceExhausted, fmt::format("there are more than {} referrers", kMaxReferrers));
    }
    out.push_back(entry);
  }
  return {};
}

}  // namespace

std::string referrers_tag(const Digest& subject) { return "sha256-" + subject.hex(); }

Result<std::vector<std::string>> Repository::tags(const std::stop_token& stop) const {
  const auto named = [&](Error error) { return fail(std::move(error).context(doing("tags"))); };
  const Scope needs{name_, Action::kPull};
  RegistryRequest get = BERTH_TRY(request("GET", "tags/list"));
  get.needs = {&needs, 1};
  get.repeat = Repeat::kAlways;
  get.max_body_bytes = kMaxPageBytes;
  const auto first = registry_->send(get, stop);
  if (!first) return named(first.error());
  std::vector<std::string> out;
  auto all = each_page(*registry_, get, *first, stop,
                       [&](const RegistryReply& reply) { return read_tags(reply, out); });
  if (!all) return named(std::move(all).error());
  return out;
}

Result<std::vector<Descriptor>> Repository::referrers(const Digest& subject, std::string_view artifact_type,
                                                      const std::stop_token& stop) const {
  const auto named = [&](Error error) {
    return fail(std::move(error).context(doing(fmt::format("referrers of {}", subject.to_string()))));
  };
  const Scope needs{name_, Action::kPull};
  RegistryRequest get = BERTH_TRY(request("GET", fmt::format("referrers/{}", subject.to_string())));
  if (!artifact_type.empty()) {
    get.url = BERTH_TRY(get.url.with_target(get.url.path(), "artifactType=" + percent_encode(artifact_type)));
  }
  get.headers.emplace_back("Accept", kIndexType);
  get.needs = {&needs, 1};
  get.repeat = Repeat::kAlways;
  get.max_body_bytes = kMaxPageBytes;
  const auto first = registry_->send(get, stop);
  if (!first) return named(first.error());
  std::vector<Descriptor> out;
  // A registry without the API answers 404, by the specification; one where it is switched off may answer
  // 405.
  if (first->status() == 404 || first->status() == 405) {
    out = BERTH_TRY(referrers_in_tag(subject, stop));
  } else {
    auto all = each_page(*registry_, get, *first, stop,
                         [&](const RegistryReply& reply) { return read_referrers(reply, out); });
    if (!all) return named(std::move(all).error());
  }
  // The registry need not have picked.
  if (!artifact_type.empty())
    std::erase_if(out, [&](const Descriptor& d) { return d.artifact_type != artifact_type; });
  return out;
}

Result<std::vector<Descriptor>> Repository::referrers_in_tag(const Digest& subject,
                                                             const std::stop_token& stop) const {
  auto document = manifest(referrers_tag(subject), stop);
  if (!document && document.error().code() == Code::kNotFound) return std::vector<Descriptor>();
  if (!document) return fail(std::move(document).error());
  auto* index = std::get_if<Index>(&document->content);
  if (index == nullptr) {
    return fail(Code::kInvalidArgument, doing(fmt::format("the tag {} is no index", referrers_tag(subject))));
  }
  return std::move(index->manifests);
}

Result<> Repository::refer_in_tag(const Digest& subject, const Descriptor& referrer,
                                  const std::stop_token& stop) const {
  // Two writers at once can undo each other's entry: look again after writing.
  constexpr int kRounds = 4;
  for (int round = 0; round < kRounds; ++round) {
    Index index{.manifests = BERTH_TRY(referrers_in_tag(subject, stop))};
    const auto listed = std::ranges::find(index.manifests, referrer.digest, &Descriptor::digest);
    if (listed != index.manifests.end()) return {};
    if (index.manifests.size() == kMaxReferrers) {
      return fail(Code::kResourceExhausted,
                  doing(fmt::format("{} has {} referrers already", subject.to_string(), kMaxReferrers)));
    }
    index.manifests.push_back(referrer);
    BERTH_TRY(push_manifest(to_text(index), kIndexType, referrers_tag(subject), stop));
  }
  return fail(Code::kAborted,
              doing(fmt::format("others keep writing the tag {}; try again", referrers_tag(subject))));
}

}  // namespace berth::artifact::oci
