// Tests of runs and archives with native gatherers: budgets, failures, names, disk, metadata.
#include "applications/gather/native/run.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "applications/gather/native/archive_report.h"
#include "applications/gather/native/archives.h"
#include "applications/gather/native/gathering.h"
#include "applications/gather/native/leftovers.h"
#include "applications/gather/native/limits.h"
#include "applications/gather/native/test_gatherers.h"

namespace berth::gather {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kBytes = 1 << 20;

struct Entry {
  std::string path;
  std::string content;
  std::time_t mtime = 0;
  unsigned mode = 0;
};

std::vector<Entry> entries_of(const std::filesystem::path& file) {
  std::vector<Entry> out;
  archive* const a = archive_read_new();
  archive_read_support_filter_gzip(a);
  archive_read_support_format_tar(a);
  EXPECT_EQ(archive_read_open_filename(a, file.c_str(), 4096), ARCHIVE_OK);
  archive_entry* entry = nullptr;
  while (archive_read_next_header(a, &entry) == ARCHIVE_OK) {
    Entry one{archive_entry_pathname(entry),
              std::string(static_cast<std::size_t>(archive_entry_size(entry)), '\0'),
              archive_entry_mtime(entry), archive_entry_mode(entry)};
    EXPECT_EQ(archive_read_data(a, one.content.data(), one.content.size()),
              static_cast<la_ssize_t>(one.content.size()));
    out.push_back(std::move(one));
  }
  archive_read_free(a);
  return out;
}

class RunTest : public testing::Test {
 protected:
  Result<Gathered> gather(TestHost& host, RunLimits limits = {.concurrency = 4, .time = 5s, .bytes = kBytes},
                          std::uint64_t archive_bytes = kBytes, std::vector<Asked> asked = {},
                          std::stop_token stop = {}) {
    const auto sources = host.sources();
    return gather_once({.sources = sources,
                        .asked = std::move(asked),
                        .own = {},
                        .limits = limits,
                        .archive_bytes = archive_bytes,
                        .to = folder_.path(),
                        .kind = GatheringRequest::To::kFolder,
                        .program_began = std::chrono::steady_clock::now(),
                        .executor = *workers_,
                        .progress = {}},
                       stop);
  }
  const TestFolder folder_;
  std::unique_ptr<net::IoContext> workers_ = net::IoContext::create(4).value();
};

TEST_F(RunTest, OneFailureSpoilsNothingOfTheOthers) {
  TestHost host({{"good",
                  [](Output& out, auto&, auto) -> Ended {
                    EXPECT_TRUE(put(out, "b.json", "{}"));
                    EXPECT_TRUE(put(out, "a.json", "{}"));
                    return {};
                  }},
                 {"trapping",
                  [](Output& out, auto&, auto) -> Ended {
                    EXPECT_TRUE(put(out, "t.json", "{}"));
                    return fail(Code::kTrap, "unreachable");
                  }},
                 {"failing",
                  [](Output& out, auto&, auto) -> Ended {
                    EXPECT_TRUE(put(out, "f.json", "{}"));
                    return std::expected<void, std::string>(std::unexpect, "no more");
                  }},
                 {"noting", [](Output& out, auto&, auto) -> Ended {
                    EXPECT_TRUE(out.warning("a.json", "odd"));
                    EXPECT_TRUE(out.error(std::nullopt, "wrong"));
                    EXPECT_FALSE(put(out, "../up", "{}"));
                    EXPECT_FALSE(put(out, "bad.json", "no json"));
                    EXPECT_TRUE(put(out, "twice.json", "{\"a\":1}"));
                    EXPECT_TRUE(put(out, "twice.json", "{\"b\":2}"));
                    EXPECT_TRUE(put(out, std::string(kMetadataPath), "{}"));
                    return {};
                  }}});
  const auto gathered = gather(host).value();
  EXPECT_EQ(gathered.failed(), 3);
  const auto entries = entries_of(gathered.archive);
  std::vector<std::string> paths;
  for (const Entry& e : entries) {
    paths.push_back(e.path);
    EXPECT_EQ(e.mode, static_cast<unsigned>(S_IFREG | 0640));
    EXPECT_LT(std::abs(e.mtime - std::time(nullptr)), 60);
  }
  EXPECT_THAT(paths, ElementsAre("a.json", "b.json", "f.json", kMetadataPath, "t.json", "twice.json"));
  EXPECT_EQ(entries.back().content, "{\"b\":2}");
  struct stat info{};
  ASSERT_EQ(::stat(gathered.archive.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0640U);
  EXPECT_TRUE(time_of_archive(gathered.archive.filename().string()));

  const auto meta = nlohmann::json::parse(entries[3].content);
  const auto& reports = meta.at("status_reports");
  ASSERT_EQ(reports.size(), 4);
  EXPECT_EQ(reports[0].at("name"), "cases/failing");
  EXPECT_EQ(reports[0].at("errors"), nlohmann::json({"no more"}));
  EXPECT_EQ(reports[1].at("name"), "cases/good");
  EXPECT_EQ(reports[1].at("records_count"), 2);
  EXPECT_EQ(reports[1].at("errors"), nlohmann::json::array());
  EXPECT_EQ(reports[1].at("panic"), nullptr);
  EXPECT_EQ(reports[2].at("errors").size(), 4);
  EXPECT_EQ(reports[2].at("warnings"), nlohmann::json({"a.json: odd"}));
  EXPECT_THAT(reports[3].at("panic").get<std::string>(), HasSubstr("unreachable"));
  EXPECT_FALSE(meta.at("is_global_obfuscation_enabled").get<bool>());
  EXPECT_GT(meta.at("memory_alloc_bytes").get<std::uint64_t>(), 1U << 20);
}

TEST_F(RunTest, KeepsToTheBytesOfAGathererAndOfTheArchive) {
  const auto fill = [](bool always) {
    return [always](Output& out, auto&, auto) -> Ended {
      const std::string text(1000, 'x');
      for (int i = 0; i < 1000; ++i) {
        if (!put(out, std::string(always ? "always" : "some") + "/" + std::to_string(i), text, always)) break;
      }
      return {};
    };
  };
  TestHost host({{"always", fill(true)}, {"some", fill(false)}});
  // Alone each may write 100 kB.
  auto gathered = gather(host, {.concurrency = 1, .time = 5s, .bytes = 100'000}).value();
  EXPECT_EQ(gathered.reports[0].records, 100);
  EXPECT_EQ(gathered.reports[1].records, 100);
  // An archive of 64 KiB is full by then; what is always stored goes on, up to twice of it.
  gathered = gather(host, {.concurrency = 1, .time = 5s, .bytes = kBytes}, 64 * 1024).value();
  EXPECT_EQ(gathered.reports[0].records, 131);
  EXPECT_EQ(gathered.reports[1].records, 0);
  EXPECT_THAT(gathered.reports[1].errors, ElementsAre(HasSubstr("exceed what the archive may hold")));
  EXPECT_EQ(folder_.names().size(), 2);
}

TEST_F(RunTest, RunsSomeAtATimeAndEndsWithTheLast) {
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  std::map<std::string, TestGatherer> all;
  for (int i = 0; i < 12; ++i) {
    all["g" + std::to_string(i)] = [&](Output&, auto&, Budget budget) -> Ended {
      EXPECT_EQ(budget.time, 5s);
      const int n = ++now;
      for (int seen = most; n > seen && !most.compare_exchange_weak(seen, n);) {
      }
      std::this_thread::sleep_for(20ms);
      --now;
      return {};
    };
  }
  TestHost host(all);
  EXPECT_EQ(gather(host, {.concurrency = 3, .time = 5s, .bytes = kBytes}).value().reports.size(), 12);
  EXPECT_EQ(most, 3);
}

TEST_F(RunTest, RunsWhatARuleAsksFor) {
  TestHost host({{"plain", [](auto&, auto&, auto) -> Ended { return {}; }},
                 {"rule-logs", [](Output& out, const std::string& parameters, auto) -> Ended {
                    EXPECT_TRUE(put(out, "p.json", parameters));
                    return {};
                  }}});
  EXPECT_EQ(gather(host).value().reports.size(), 1);
  const auto gathered = gather(host, {.concurrency = 2, .time = 5s, .bytes = kBytes}, kBytes,
                               {{"rule-logs", R"({"a":1})"}, {"plain", "{}"}})
                            .value();
  ASSERT_EQ(gathered.reports.size(), 3);
  EXPECT_EQ(gathered.reports[1].name, "cases/rule-logs");
  EXPECT_THAT(gathered.reports[2].errors, ElementsAre(HasSubstr("no workload has such a gatherer")));
  EXPECT_EQ(entries_of(gathered.archive)[1].content, R"({"a":1})");
}

TEST_F(RunTest, BoundsWhatAGathererSays) {
  TestHost host({{"noisy", [](Output& out, auto&, auto) -> Ended {
                    for (int i = 0; i < 10'000; ++i) {
                      EXPECT_TRUE(out.error(std::nullopt, "short"));
                      EXPECT_TRUE(out.warning(std::string(5000, 'p'), std::string(100'000, 'w')));
                    }
                    return {};
                  }}});
  const auto report = gather(host).value().reports.at(0);
  EXPECT_EQ(report.errors.size(), kMaxNotes + 1);
  EXPECT_EQ(report.errors.back(), "9500 more errors");
  std::size_t bytes = 0;
  for (const std::string& text : report.warnings) bytes += text.size();
  EXPECT_LT(bytes, kMaxNotesBytes + 100);
}

TEST_F(RunTest, AStopLeavesNothing) {
  std::stop_source stop;
  TestHost host({{"a", [&](Output& out, auto&, auto) -> Ended {
                    EXPECT_TRUE(put(out, "a.json", "{}"));
                    stop.request_stop();
                    return {};
                  }}});
  const auto gathered =
      gather(host, {.concurrency = 1, .time = 5s, .bytes = kBytes}, kBytes, {}, stop.get_token());
  ASSERT_FALSE(gathered);
  EXPECT_EQ(gathered.error().code(), Code::kCancelled);
  EXPECT_THAT(folder_.names(true), IsEmpty());
}

TEST_F(RunTest, TwoArchivesOfOneSecondHaveNamesOfTheirOwn) {
  TestHost host({{"a", [](Output&, auto&, auto) -> Ended { return {}; }}});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(gather(host));
  EXPECT_EQ(list_archives(folder_.path()).value().size(), 3);
}

TEST_F(RunTest, AnOutputIsForItsOwnCallOnly) {
  const auto spool = Spool::create(folder_.path(), kBytes).value();
  Recorder recorder(*spool, nullptr, "a", kBytes);
  (void)recorder.end(1ms, {});
  const auto late = recorder.put({.path = "a", .content = {}, .captured = {}});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), Code::kFailedPrecondition);
  EXPECT_FALSE(recorder.warning(std::nullopt, "w"));
}

// The limit of a file's size stands for a full disk: writes fail in the same way.
TEST_F(RunTest, AFullDiskIsAnErrorOfTheRecordAndThenOfTheArchive) {
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  TestHost host({{"a", [&](Output& out, auto&, auto) -> Ended {
                    std::string noise(256 * 1024, '\0');
                    std::mt19937 random(1);
                    for (char& c : noise) c = static_cast<char>(random());
                    EXPECT_TRUE(put(out, "first", noise));
                    const rlimit small{.rlim_cur = 300 * 1024, .rlim_max = before.rlim_max};
                    ::setrlimit(RLIMIT_FSIZE, &small);
                    EXPECT_EQ(put(out, "second", noise).error().kind, Refusal::Kind::kFull);
                    return {};
                  }}});
  const auto gathered = gather(host);
  EXPECT_TRUE(gathered);
  EXPECT_THAT(gathered->reports.at(0).errors, ElementsAre(HasSubstr("File too large")));
  EXPECT_EQ(gathered->records, 1);
  const rlimit tiny{.rlim_cur = 100 * 1024, .rlim_max = before.rlim_max};
  TestHost again({{"a", [&](Output& out, auto&, auto) -> Ended {
                     std::string noise(256 * 1024, '\0');
                     std::mt19937 random(1);
                     for (char& c : noise) c = static_cast<char>(random());
                     EXPECT_TRUE(put(out, "first", noise));
                     ::setrlimit(RLIMIT_FSIZE, &tiny);
                     return {};
                   }}});
  const auto failed = gather(again);
  ::setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Code::kResourceExhausted);
  EXPECT_EQ(folder_.names(true).size(), 1) << "only the first archive";
}

TEST_F(RunTest, RemovesWhatAKilledProgramLeft) {
  folder_.write(".gathering-abcdef", "half an archive");
  folder_.write("insights-2026-01-31-100000.tar.gz", "an archive");
  const File mine = create_partial(folder_.path()).value();
  remove_leftovers(folder_.path());
  EXPECT_THAT(folder_.names(true),
              ElementsAre(mine.path().filename().string(), "insights-2026-01-31-100000.tar.gz"));
}

TEST_F(RunTest, PrunesWhatIsOldAndThenWhatIsTooMuch) {
  const Time now = time_of_archive("insights-2026-01-31-100000.tar.gz").value();
  const auto make = [&](int hours) {
    folder_.write(archive_name(now - std::chrono::hours(hours)), std::string(100, 'a'));
  };
  for (const int hours : {0, 1, 2, 200, 300}) make(hours);
  folder_.write("insights-2020-01-01-000000.txt", "none of ours");
  folder_.write("insights-2020-13-01-000000.tar.gz", "no time");
  EXPECT_EQ(prune(folder_.path(), now, kDefaultKeep, kDefaultKeepBytes).value(), 1);
  EXPECT_EQ(prune(folder_.path(), now, kDefaultKeep, 250).value(), 2);
  EXPECT_EQ(prune(folder_.path(), now, kDefaultKeep, 1).value(), 1);
  EXPECT_THAT(folder_.names(),
              ElementsAre("insights-2020-01-01-000000.txt", "insights-2020-13-01-000000.tar.gz",
                          "insights-2026-01-31-100000.tar.gz"));
}

}  // namespace
}  // namespace berth::gather
