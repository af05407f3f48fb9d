// Repository: putting blobs there: mounted, in one request, or in chunks; and manifests.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "artifact/oci/media_type.h"
#include "artifact/oci/repository.h"
#include "artifact/oci/token.h"

namespace berth::artifact::oci {
namespace {

std::uint64_t size_of(const net::HttpUpload& bytes) {
  if (const auto* memory = std::get_if<std::span<const std::uint8_t>>(&bytes)) return memory->size();
  if (const auto* file = std::get_if<net::HttpFileRange>(&bytes)) return file->size;
  return 0;
}

net::HttpUpload piece_of(const net::HttpUpload& bytes, std::uint64_t offset, std::uint64_t size) {
  if (const auto* memory = std::get_if<std::span<const std::uint8_t>>(&bytes))
    return memory->subspan(offset, size);
  net::HttpFileRange piece = std::get<net::HttpFileRange>(bytes);
  piece.offset += offset;
  piece.size = size;
  return piece;
}

// One upload of one blob, from the session that the registry gave to its end. One thread at a time.
class Upload final {
 public:
  Upload(Registry& registry, std::span<const Scope> needs, const Descriptor& blob, const Progress& progress)
      : registry_(registry), needs_(needs), blob_(blob), progress_(progress) {}

  // True when the blob is there: a mount, or a single request, was enough. Otherwise a session has begun.
  Result<bool> begin(net::Url url, net::HttpUpload body, const std::stop_token& stop) {
    RegistryRequest post = request("POST", std::move(url), std::move(body));
    if (size_of(post.body) > 0) count_from(0, post);
    const RegistryReply reply = BERTH_TRY(registry_.send(post, stop));
    if (reply.status() == 201) {
      BERTH_TRY(stored(reply));
      return true;
    }
    if (reply.status() != 202) return fail(refusal(reply, "uploading"));
    const auto least = BERTH_TRY(reply.field("oci-chunk-min-length"));
    // However long: a chunk is sent from where the blob lies.
    if (least) chunk_ = std::max(chunk_, whole_number(*least).value_or(0));
    BERTH_TRY(moved_to(reply));
    return false;
  }

  Result<> all_at_once(const net::HttpUpload& bytes, const std::stop_token& stop) {
    return finish(bytes, stop);
  }

  // Fails with kFailedPrecondition where the registry does not take chunks.
  Result<> in_chunks(const net::HttpUpload& bytes, const std::stop_token& stop) {
    std::uint64_t sent = 0;
    int troubles = 0;
    while (sent < blob_.size) {
      // The last chunk may be shorter than the registry's least.
      const std::uint64_t size = std::min(chunk_, blob_.size - sent);
      auto reply = registry_.send(patch(sent, piece_of(bytes, sent, size)), stop);
      if (reply && reply->status() == 202) {
        BERTH_TRY(moved_to(*reply));
        const auto now = BERTH_TRY(received(*reply));
        // A registry that took less than it was sent, or says nothing.
        const std::uint64_t next = now.value_or(sent + size);
        if (next > sent + size)
          return fail(Code::kInvalidArgument, "the registry says it has more than was sent");
        if (next <= sent && ++troubles > kMaxResumes) return stuck(sent);
        sent = next;
        continue;
      }
      if (reply && (reply->status() == 404 || reply->status() == 405 || reply->status() == 501)) {
        return fail(Code::kFailedPrecondition, "the registry takes no chunks");
      }
      // Out of order, or the connection broke: the registry knows how far we are.
      const bool again = reply ? reply->status() == 416 || reply->status() >= 500
                               : reply.error().code() == Code::kUnavailable;
      if (!again) return reply ? fail(refusal(*reply, "uploading")) : fail(std::move(reply).error());
      if (++troubles > kMaxResumes) return stuck(sent);
      sent = BERTH_TRY(ask(stop));
    }
    return finish({}, stop);
  }

 private:
  RegistryRequest request(std::string_view method, net::Url url, net::HttpUpload body = {}) const {
    RegistryRequest out{.method = std::string(method), .url = std::move(url), .body = body, .needs = needs_};
    if (size_of(body) > 0) {
      out.headers.emplace_back("Content-Type", "application/octet-stream");
      out.timeout = kBlobTimeout;
    }
    return out;
  }
  void count_from(std::uint64_t offset, RegistryRequest& out) const {
    if (!progress_) return;
    out.on_sent = [this, offset](std::uint64_t sent) {
      progress_(std::min(offset + sent, blob_.size), blob_.size);
    };
  }
  RegistryRequest patch(std::uint64_t offset, net::HttpUpload piece) const {
    const std::uint64_t last = offset + size_of(piece) - 1;
    RegistryRequest out = request("PATCH", *session_, std::move(piece));
    out.headers.emplace_back("Content-Range", fmt::format("{}-{}", offset, last));
    count_from(offset, out);
    return out;
  }

