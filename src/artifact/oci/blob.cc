// Repository: fetching blobs, also over connections that break.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "artifact/oci/repository.h"

namespace berth::artifact::oci {
namespace {

// Receives one blob over one or more answers: counts, hashes, and passes on. One thread at a time.
class BlobSink final : public net::HttpSink {
 public:
  BlobSink(const Descriptor& blob, ByteSink& to, const Progress& progress)
      : blob_(blob), to_(to), progress_(progress) {}

  Result<> begin(const net::HttpHead& head) override {
    ++answers_;
    if (const auto encoding = head.find("content-encoding"); encoding && *encoding != "identity") {
      return refuse(Code::kInvalidArgument,
                    fmt::format("it came encoded as {}, which was not asked for", *encoding));
    }
    if (head.status == 206) return check_range(head.find("content-range").value_or(""));
    if (head.status != 200)
      return refuse(Code::kInvalidArgument, fmt::format("the registry answers {}", head.status));
    // All of it again: what we have is passed over. The digest is of both, so a difference shows.
    skip_ = received_;
    const auto length = head.find("content-length");
    if (length && whole_number(*length) != blob_.size) {
      return refuse(Code::kFailedPrecondition,
                    fmt::format("the registry announces {} bytes, the manifest {}", *length, blob_.size));
    }
    return {};
  }

  Result<> write(std::span<const std::uint8_t> bytes) override {
    const std::size_t passed = std::min<std::uint64_t>(skip_, bytes.size());
    skip_ -= passed;
    bytes = bytes.subspan(passed);
    if (bytes.empty()) return {};
    if (bytes.size() > blob_.size - received_) {
      return refuse(Code::kFailedPrecondition,
                    fmt::format("it has more than the {} bytes the manifest says", blob_.size));
    }
    hasher_.update(bytes);
    if (auto taken = to_.write(bytes); !taken) {
      refused_ = true;
      return taken;
    }
    received_ += bytes.size();
    if (progress_) progress_(received_, blob_.size);
    return {};
  }

  [[nodiscard]] std::uint64_t received() const { return received_; }
  // How many answers began.
  [[nodiscard]] int answers() const { return answers_; }
  [[nodiscard]] bool complete() const { return received_ == blob_.size; }
  // True when the bytes or the caller's sink ended it: no further try can help.
  [[nodiscard]] bool refused() const { return refused_; }
  [[nodiscard]] Result<> check_digest() {
    const Digest actual = BERTH_TRY(hasher_.finish());
    if (actual != blob_.digest) {
      return fail(
          Code::kFailedPrecondition,
          fmt::format("its bytes are {}, not what was asked for; they are not used", actual.to_string()));
    }
    return {};
  }

 private:
  // "bytes 100-199/200"
  Result<> check_range(std::string_view text) {
    const auto wrong = [&] {
      return refuse(Code::kInvalidArgument, fmt::format("a part was sent that was not asked for ({})", text));
    };
    std::string_view rest = text;
    if (!rest.starts_with("bytes ")) return wrong();
    rest.remove_prefix(std::string_view("bytes ").size());
    const std::size_t dash = rest.find('-');
    const std::size_t slash = rest.find('/');
    if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) return wrong();
    const auto first = whole_number(rest.substr(0, dash));
    const auto last = whole_number(rest.substr(dash + 1, slash - dash - 1));
    const std::string_view total = rest.substr(slash + 1);
    if (received_ == 0 || first != received_ || !last || *last >= blob_.size) return wrong();
    if (total != "*" && whole_number(total) != blob_.size) return wrong();
    skip_ = 0;
    return {};
  }
  Result<> refuse(Code code, std::string why) {
    refused_ = true;
    return fail(code, std::move(why));
  }

  const Descriptor& blob_;
  ByteSink& to_;
  const Progress& progress_;
  Hasher hasher_;
  std::uint64_t received_ = 0;
  std::uint64_t skip_ = 0;
  int answers_ = 0;
  bool refused_ = false;
};

// One thread at a time.
class TextSink final : public ByteSink {
 public:
  Result<> write(std::span<const std::uint8_t> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }
  std::string text;
};

}  // namespace

Result<> Repository::blob(const Descriptor& descriptor, std::uint64_t max_bytes, ByteSink& sink,
                          const Progress& progress, const std::stop_token& stop) const {
  const std::string what = doing(fmt::format("blob {}", descriptor.digest.to_string()));
  const auto named = [&](Error error) { return fail(std::move(error).context(what)); };
  if (descriptor.size > max_bytes) {
    return named(Error(Code::kResourceExhausted,
                       fmt::format("it has {} bytes, more than the {} allowed", descriptor.size, max_bytes)));
  }
  const Scope needs{name_, Action::kPull};
  BlobSink receiver(descriptor, sink, progress);
  for (int broken = 0;; ++broken) {
    RegistryRequest get = BERTH_TRY(request("GET", fmt::format("blobs/{}", descriptor.digest.to_string())));
    if (receiver.received() > 0)
      get.headers.emplace_back("Range", fmt::format("bytes={}-", receiver.received()));
    get.needs = {&needs, 1};
    get.sink = &receiver;
    get.redirects = Redirects::kAnywhere;
    get.repeat = Repeat::kAlways;
    get.max_body_bytes = descriptor.size;
    get.timeout = kBlobTimeout;
    const int answers = receiver.answers();
    auto reply = registry_->send(get, stop);
    if (reply && (reply->status() < 200 || reply->status() > 299)) return fail(refusal(*reply, what));
    // Only an answer that broke off is resumed: where there was none, sending has tried again by itself.
    const bool broke_off =
        !reply && reply.error().code() == Code::kUnavailable && receiver.answers() > answers;
    if (!reply && (receiver.refused() || (!broke_off && !receiver.complete())))
      return named(std::move(reply).error());
    // Of an empty blob, too, the registry must have said that it has it.
    if (receiver.complete() && (reply || descriptor.size > 0)) break;
    if (broken == kMaxResumes) {
      return named(Error(Code::kUnavailable, fmt::format("the connection broke {} times, {} of {} bytes came",
                                                         broken + 1, receiver.received(), descriptor.size)));
    }
  }
  if (auto same = receiver.check_digest(); !same) return named(std::move(same).error());
  return {};
}

Result<std::string> Repository::blob_text(const Descriptor& descriptor, std::size_t max_bytes,
                                          const std::stop_token& stop) const {
  TextSink sink;
  BERTH_TRY(blob(descriptor, max_bytes, sink, {}, stop));
  return std::move(sink.text);
}

}  // namespace berth::artifact::oci
