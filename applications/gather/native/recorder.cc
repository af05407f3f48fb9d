// Recorder: checks, counts, and what is noted.
#include "applications/gather/native/recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "applications/gather/native/anonymiser.h"
#include "applications/gather/native/limits.h"
#include "applications/gather/native/paths.h"

namespace berth::gather {

namespace {

// Of a text that strangers wrote: whole characters, up to the maximum.
std::string noted(std::string_view text) {
  if (text.size() <= kMaxNoteBytes) return std::string(text);
  std::size_t end = kMaxNoteBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return std::string(text.substr(0, end)) + "...";
}

std::string about(const std::optional<std::string>& path, std::string_view text) {
  return noted(path ? fmt::format("{}: {}", noted(*path), text) : std::string(text));
}

Time time_of(const std::optional<std::uint64_t>& captured) {
  const Time now = std::chrono::system_clock::now();
  if (!captured) return now;
  // Nothing is read in the future, and what does not fit a clock is none of its times.
  const auto since = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
  return Time(std::chrono::milliseconds(std::min(*captured, since)));
}

}  // namespace

void Recorder::Notes::add(std::string text) {
  if (texts.size() >= kMaxNotes || bytes + text.size() > kMaxNotesBytes) {
    ++more;
    return;
  }
  bytes += text.size();
  texts.push_back(std::move(text));
}

std::vector<std::string> Recorder::Notes::take(std::string_view what) {
  if (more > 0) texts.push_back(fmt::format("{} more {}", more, what));
  return std::move(texts);
}

Recorder::Recorder(Spool& spool, Obfuscator* obfuscator, std::string name, std::uint64_t max_bytes)
    : spool_(spool), obfuscator_(obfuscator), max_bytes_(max_bytes) {
  report_.name = std::move(name);
}

Result<> Recorder::check_running() const {
  if (!ended_) return {};
  return fail(Code::kFailedPrecondition,
              "the output of a run that is over; an output is for the call that it was given to");
}

std::expected<void, Refusal> Recorder::refuse(std::string_view path, std::string text, Refusal::Kind kind) {
  errors_.add(noted(fmt::format("{}: {}", noted(path), text)));
  return std::unexpected(Refusal{.kind = kind, .text = std::move(text)});
}

Result<std::expected<void, Refusal>> Recorder::put(const Item& item) {
  using Said = std::expected<void, Refusal>;
  const std::lock_guard lock(mutex_);
  BERTH_TRY(check_running());
  auto path = checked_path(item.path);
  if (!path) return refuse(item.path, path.error().message(), Refusal::Kind::kInvalidPath);
  if (item.content.size() > max_bytes_ - report_.bytes) {
    return refuse(*path,
                  fmt::format("not stored: {} bytes are more than this gatherer has left of {}",
                              item.content.size(), max_bytes_),
                  Refusal::Kind::kFull);
  }
  FoundName found;
  if (obfuscator_ != nullptr) {
    obfuscator_->found_in_path(*path);
    found = [this](std::string_view ns, std::string_view name) { obfuscator_->found(ns, name); };
  }
  const std::string_view told(reinterpret_cast<const char*>(item.content.data()), item.content.size());
  auto hidden = anonymised(*path, told, found);
  if (!hidden) return refuse(*path, hidden.error().message(), Refusal::Kind::kInvalidPath);
  const std::string_view kept = *hidden ? std::string_view(**hidden) : told;
  const auto added = spool_.add(*path, {reinterpret_cast<const std::uint8_t*>(kept.data()), kept.size()},
                                time_of(item.captured), item.always_stored);
  if (!added) return refuse(*path, added.error().message(), Refusal::Kind::kFull);
  switch (*added) {
    case Spool::Added::kFull:
      return refuse(
          *path,
          fmt::format("not stored: its {} bytes exceed what the archive may hold", item.content.size()),
          Refusal::Kind::kFull);
    case Spool::Added::kReplaced:
      errors_.add(fmt::format("{}: written twice; the later one is in the archive", noted(*path)));
      break;
    case Spool::Added::kNew: ++report_.records; break;
  }
  report_.bytes += item.content.size();
  return Said();
}

Result<> Recorder::warning(const std::optional<std::string>& path, std::string_view text) {
  const std::lock_guard lock(mutex_);
  BERTH_TRY(check_running());
  warnings_.add(about(path, text));
  return {};
}

Result<> Recorder::error(const std::optional<std::string>& path, std::string_view text) {
  const std::lock_guard lock(mutex_);
  BERTH_TRY(check_running());
  errors_.add(about(path, text));
  return {};
}

Report Recorder::end(std::chrono::milliseconds duration,
                     const Result<std::expected<void, std::string>>& ended) {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  report_.duration = duration;
  if (!ended) {
    const Error& error = ended.error();
    // A trap is the gatherer's own bug; everything else was done to it.
    if (error.code() == Code::kTrap)
      report_.panic = noted(error.message());
    else
      errors_.add(noted(error.message()));
  } else if (!*ended) {
    errors_.add(noted(ended->error()));
  }
  report_.errors = errors_.take("errors");
  report_.warnings = warnings_.take("warnings");
  return std::move(report_);
}

}  // namespace berth::gather
