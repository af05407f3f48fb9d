// Making room: what is in the store, what must stay, and what goes first.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "artifact/store/folder.h"
#include "artifact/store/limits.h"

namespace berth::artifact {
namespace {

constexpr std::size_t kDigestDigits = 2 * Digest::kBytes;
constexpr std::size_t kCompatibilityDigits = 32;

// The byte of "leases" that stands for an entry. Two entries that share one are only kept together.
std::uint64_t lease_byte(std::string_view digits) {
  std::uint64_t byte = 0xcbf29ce484222325;  // FNV-1a: any even spread does
  for (const char c : digits) byte = (byte ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return byte >> 2;  // an offset in a file is 63 bits, and so is the end of a range
}

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

Place blob_place(const Digest& digest) {
  const std::string name = digest.hex();
  return {.kind = Place::Kind::kBlob, .name = name, .component = digest, .byte = lease_byte(name)};
}

Result<Place> compiled_place(const CompiledKey& key) {
  const std::string& text = key.compatibility;
  if (text.size() > kMaxCompatibilityBytes) {
    return fail(Code::kInvalidArgument,
                fmt::format("the engine's compatibility text has {} bytes; at most {} are used", text.size(),
                            kMaxCompatibilityBytes));
  }
  const Digest settings =
      BERTH_TRY(Digest::of({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
  const std::string name = key.component.hex() + "-" + settings.hex().substr(0, kCompatibilityDigits);
  return Place{
      .kind = Place::Kind::kCompiled, .name = name, .component = key.component, .byte = lease_byte(name)};
}

std::optional<Place> find_place(Place::Kind kind, std::string_view name) {
  const std::string_view digits = name.substr(0, kDigestDigits);
  const std::string_view rest = name.substr(digits.size());
  const bool fits = kind == Place::Kind::kBlob
                        ? rest.empty()
                        : rest.size() == kCompatibilityDigits + 1 && rest[0] == '-' && is_hex(rest.substr(1));
  const auto digest = Digest::parse("sha256:" + std::string(digits));
  if (!fits || !digest) return std::nullopt;
  return Place{.kind = kind, .name = std::string(name), .component = *digest, .byte = lease_byte(name)};
}

Result<std::vector<StoreFolder::Entry>> StoreFolder::scan() const {
  std::vector<Entry> entries_found;
  for (const Place::Kind kind : {Place::Kind::kBlob, Place::Kind::kCompiled}) {
    for (const std::string& name : BERTH_TRY(files_.list(entries(kind)))) {
      std::optional<Place> place = find_place(kind, name);
      if (!place) continue;
      auto info = files_.info(entries(kind), name);
      if (!info && info.error().code() == Code::kNotFound) continue;  // removed since it was listed
      if (!info) return fail(std::move(info).error());
      entries_found.push_back({.place = std::move(*place), .info = *info});
    }
  }
  return entries_found;
}

Result<> StoreFolder::make_room(const StoreLock&, std::uint64_t need, const Place* replaced) const {
  std::vector<Entry> found = BERTH_TRY(scan());
  if (replaced != nullptr) {
    std::erase_if(found, [&](const Entry& entry) {
      return entry.place.kind == replaced->kind && entry.place.name == replaced->name;
    });
  }
  std::uint64_t total = need;
  for (const Entry& entry : found) total += entry.info.size;
  if (total <= options_.cap_bytes) return {};

  // A history that cannot be read may name anything: then nothing goes.
  std::set<Digest> kept;
  for (const std::string& name : BERTH_TRY(history_names(*this))) {
    const auto history = read_history(*this, name);
    if (!history && history.error().code() == Code::kNotFound) continue;
    if (!history) {
      return fail(Error(history.error()).context("making room: what must be kept is not known"));
    }
    for (const Digest& digest : kept_by(*history)) kept.insert(digest);
  }

  std::ranges::sort(found, {},
                    [](const Entry& entry) { return std::tie(entry.info.used, entry.place.name); });
  // Of a kept component the code that was used last stays: of other engines and tiers it is of no use any
  // more.
  std::map<Digest, const Entry*> latest;
  for (const Entry& entry : found) {
    if (entry.place.kind == Place::Kind::kCompiled) latest[entry.place.component] = &entry;
  }

  // Another opening than the one that holds our own leases, so that they count too.
  const File leases = BERTH_TRY(files_.open(root_, "leases", OpenMode::kLock));
  for (const Entry& entry : found) {
    if (total <= options_.cap_bytes) return {};
    const Place& place = entry.place;
    const bool compiled = place.kind == Place::Kind::kCompiled;
    if (kept.contains(place.component) && (!compiled || latest[place.component] == &entry)) continue;
    if (!BERTH_TRY(files_.try_lock(leases, place.byte, ByteLock::kExclusive))) continue;
    BERTH_TRY(files_.remove(entries(place.kind), place.name));
    BERTH_TRY(files_.try_lock(leases, place.byte, ByteLock::kNone));
    total -= entry.info.size;
  }
  if (total <= options_.cap_bytes) return {};
  return fail(
      Code::kResourceExhausted,
      fmt::format(
          "the store {} is full: its cap is {} bytes, {} are needed, and what is left is in use or kept "
          "to fall back to; raise the cap, or keep fewer versions",
          root_.path().string(), options_.cap_bytes, total));
}

}  // namespace berth::artifact
