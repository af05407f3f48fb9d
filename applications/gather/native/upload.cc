// Upload: the request that Red Hat's ingress expects, or a plain body.
#include "applications/gather/native/upload.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <random>

#include "applications/gather/native/leftovers.h"
#include "applications/gather/native/limits.h"
#include "applications/gather/native/web.h"
#include "base/file_system.h"

namespace berth::gather {

namespace {

// What a receiver says about a failure, for the log.
constexpr std::size_t kMaxAnswerBytes = 64 * 1024;
constexpr std::size_t kShownBytes = 512;

// Never in an archive: they are compressed, and this is random.
std::string boundary() {
  std::random_device random;
  return fmt::format("berth-{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

Result<> write_all(const File& to, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::write(to.fd(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error(errno, "making a form for", to.path()));
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<> copy_all(const File& from, const File& to) {
  std::array<char, 64 * 1024> buffer;
  for (;;) {
    const auto n = ::read(from.fd(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error(errno, "reading", from.path()));
    if (n == 0) return {};
    BERTH_TRY(write_all(to, {buffer.data(), static_cast<std::size_t>(n)}));
  }
}

Result<File> nameless_file(const ArchiveFile& archive) {
  if (archive.bytes <= kMaxFormInMemory) {
    File file(::memfd_create("form", MFD_CLOEXEC), archive.path);
    if (file.fd() < 0) return fail(system_error(errno, "making a form for", archive.path));
    return file;
  }
  File file = BERTH_TRY(create_partial(archive.path.parent_path()));
  ::unlink(file.path().c_str());
  return file;
}

// The archive within a form, in a file without a name: a form is sent from one place.
Result<File> form_of(const ArchiveFile& archive, const File& opened, const std::string& limit,
                     const std::string& content_type) {
  File form = BERTH_TRY(nameless_file(archive));
  BERTH_TRY(write_all(
      form,
      fmt::format("--{}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"payload.tar.gz\"\r\n"
                  "Content-Type: {}\r\n\r\n",
                  limit, content_type)));
  BERTH_TRY(copy_all(opened, form));
  BERTH_TRY(write_all(
      form,
      fmt::format("\r\n--{0}\r\nContent-Disposition: form-data; name=\"metadata\"; "
                  "filename=\"metadata.json\"\r\nContent-Type: application/octet-stream\r\n\r\n"
                  "{{\"custom_metadata\":{{\"gathering_time\":\"{1:%Y-%m-%dT%H:%M:%SZ}\"}}}}\r\n--{0}--\r\n",
                  limit, fmt::gmtime(std::chrono::system_clock::to_time_t(archive.time)))));
  return form;
}

// One line of what a receiver wrote.
std::string shown(std::string text) {
  if (text.size() > kShownBytes) text.resize(kShownBytes);
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c == 0x7f; }, ' ');
  return text;
}

std::string why(int status) {
  switch (status) {
    case 401: return "the token is missing or not accepted; renew the token file";
    case 403: return "this cluster may not upload";
    case 413: return "the archive is too large for the receiver";
    case 415: return "the receiver does not take this content-type";
    case 429: return "the receiver asks to wait";
    default: return "the receiver did not take it";
  }
}

bool is_lasting(int status) {
  return status >= 400 && status < 500 && status != 401 && status != 403 && status != 404 && status != 407 &&
         status != 408 && status != 425 && status != 429;
}

}  // namespace

Result<Uploaded> upload(const UploadSettings& settings, const ArchiveFile& archive, net::IoContext& io,
                        const std::string& user_agent, const std::stop_token& stop) {
  File body(::open(archive.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW), archive.path);
  if (body.fd() < 0) return fail(system_error(errno, "reading", archive.path));
  net::HttpClientRequest request{.method = "POST", .url = settings.to.url};
  if (settings.form == UploadSettings::Form::kMultipart) {
    const std::string limit = boundary();
    body = BERTH_TRY(form_of(archive, body, limit, settings.content_type));
    request.headers = {{"content-type", "multipart/form-data; boundary=" + limit}};
  } else {
    request.headers = {{"content-type", settings.content_type}};
  }
  struct stat info{};
  if (::fstat(body.fd(), &info) != 0) return fail(system_error(errno, "looking at", body.path()));
  request.body = net::HttpFileRange{body.fd(), 0, static_cast<std::uint64_t>(info.st_size)};
  request.max_body_bytes = kMaxAnswerBytes;
  request.timeouts.total = settings.timeout;
  net::HttpTextSink answer;
  const auto response = send_to(settings.to, std::move(request), answer, io, user_agent, stop);
  if (!response) {
    if (stop.stop_requested()) return fail(Code::kCancelled, "stopped while an archive was uploaded");
    return Uploaded{.status = 0, .request = {}, .error = response.error().message()};
  }
  const net::HttpHead& head = response->head;
  Uploaded out{.status = head.status, .request = {}, .error = {}};
  if (const auto id = head.find("x-rh-insights-request-id")) out.request = shown(std::string(*id));
  if (head.status >= 200 && head.status < 300) return out;
  out.error = fmt::format("status {}: {}", head.status, why(head.status));
  if (!answer.text.empty()) out.error += ": " + shown(std::move(answer.text));
  out.lasting = is_lasting(head.status);
  if (const auto wait = head.retry_after()) out.retry_after = *wait;
  return out;
}

}  // namespace berth::gather