  Result<> finish(const net::HttpUpload& body, const std::stop_token& stop) {
    std::string query = session_->query();
    if (!query.empty()) query += '&';
    query += "digest=" + percent_encode(blob_.digest.to_string());
    RegistryRequest put = request("PUT", BERTH_TRY(session_->with_target(session_->path(), query)), body);
    count_from(0, put);
    if (size_of(body) == 0) put.on_sent = {};
    // A registry may hash the whole blob before it answers.
    put.timeout = kBlobTimeout;
    const RegistryReply reply = BERTH_TRY(registry_.send(put, stop));
    if (reply.status() != 201 && reply.status() != 204) return fail(refusal(reply, "uploading"));
    return stored(reply);
  }

  // What the registry stored must be what it was sent.
  Result<> stored(const RegistryReply& reply) const {
    const auto digest = BERTH_TRY(reply.field("docker-content-digest"));
    if (digest && *digest != blob_.digest.to_string()) {
      return fail(Code::kFailedPrecondition,
                  fmt::format("the registry stored {} where {} was sent", *digest, blob_.digest.to_string()));
    }
    return {};
  }

  // Each answer says where the next request goes. On another host it gets no login (Registry::send) and only
  // where it may be dialled (Outbound).
  Result<> moved_to(const RegistryReply& reply) {
    const auto location = BERTH_TRY(reply.field("location"));
    if (!location)
      return fail(Code::kInvalidArgument, "the registry does not say where to upload to (no Location)");
    auto next = reply.url.resolve(*location);
    if (!next) return fail(std::move(next).error().context("the upload's Location"));
    if (reply.url.https() && !next->https()) {
      return fail(Code::kPermissionDenied,
                  fmt::format("the registry wants the upload to go to a place without TLS, {}; behind a "
                              "proxy it must be told its own URL",
                              next->shown()));
    }
    session_ = std::move(*next);
    return {};
  }

  // Of "Range: 0-1023": 1024. Some write "bytes=0-1023". Where nothing has come yet, "0-0".
  static Result<std::optional<std::uint64_t>> received(const RegistryReply& reply) {
    const auto field = BERTH_TRY(reply.field("range"));
    if (!field) return std::nullopt;
    std::string_view text = *field;
    for (const std::string_view unit : {"bytes=", "bytes "}) {
      if (text.starts_with(unit)) text.remove_prefix(unit.size());
    }
    const auto last = text.starts_with("0-") ? whole_number(text.substr(2)) : std::nullopt;
    if (!last)
      return fail(Code::kInvalidArgument, fmt::format("the registry's Range \"{}\" is none", *field));
    return *last == 0 ? 0 : *last + 1;
  }

  Result<std::uint64_t> ask(const std::stop_token& stop) {
    RegistryRequest get = request("GET", *session_);
    get.repeat = Repeat::kAlways;
    const RegistryReply reply = BERTH_TRY(registry_.send(get, stop));
    if (reply.status() != 204 && reply.status() != 200 && reply.status() != 202)
      return fail(refusal(reply, "uploading"));
    if (BERTH_TRY(reply.field("location"))) BERTH_TRY(moved_to(reply));
    const std::uint64_t now = BERTH_TRY(received(reply)).value_or(0);
    if (now > blob_.size) return fail(Code::kInvalidArgument, "the registry says it has more than was sent");
    return now;
  }

  std::unexpected<Error> stuck(std::uint64_t sent) const {
    return fail(Code::kUnavailable, fmt::format("the upload broke {} times, {} of {} bytes are there",
                                                kMaxResumes + 1, sent, blob_.size));
  }

