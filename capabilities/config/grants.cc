// config: reading the section.
#include "capabilities/config/grants.h"

#include <fmt/format.h>

#include <memory>

#include "capabilities/config/binding.h"
#include "capabilities/config/limits.h"
#include "capabilities/grants/section.h"
#include "manifest/reader.h"

namespace berth::config {
namespace {

constexpr manifest::Key kKeys[] = {
    {"<key>", "text", "required", "debug", "A value that the guest finds under this key."},
};
constexpr manifest::Section kSection{
    .path = "grants.config", .text = "Settings that the guest reads with wasi:config/store.", .keys = kKeys};

}  // namespace

std::optional<Store::Values> read(const manifest::Value& value, const std::string& path,
                                  manifest::Problems& problems) {
  const std::size_t before = grants::count(problems);
  Store::Values values;
  if (!value.is_map() && !value.is_null())
    problems.add(value.mark(),
                 fmt::format("{}: expected a map of texts; write `config: {{ key: value }}`", path));
  if (value.entries().size() > kMaxKeys)
    problems.add(value.entries()[kMaxKeys].key_mark,
                 fmt::format("{} has {} keys; {} is the most: put them into a file", path,
                             value.entries().size(), kMaxKeys));
  std::size_t total = 0;
  for (const manifest::Value::Entry& entry : value.entries()) {
    if (entry.key.empty() || entry.key.size() > kMaxKeyBytes) {
      problems.add(entry.key_mark, fmt::format("{}: a key has 1 to {} bytes", path, kMaxKeyBytes));
      continue;
    }
    if (entry.value.is_null()) {
      problems.add(entry.value.mark(),
                   fmt::format("{}.{} has no value; write \"\" for an empty text", path, entry.key));
      continue;
    }
    auto text = manifest::read_text(entry.value, fmt::format("{}.{}", path, entry.key), problems);
    if (!text) continue;
    const bool fitted = total <= kMaxTotalBytes;
    total += entry.key.size() + text->size();
    if (fitted && total > kMaxTotalBytes)
      problems.add(entry.key_mark,
                   fmt::format("{} has more than {} bytes in all; put large values into a file", path,
                               kMaxTotalBytes));
    values.emplace(entry.key, std::move(*text));
  }
  if (grants::count(problems) > before) return std::nullopt;
  return values;
}

grants::Capability capability() {
  return {
      .info = {.name = "config", .covers = covers, .grant_line = "config: {}"},
      .section = &kSection,
      .read = [](const manifest::Value& value, const std::string& path,
                 manifest::Problems& problems) -> grants::Maker {
        auto values = read(value, path, problems);
        if (!values) return {};
        auto store = std::make_shared<const Store>(std::move(*values));
        return [store](const grants::Services&) -> Result<std::shared_ptr<const host::Grant>> {
          return grant(store);
        };
      },
  };
}

}  // namespace berth::config
