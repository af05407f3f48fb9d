// MapReader: typed access to one map of a manifest, with an error for everything that is not right.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "manifest/problems.h"
#include "manifest/schema.h"
#include "manifest/units.h"
#include "manifest/value.h"

namespace berth::manifest {

// Reads scalars. Each adds a problem that begins with `path` and returns nothing when `value` is not
// what is asked for. Nothing here throws.
[[nodiscard]] std::optional<std::string> read_text(const Value& value, const std::string& path,
                                                   Problems& problems);
[[nodiscard]] std::optional<bool> read_bool(const Value& value, const std::string& path, Problems& problems);
[[nodiscard]] std::optional<std::int64_t> read_integer(const Value& value, const std::string& path,
                                                       Problems& problems, std::int64_t min,
                                                       std::int64_t max);
[[nodiscard]] std::optional<std::uint64_t> read_bytes(const Value& value, const std::string& path,
                                                      Problems& problems, std::uint64_t min,
                                                      std::uint64_t max);
[[nodiscard]] std::optional<std::chrono::milliseconds> read_duration(const Value& value,
                                                                     const std::string& path,
                                                                     Problems& problems,
                                                                     std::chrono::milliseconds min,
                                                                     std::chrono::milliseconds max);
[[nodiscard]] std::optional<double> read_percent(const Value& value, const std::string& path,
                                                 Problems& problems);
[[nodiscard]] std::optional<Endpoint> read_endpoint(const Value& value, const std::string& path,
                                                    Problems& problems);
// The index of the text in `names`.
[[nodiscard]] std::optional<std::size_t> read_one_of(const Value& value, const std::string& path,
                                                     Problems& problems,
                                                     const std::vector<std::string_view>& names);
// A list of texts; a single text counts as a list of one. Items with problems are left out.
[[nodiscard]] std::vector<std::string> read_text_list(const Value& value, const std::string& path,
                                                      Problems& problems);

// Reads one map. The constructor refuses a value that is no map (null counts as {}) and every key
// that is not in `section`, naming the nearest that is. A method returns nothing when the key is
// absent or wrong; the wrong one is a problem.
// One thread at a time; borrows its arguments.
class MapReader final {
 public:
  MapReader(const Value& value, const Section& section, std::string path, Problems& problems);

  [[nodiscard]] bool is_map() const { return value_.is_map() || value_.is_null(); }
  // The value of a key of the section, or null.
  [[nodiscard]] const Value* get(std::string_view key) const { return value_.find(key); }
  // As get, with a problem when it is absent.
  [[nodiscard]] const Value* require(std::string_view key);
  [[nodiscard]] std::string path_of(std::string_view key) const { return path_ + "." + std::string(key); }
  [[nodiscard]] const std::string& path() const { return path_; }

  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  [[nodiscard]] std::optional<bool> boolean(std::string_view key);
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key, std::int64_t min, std::int64_t max);
  [[nodiscard]] std::optional<std::uint64_t> bytes(std::string_view key, std::uint64_t min,
                                                   std::uint64_t max);
  [[nodiscard]] std::optional<std::chrono::milliseconds> duration(std::string_view key,
                                                                  std::chrono::milliseconds min,
                                                                  std::chrono::milliseconds max);
  [[nodiscard]] std::optional<double> percent(std::string_view key);
  [[nodiscard]] std::optional<Endpoint> endpoint(std::string_view key);
  [[nodiscard]] std::optional<std::size_t> one_of(std::string_view key,
                                                  const std::vector<std::string_view>& names);
  [[nodiscard]] std::vector<std::string> text_list(std::string_view key);
  // Any keys, scalar values, in the order of the text.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> text_map(std::string_view key);

  void problem(Mark mark, std::string_view key, std::string_view message);

 private:
  const Value& value_;
  const Section& section_;
  std::string path_;
  Problems& problems_;
};

// Refuses keys of `map` that are not in `known`.
void refuse_unknown(const Value& map, const std::vector<std::string_view>& known, const std::string& path,
                    Problems& problems);

}  // namespace berth::manifest