  Registry& registry_;
  std::span<const Scope> needs_;
  const Descriptor& blob_;
  const Progress& progress_;
  std::optional<net::Url> session_;
  std::uint64_t chunk_ = kChunkBytes;
};

}  // namespace

Result<bool> Repository::has_blob(const Descriptor& descriptor, const std::stop_token& stop) const {
  const std::string what = doing(fmt::format("blob {}", descriptor.digest.to_string()));
  const Scope needs{name_, Action::kPush};  // what the upload will need, so that one token does for all
  RegistryRequest head = BERTH_TRY(request("HEAD", fmt::format("blobs/{}", descriptor.digest.to_string())));
  head.needs = {&needs, 1};
  head.redirects = Redirects::kAnywhere;
  head.repeat = Repeat::kAlways;
  const RegistryReply reply = BERTH_TRY(registry_->send(head, stop));
  if (reply.status() == 404) return false;
  if (reply.status() != 200) return fail(refusal(reply, what));
  return true;
}

Result<> Repository::push_blob(const Descriptor& descriptor, const BlobBytes& bytes,
                               std::string_view mount_from, const Progress& progress,
                               const std::stop_token& stop) const {
  const std::string what = doing(fmt::format("pushing {}", descriptor.digest.to_string()));
  const auto named = [&](Error error) { return fail(std::move(error).context(what)); };
  const auto there = has_blob(descriptor, stop);
  if (!there) return named(there.error());
  if (*there) return {};
  std::vector<Scope> needs{{name_, Action::kPush}};
  if (!mount_from.empty()) needs.push_back({std::string(mount_from), Action::kPull});
  const std::string digest = percent_encode(descriptor.digest.to_string());
  std::optional<Upload> upload;
  const auto begin = [&](const std::string& query, const net::HttpUpload& body) -> Result<bool> {
    upload.emplace(*registry_, needs, descriptor, progress);
    return upload->begin(BERTH_TRY(request("POST", "blobs/uploads/", query)).url, body, stop);
  };
  if (!mount_from.empty()) {
    const auto mounted = begin(fmt::format("mount={}&from={}", digest, percent_encode(mount_from)), {});
    if (mounted && *mounted) return {};
    // A registry that does not mount has begun an upload instead. One that refuses, because it must not show
    // that repository to us, is sent the bytes: what else is wrong, that upload will say.
    if (!mounted) {
      upload.reset();
      needs.pop_back();
    }
  }
  const net::HttpUpload body = BERTH_TRY(bytes());
  if (size_of(body) != descriptor.size) {
    return named(Error(Code::kInvalidArgument, "the bytes are not as many as the descriptor says"));
  }
  const bool single = descriptor.size <= kSinglePostBytes;
  bool chunks = descriptor.size > kMonolithicBytes;
  for (int tries = 1;; ++tries) {
    Result<bool> done = false;
    if (!upload) done = single ? begin("digest=" + digest, body) : begin("", {});
    if (done && *done) return {};
    Result<> sent;
    if (done) {
      sent = chunks ? upload->in_chunks(body, stop) : upload->all_at_once(body, stop);
    } else {
      sent = fail(std::move(done).error());
    }
    if (sent) return {};
    const Code code = sent.error().code();
    const bool no_chunks = done && chunks && code == Code::kFailedPrecondition;
    // What can be mended within an upload in chunks has been.
    const bool again = no_chunks || (code == Code::kUnavailable && !(done && chunks));
    if (!again || tries == kMaxTries) return named(std::move(sent).error());
    if (no_chunks) chunks = false;
    upload.reset();
  }
}

Result<Descriptor> Repository::push_manifest(std::string_view bytes, std::string_view media_type,
                                             const std::optional<std::string>& tag,
                                             const std::stop_token& stop) const {
  const std::span data(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  const auto content = parse_content(bytes, media_type);
  if (!content) return fail(Error(content.error()).context(doing("pushing a manifest")));
  Descriptor descriptor{.media_type = std::string(media_type),
                        .digest = BERTH_TRY(Digest::of(data)),
                        .size = bytes.size(),
                        .artifact_type = artifact_type_of(*content),
                        .annotations = annotations_of(*content)};
  const std::string reference = tag.value_or(descriptor.digest.to_string());
  const std::string what = doing(fmt::format("pushing the manifest {}", reference));
  const auto named = [&](Error error) { return fail(std::move(error).context(what)); };
  const Scope needs{name_, Action::kPush};
  RegistryRequest put = BERTH_TRY(request("PUT", fmt::format("manifests/{}", reference)));
  put.headers.emplace_back("Content-Type", media_type);
  put.body = data;
  put.needs = {&needs, 1};
  put.repeat = Repeat::kAlways;
  const auto reply = registry_->send(put, stop);
  if (!reply) return named(reply.error());
  if (reply->status() != 201) return fail(refusal(*reply, what));
  const auto stored = reply->field("docker-content-digest");
  if (!stored) return named(stored.error());
  if (*stored && **stored != descriptor.digest.to_string()) {
    return named(Error(Code::kFailedPrecondition, fmt::format("the registry stored {} where {} was sent",
                                                              **stored, descriptor.digest.to_string())));
  }
  const std::optional<Descriptor>& subject = subject_of(*content);
  if (!subject) return descriptor;
  const auto listed = reply->field("oci-subject");
  if (!listed) return named(listed.error());
  if (!*listed) BERTH_TRY(refer_in_tag(subject->digest, descriptor, stop));
  return descriptor;
}

}  // namespace berth::artifact::oci
