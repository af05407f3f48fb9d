// Credentials: bearer tokens.
#include "capabilities/kubernetes/api/credentials.h"

#include <fmt/format.h>

#include <utility>

#include "capabilities/kubernetes/api/cluster_config.h"
#include "capabilities/kubernetes/limits.h"

namespace berth::kubernetes {

Credentials::Credentials(Secret token, std::filesystem::path file) : file_(std::move(file)) {
  if (!token.empty()) header_ = Secret("Bearer " + token.reveal());
}

Result<void> Credentials::read() {
  std::string text = BERTH_TRY(read_file(file_, kMaxTokenBytes));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  const Secret token(std::move(text));
  if (token.empty())
    return fail(Code::kUnavailable, fmt::format("the token file {} is empty", file_.string()));
  header_ = Secret("Bearer " + token.reveal());
  read_at_ = Clock::now();
  return {};
}

Result<Secret> Credentials::header() {
  const std::lock_guard lock(mutex_);
  if (!file_.empty() && (header_.empty() || Clock::now() - read_at_ >= kTokenAge)) {
    // A file that is being replaced must not stop what the old token still may.
    if (auto done = read(); !done && header_.empty()) return fail(std::move(done).error());
  }
  return header_;
}

bool Credentials::renewed_since(const Secret& used) {
  const std::lock_guard lock(mutex_);
  return !file_.empty() && read() && header_.reveal() != used.reveal();
}

}  // namespace berth::kubernetes
