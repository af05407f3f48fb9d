// Spool: records of three sizes and three texts.
#include "capabilities/kubernetes/api/spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "capabilities/kubernetes/limits.h"

namespace berth::kubernetes {
namespace {

using Sizes = std::array<std::uint32_t, 3>;  // namespace, name, object

constexpr std::size_t kWriteBytes = std::size_t{256} << 10U;

std::unexpected<Error> failed_to(std::string_view doing) {
  return fail(
      errno == ENOSPC ? Code::kResourceExhausted : Code::kUnavailable,
      fmt::format("{} the temporary file of a list: {}", doing, std::generic_category().message(errno)));
}

}  // namespace

Result<std::unique_ptr<Spool>> Spool::create() {
  const char* folder = std::getenv("TMPDIR");
  std::string name =
      fmt::format("{}/berth-list-XXXXXX", folder == nullptr || *folder == '\0' ? "/tmp" : folder);
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return failed_to("creating");
  File file(fd, name);
  ::unlink(name.c_str());
  return std::unique_ptr<Spool>(new Spool(std::move(file)));
}

Result<void> Spool::append(std::string_view ns, std::string_view name, std::string_view object) {
  const Sizes sizes{static_cast<std::uint32_t>(ns.size()), static_cast<std::uint32_t>(name.size()),
                    static_cast<std::uint32_t>(object.size())};
  waiting_.append(reinterpret_cast<const char*>(sizes.data()), sizeof sizes);
  waiting_.append(ns).append(name).append(object);
  if (written_ + waiting_.size() > kMaxListBytes)
    return fail(Code::kResourceExhausted,
                fmt::format("the list has more than {} GiB; select less", kMaxListBytes >> 30U));
  return waiting_.size() < kWriteBytes ? Result<void>() : flush();
}

Result<void> Spool::flush() {
  std::size_t done = 0;
  while (done < waiting_.size()) {
    const ssize_t n = ::pwrite(file_.fd(), waiting_.data() + done, waiting_.size() - done,
                               static_cast<off_t>(written_ + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed_to("writing");
    done += static_cast<std::size_t>(n);
  }
  written_ += done;
  waiting_.clear();
  return {};
}

Result<std::uint64_t> Spool::commit() {
  BERTH_TRY(flush());
  waiting_.shrink_to_fit();
  committed_ = written_;
  return committed_;
}

void Spool::rewind() {
  waiting_.clear();
  written_ = committed_;
}

void Spool::clear() {
  committed_ = 0;
  rewind();
}

Result<void> Spool::read_at(std::uint64_t at, char* into, std::size_t size) const {
  while (size > 0) {
    const ssize_t n = ::pread(file_.fd(), into, size, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed_to("reading");
    if (n == 0) return fail(Code::kInternal, "the temporary file of a list is shorter than it was");
    at += static_cast<std::uint64_t>(n);
    into += n;
    size -= static_cast<std::size_t>(n);
  }
  return {};
}

Result<std::vector<Item>> Spool::read(std::uint64_t& at, std::uint64_t end) const {
  // One read for the batch; what is cut at its end is read with the next one.
  std::string bytes(static_cast<std::size_t>(std::min<std::uint64_t>(end - at, kBatchBytes)), '\0');
  BERTH_TRY(read_at(at, bytes.data(), bytes.size()));
  std::vector<Item> out;
  std::size_t pos = 0;
  while (bytes.size() - pos >= sizeof(Sizes)) {
    Sizes sizes{};
    std::memcpy(sizes.data(), bytes.data() + pos, sizeof sizes);
    const std::size_t whole = sizeof sizes + sizes[0] + std::size_t{sizes[1]} + sizes[2];
    if (bytes.size() - pos < whole) {
      if (!out.empty()) break;
      // An object that is larger than a batch.
      const std::size_t have = bytes.size();
      bytes.resize(whole);
      BERTH_TRY(read_at(at + have, bytes.data() + have, whole - have));
    }
    const std::string_view record = std::string_view(bytes).substr(pos + sizeof sizes);
    const std::string_view object = record.substr(sizes[0] + std::size_t{sizes[1]}, sizes[2]);
    out.push_back({.ns = std::string(record.substr(0, sizes[0])),
                   .name = std::string(record.substr(sizes[0], sizes[1])),
                   .object = {object.begin(), object.end()}});
    pos += whole;
  }
  at += pos;
  return out;
}

}  // namespace berth::kubernetes
