// A component for tests: gatherers that work, and one for each thing that a gatherer can do wrong.
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "exports_cpp.h"

namespace gatherers = exports::berth::gather::gatherers;
namespace records = ::berth::gather::records;

namespace {

using Ended = std::expected<void, wit::string>;
using Output = records::Output;

wit::vector<std::uint8_t> bytes_of(std::string_view text) {
  auto out = wit::vector<std::uint8_t>::allocate(text.size());
  std::memcpy(out.data(), text.data(), text.size());
  return out;
}

bool put(const Output& out, std::string_view path, std::string_view content, bool always = false,
         std::optional<std::uint64_t> captured = std::nullopt) {
  return out.Put({wit::string::from_view(path), bytes_of(content), captured, always}).has_value();
}

Ended good(const Output& out, std::string_view, std::uint64_t) {
  for (int i = 9; i >= 0; --i)
    put(out, "config/good/" + std::to_string(i) + ".json", R"({"number":)" + std::to_string(i) + "}", false,
        1'767'225'600'000);
  return {};
}

// A thousand records of 5 KiB that look like something.
Ended many(const Output& out, std::string_view, std::uint64_t) {
  for (int i = 0; i < 1000; ++i) {
    std::string text = R"({"kind":"ConfigMap","metadata":{"name":"m)" + std::to_string(i) + R"("},"data":{)";
    for (int k = 0; k < 100; ++k)
      text +=
          "\"key-" + std::to_string(k) + "\":\"value " + std::to_string(i * 7919 + k * 104729) + " of it\",";
    text += R"("last":"."}})";
    put(out, "config/many/" + std::to_string(i) + ".json", text);
  }
  return {};
}

Ended trap(const Output& out, std::string_view, std::uint64_t) {
  put(out, "config/trap/before.json", "{}");
  __builtin_trap();
}

Ended loop(const Output& out, std::string_view, std::uint64_t) {
  put(out, "config/loop/before.json", "{}");
  volatile int forever = 1;
  while (forever != 0) {
  }
  return {};
}

Ended fill(const Output& out, std::string_view name, bool always) {
  const std::string text = '"' + std::string(64 * 1024 - 2, 'x') + '"';
  for (int i = 0; i < 100'000; ++i) {
    if (!put(out, "config/" + std::string(name) + "/" + std::to_string(i) + ".json", text, always)) return {};
  }
  return {};
}
Ended greedy(const Output& out, std::string_view, std::uint64_t) { return fill(out, "greedy", false); }
Ended always(const Output& out, std::string_view, std::uint64_t) { return fill(out, "always", true); }

Ended paths(const Output& out, std::string_view, std::uint64_t) {
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += "d/";
  const std::string bad[] = {"",
                             "/etc/passwd",
                             "../up.json",
                             "a/../b.json",
                             "a//b.json",
                             "./a.json",
                             "a/b/",
                             "a\nb.json",
                             "a\\b.json",
                             deep + "x",
                             std::string(2000, 'a'),
                             "a/./b.json",
                             std::string(300, 'f') + "/x.json"};
  int refused = 0;
  for (const std::string& path : bad) refused += put(out, path, "{}") ? 0 : 1;
  put(out, "config/paths/" + std::string(300, 'n') + ".json", "{}");
  put(out, "config/paths/\xc3\xa4.json", "{}");
  put(out, "config/paths/refused.json", std::to_string(refused));
  return {};
}

Ended duplicate(const Output& out, std::string_view, std::uint64_t) {
  put(out, "config/duplicate.json", R"({"which":"first, and longer"})");
  put(out, "config/duplicate.json", R"({"which":"second"})");
  return {};
}

Ended notes(const Output& out, std::string_view, std::uint64_t) {
  put(out, "config/notes.json", "{}");
  out.Warning(std::nullopt, "a warning");
  out.Warning("config/notes.json", "a warning of a record");
  out.Error("config/other.json", "an error of a record");
  return {};
}

Ended noisy(const Output& out, std::string_view, std::uint64_t) {
  const std::string text(10'000, 'n');
  for (int i = 0; i < 2'000; ++i) out.Error(std::nullopt, text);
  return {};
}

Ended failing(const Output& out, std::string_view, std::uint64_t) {
  put(out, "config/failing/before.json", "{}");
  return std::unexpected(wit::string::from_view("nothing more could be had"));
}

// Writes what it is told, where it is told: {"PATH": ...}.
Ended echo(const Output& out, std::string_view parameters, std::uint64_t) {
  const std::size_t begin = parameters.find('"');
  const std::size_t end = parameters.find('"', begin + 1);
  const std::size_t colon = parameters.find(':', end);
  if (colon == std::string_view::npos) {
    put(out, "conditional/echo.json", parameters);
    return {};
  }
  put(out, parameters.substr(begin + 1, end - begin - 1),
      parameters.substr(colon + 1, parameters.size() - colon - 2));
  return {};
}
Ended logs(const Output& out, std::string_view parameters, std::uint64_t) {
  put(out, "conditional/container_logs.json", parameters);
  return {};
}

std::optional<Output>& kept() {
  static std::optional<Output> output;
  return output;
}

struct Case {
  std::string_view name;
  Ended (*run)(const Output&, std::string_view parameters, std::uint64_t bytes);
  std::string_view record;
  bool by_rule = false;
};
constexpr Case kCases[] = {
    {"good", good, "config/good/{number}.json"},
    {"many", many, "config/many/{number}.json"},
    {"trap", trap, "config/trap/before.json"},
    {"loop", loop, "config/loop/before.json"},
    {"greedy", greedy, "config/greedy/{number}.json"},
    {"always", always, "config/always/{number}.json"},
    {"paths", paths, "config/paths/refused.json"},
    {"duplicate", duplicate, "config/duplicate.json"},
    {"notes", notes, "config/notes.json"},
    {"noisy", noisy, "none"},
    {"failing", failing, "config/failing/before.json"},
    {"echo", echo, "as it is told", true},
    {"container_logs", logs, "conditional/container_logs.json", true},
};

}  // namespace

wit::vector<gatherers::Description> gatherers::List() {
  auto out = wit::vector<Description>::allocate(std::size(kCases) + 1);
  std::size_t i = 0;
  const auto add = [&](std::string_view name, std::string_view record, bool by_rule) {
    auto described = wit::vector<RecordDescription>::allocate(1);
    described.initialize(
        0, RecordDescription{wit::string::from_view(record),
                             wit::string::from_view("What `" + std::string(name) + "` writes.")});
    out.initialize(i++, Description{wit::string::from_view(name), wit::string::from_view("A case for tests."),
                                    std::move(described), by_rule});
  };
  for (const Case& c : kCases) add(c.name, c.record, c.by_rule);
  add("keeps", "config/keeps.json", false);
  return out;
}

std::expected<void, wit::string> gatherers::Gather(wit::string name, wit::string parameters, Budget budget,
                                                   Output&& out) {
  if (name.get_view() == "keeps") {
    // With an instance that stays: uses the output of the call before.
    if (kept()) put(*kept(), "config/late.json", "{}");
    put(out, "config/keeps.json", "{}");
    kept().emplace(std::move(out));
    return {};
  }
  for (const Case& c : kCases) {
    if (c.name == name.get_view()) return c.run(out, parameters.get_view(), budget.bytes);
  }
  return std::unexpected(wit::string::from_view("no such gatherer"));
}
