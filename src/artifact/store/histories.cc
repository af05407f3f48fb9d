// Store: the records of workloads.
#include <fmt/format.h>

#include <algorithm>

#include "artifact/store/folder.h"
#include "artifact/store/limits.h"
#include "artifact/store/pending_entry.h"

namespace berth::artifact {
namespace {

constexpr std::string_view kSuffix = ".json";

bool is_history_name(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= kMaxHistoryNameBytes && plain(name[0]) &&
         std::ranges::all_of(name, [&](char c) { return plain(c) || c == '-' || c == '.'; });
}

Result<std::string> file_name(std::string_view name) {
  if (is_history_name(name)) return std::string(name) + std::string(kSuffix);
  return fail(
      Code::kInvalidArgument,
      fmt::format(
          "\"{}\" cannot name a history: 1 to {} of a-z, 0-9, \".\" and \"-\", beginning with a letter "
          "or digit",
          name.substr(0, kMaxHistoryNameBytes), kMaxHistoryNameBytes));
}

}  // namespace

std::vector<Digest> kept_by(const History& history) {
  std::vector<Digest> kept;
  for (const GoodVersion& version : history.good) kept.push_back(version.digest);
  if (history.running) kept.push_back(*history.running);
  if (history.pinned) kept.push_back(*history.pinned);
  if (history.held) kept.push_back(history.held->digest);
  return kept;
}

Result<std::vector<std::string>> history_names(const StoreFolder& folder) {
  std::vector<std::string> names;
  for (const std::string& file : BERTH_TRY(folder.files().list(folder.histories()))) {
    if (!file.ends_with(kSuffix)) continue;
    std::string name = file.substr(0, file.size() - kSuffix.size());
    if (is_history_name(name)) names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  return names;
}

Result<History> read_history(const StoreFolder& folder, std::string_view name) {
  const std::string file_of_it = BERTH_TRY(file_name(name));
  auto file = folder.files().open(folder.histories(), file_of_it, OpenMode::kRead);
  if (!file && file.error().code() == Code::kNotFound) {
    return fail(Code::kNotFound, fmt::format("the store has no history of {}", name));
  }
  if (!file) return fail(std::move(file).error());
  const FileInfo info = BERTH_TRY(folder.files().info(*file));
  const auto bytes =
      BERTH_TRY(read_whole(folder.files(), *file, std::min<std::uint64_t>(info.size, kMaxHistoryBytes + 1)));
  auto history = parse_history({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (history) return history;
  return fail(
      Code::kFailedPrecondition,
      fmt::format(
          "{}: {}; mend the file, or remove it: {} then starts from its source and has nothing to fall "
          "back to",
          file->path().string(), history.error().message(), name));
}

Result<History> Store::history(std::string_view name) const { return read_history(*folder_, name); }

Result<History> Store::update_history(std::string_view name,
                                      const std::function<Result<>(History&)>& change) const {
  const std::string file = BERTH_TRY(file_name(name));
  const StoreLock lock = BERTH_TRY(folder_->lock());
  auto read = read_history(*folder_, name);
  const bool is_new = !read && read.error().code() == Code::kNotFound;
  if (!read && !is_new) return read;
  const History before = is_new ? History{} : std::move(read).value();
  History after = before;
  BERTH_TRY(change(after));
  if (!is_new && after == before) return after;
  const std::string text = BERTH_TRY(print_history(after));
  after = BERTH_TRY(parse_history(text));  // before it replaces one that can be read
  const auto entry = BERTH_TRY(PendingEntry::create(folder_, lock));
  BERTH_TRY(entry->write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
  BERTH_TRY(entry->sync());
  BERTH_TRY(entry->publish(lock, folder_->histories(), file));
  BERTH_TRY(folder_->files().sync(folder_->histories()));
  return after;
}

Result<> Store::forget_history(std::string_view name) const {
  const std::string file = BERTH_TRY(file_name(name));
  const StoreLock lock = BERTH_TRY(folder_->lock());
  auto removed = folder_->files().remove(folder_->histories(), file);
  if (!removed && removed.error().code() == Code::kNotFound) return {};
  BERTH_TRY(std::move(removed));
  return folder_->files().sync(folder_->histories());
}

Result<std::vector<std::string>> Store::histories() const { return history_names(*folder_); }

}  // namespace berth::artifact
