// Tests of reports about archives, most of them hostile.
#include "applications/gather/native/archive_report.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "applications/gather/native/archive_writer.h"
#include "applications/gather/native/gathering.h"
#include "applications/gather/native/limits.h"
#include "applications/gather/native/test_gatherers.h"

namespace berth::gather {
namespace {

using testing::HasSubstr;

constexpr const char* kGood =
    R"({"status_reports":[{"name":"w/g","duration_in_ms":12,"records_count":2,"errors":["e"],"warnings":null,)"
    R"("panic":null}],"memory_alloc_bytes":5,"uptime_seconds":1.5,"is_global_obfuscation_enabled":true})";

struct Tar {
  std::string path;
  std::string content;
  unsigned type = AE_IFREG;
  std::string link = {};
};

std::filesystem::path tar(const TestFolder& folder, const std::vector<Tar>& entries, bool gzip = true) {
  const auto file = folder.path() / "a.tar.gz";
  archive* const a = archive_write_new();
  archive_write_set_format_gnutar(a);
  if (gzip) archive_write_add_filter_gzip(a);
  archive_write_open_filename(a, file.c_str());
  for (const Tar& t : entries) {
    archive_entry* const e = archive_entry_new();
    archive_entry_set_pathname(e, t.path.c_str());
    archive_entry_set_filetype(e, t.type);
    archive_entry_set_perm(e, 0640);
    archive_entry_set_size(e, static_cast<la_int64_t>(t.content.size()));
    if (t.type == AE_IFLNK) archive_entry_set_symlink(e, t.link.c_str());
    if (t.type == AE_IFREG && !t.link.empty()) archive_entry_set_hardlink(e, t.link.c_str());
    archive_entry_set_mtime(e, 1'767'225'600, 0);
    archive_write_header(a, e);
    archive_write_data(a, t.content.data(), t.content.size());
    archive_entry_free(e);
  }
  archive_write_close(a);
  archive_write_free(a);
  return file;
}

TEST(ArchiveReport, SaysWhatAnArchiveHolds) {
  const TestFolder folder;
  const auto r = report_archive(tar(folder, {{"config/pod/ns/p.json", "12345"},
                                             {"config/pod/ns/q.json", "1"},
                                             {"config/id", "abc"},
                                             {std::string(kMetadataPath), kGood}}))
                     .value();
  EXPECT_EQ(r.records, 4);
  EXPECT_EQ(r.bytes, 9 + std::string_view(kGood).size());
  EXPECT_EQ(r.groups.at(0).folder, "insights-operator");
  EXPECT_EQ(r.groups.at(1).folder, "config/pod");
  EXPECT_EQ(r.groups.at(1).records, 2);
  EXPECT_EQ(r.groups.at(2).folder, "config");
  EXPECT_EQ(r.largest, kMetadataPath);
  EXPECT_EQ(r.first, std::chrono::system_clock::from_time_t(1'767'225'600));
  ASSERT_EQ(r.gatherers.size(), 1);
  EXPECT_EQ(r.gatherers[0].name, "w/g");
  EXPECT_EQ(r.gatherers[0].duration, std::chrono::milliseconds(12));
  EXPECT_EQ(r.gatherers[0].records, 2);
  EXPECT_THAT(r.gatherers[0].errors, testing::ElementsAre("e"));
  EXPECT_TRUE(r.obfuscated);
  EXPECT_TRUE(r.remarks.empty());
}

TEST(ArchiveReport, RemarksWhatIsOdd) {
  const TestFolder folder;
  const auto r = report_archive(tar(folder, {{"a", "1"}, {"a", "2"}})).value();
  EXPECT_THAT(r.remarks, testing::ElementsAre(HasSubstr("a is in it twice"), HasSubstr("it has no")));
}

TEST(ArchiveReport, RefusesHostileArchives) {
  const TestFolder folder;
  const std::string meta(kMetadataPath);
  const auto with = [&](std::string json) {
    return [&folder, meta, json] { return tar(folder, {{meta, json}}); };
  };
  const auto report = [&](std::string fields) { return with(R"({"status_reports":[{)" + fields + "}]}"); };
  std::string many = R"({"status_reports":[)";
  for (std::size_t i = 0; i <= kMaxReports; ++i)
    many += R"({"name":"a","duration_in_ms":1,"records_count":1},)";
  many.back() = ']';
  many += '}';
  struct Case {
    std::function<std::filesystem::path()> make;
    std::string says;
  };
  const Case table[] = {
      {[&] { return folder.path() / "missing.tar.gz"; }, "missing.tar.gz"},
      {[&] { return folder.path(); }, "no file"},
      {[&] { return folder.write("empty", ""); }, "empty"},
      {[&] { return folder.write("text", "not an archive at all"); }, "text"},
      {[&] { return folder.write("zeros", std::string(100'000, '\0')); }, "zeros"},
      {[&] { return tar(folder, {{"a", "1"}}, false); }, "gzip"},
      {[&] { return tar(folder, {}); }, "empty"},
      {[&] { return tar(folder, {{"/etc/passwd", "x"}}); }, "absolute"},
      {[&] { return tar(folder, {{"../up", "x"}}); }, "part . or .."},
      {[&] { return tar(folder, {{"a/../../b", "x"}}); }, "part . or .."},
      {[&] { return tar(folder, {{"a\x1b[2Jb", "x"}}); }, "control character"},
      {[&] { return tar(folder, {{"a\\b", "x"}}); }, "backslash"},
      {[&] { return tar(folder, {{std::string(2000, 'a'), "x"}}); }, "bytes"},
      {[&] { return tar(folder, {{"link", "", AE_IFLNK, "/etc/passwd"}}); }, "no file"},
      {[&] { return tar(folder, {{"a", "1"}, {"hard", "", AE_IFREG, "a"}}); }, "no file"},
      {[&] { return tar(folder, {{"d", "", AE_IFDIR}}); }, "empty part"},
      {[&] { return tar(folder, {{"fifo", "", AE_IFIFO}}); }, "no file"},
      {[&] { return tar(folder, {{meta, kGood}, {meta, kGood}}); }, "twice"},
      {with(""), "has no"},
      {with("{"), "no JSON object"},
      {with("[]"), "no JSON object"},
      {with(std::string(200'000, '[')), "nested deeper"},
      {with("{}"), "status_reports"},
      {with(R"({"status_reports":{}})"), "status_reports"},
      {with(R"({"status_reports":[1]})"), "status_reports[0]"},
      {with(many), "more than"},
      {report(""), "name"},
      {report(R"("name":1)"), "name"},
      {report(R"("name":"a","duration_in_ms":-1)"), "duration_in_ms"},
      {report(R"("name":"a","duration_in_ms":18446744073709551615)"), "duration_in_ms"},
      {report(R"("name":"a","duration_in_ms":1,"records_count":"2")"), "records_count"},
      {report(R"("name":"a","duration_in_ms":1,"records_count":2,"errors":"e")"), "errors"},
      {report(R"("name":"a","duration_in_ms":1,"records_count":2,"warnings":[1])"), "warnings"},
  };
  for (const Case& c : table) {
    const auto r = report_archive(c.make());
    if (c.says == "has no") {
      EXPECT_TRUE(r && !r->remarks.empty());
      continue;
    }
    ASSERT_FALSE(r) << c.says;
    EXPECT_THAT(r.error().message(), HasSubstr(c.says));
    EXPECT_LT(r.error().message().size(), 1000);
  }
}

TEST(ArchiveReport, RefusesEveryCutAndSurvivesEveryFlip) {
  const TestFolder folder;
  const auto file =
      tar(folder, {{"config/a.json", std::string(3000, 'a')}, {std::string(kMetadataPath), kGood}});
  std::ifstream in(file, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  for (std::size_t size = 0; size < whole.size(); size += 7)
    EXPECT_FALSE(report_archive(folder.write("cut", whole.substr(0, size)))) << size;
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    std::string flipped = whole;
    flipped[random() % flipped.size()] ^= static_cast<char>(1U << (random() % 8));
    (void)report_archive(folder.write("flipped", flipped));
  }
}

TEST(ArchiveReport, ABombEndsAtTheLimit) {
  const TestFolder folder;
  const auto file = folder.path() / "bomb.tar.gz";
  // One entry that says it is larger than anything that is reported about.
  archive* const a = archive_write_new();
  archive_write_set_format_gnutar(a);
  archive_write_add_filter_gzip(a);
  archive_write_set_filter_option(a, "gzip", "compression-level", "1");
  archive_write_open_filename(a, file.c_str());
  archive_entry* const e = archive_entry_new();
  archive_entry_set_pathname(e, std::string(kMetadataPath).c_str());
  archive_entry_set_filetype(e, AE_IFREG);
  constexpr std::size_t kSize = kMaxMetadataBytes + (1 << 20);
  archive_entry_set_size(e, kSize);
  archive_write_header(a, e);
  const std::string zeros(1 << 20, '\0');
  for (std::size_t done = 0; done < kSize; done += zeros.size())
    archive_write_data(a, zeros.data(), zeros.size());
  archive_entry_free(e);
  archive_write_close(a);
  archive_write_free(a);
  EXPECT_THAT(report_archive(file).error().message(), HasSubstr("more than 67108864 bytes"));
}

}  // namespace
}  // namespace berth::gather
