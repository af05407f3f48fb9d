// History: what is written can be read, and what cannot be read says where.
#include "artifact/store/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artifact/store/limits.h"
#include "artifact/store/test_store.h"

namespace berth::artifact {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

History full() {
  History history;
  history.source = "oci://127.0.0.1:5000/gather/core:v2";
  history.fetched = {.digest = digest_of(1),
                     .validators = {.etag = "\"a\\b\"", .last_modified = "Sat, 31 Jan 2026 10:00:00 GMT"}};
  history.running = digest_of(1);
  history.good = {{.digest = digest_of(1), .reference = "oci://h/r:v1", .since = at(10)},
                  {.digest = digest_of(2), .reference = "oci://h/r:v0", .since = at(0)}};
  history.refused = {{.digest = digest_of(3), .reason = "12% of the calls failed\n\x1b[31m", .since = at(5)}};
  history.held = {{.digest = digest_of(4), .reason = "it imports wasi:sockets/tcp", .since = at(6)}};
  history.accepted = {digest_of(5), digest_of(6)};
  history.pinned = digest_of(1);
  return history;
}

TEST(History, IsReadAsItWasWritten) {
  for (const History& history : {History{}, full()}) {
    const auto text = print_history(history);
    ASSERT_TRUE(text) << text.error().to_string();
    const auto read = parse_history(*text);
    ASSERT_TRUE(read) << read.error().to_string();
    EXPECT_EQ(*read, history);
    EXPECT_EQ(print_history(*read).value(), *text);
  }
  const std::string text = print_history(full()).value();
  EXPECT_THAT(text, HasSubstr("\"since\": \"2026-09-21T"));
  EXPECT_THAT(text, HasSubstr("\"running\": \"sha256:"));
  EXPECT_TRUE(text.ends_with("}\n"));
}

TEST(History, ListsAreOrderedAndBounded) {
  History history;
  for (unsigned i = 0; i < 200; ++i) {
    history.remember_good({.digest = digest_of(i), .since = at(static_cast<int>(i))}, 3);
    history.refuse({.digest = digest_of(1000 + i), .reason = "slow", .since = at(static_cast<int>(i))});
    history.accept(digest_of(2000 + i));
  }
  EXPECT_THAT(history.good,
              ElementsAre(GoodVersion{digest_of(199), "", at(199)}, GoodVersion{digest_of(198), "", at(198)},
                          GoodVersion{digest_of(197), "", at(197)}));
  EXPECT_EQ(history.refused.size(), kMaxRefused);
  EXPECT_EQ(history.refused[0].digest, digest_of(1199));
  EXPECT_EQ(history.accepted.size(), kMaxAccepted);
  EXPECT_TRUE(history.is_accepted(digest_of(2199)));
  EXPECT_FALSE(history.is_accepted(digest_of(2000)));
  for (unsigned i = 0; i < 50; ++i) history.remember_good({.digest = digest_of(i)}, 1000);
  EXPECT_EQ(history.good.size(), kMaxGoodVersions);
  history.remember_good({.digest = digest_of(45)}, 1000);
  EXPECT_EQ(history.good.size(), kMaxGoodVersions);
  EXPECT_EQ(history.good[0].digest, digest_of(45));
  history.remember_good({.digest = digest_of(1)}, 0);
  EXPECT_EQ(history.good.size(), 1);
  EXPECT_TRUE(parse_history(print_history(history).value()));
}

TEST(History, RefusedAndAcceptedExcludeWhatTheyMust) {
  History history;
  history.remember_good({.digest = digest_of(1)}, 3);
  history.held = {{.digest = digest_of(2), .reason = "imports more"}};
  history.refuse({.digest = digest_of(1), .reason = "traps"});
  EXPECT_TRUE(history.good.empty());
  ASSERT_NE(history.find_refused(digest_of(1)), nullptr);
  EXPECT_EQ(history.find_refused(digest_of(1))->reason, "traps");
  EXPECT_EQ(history.find_refused(digest_of(2)), nullptr);
  history.refuse({.digest = digest_of(1), .reason = "still traps"});
  EXPECT_EQ(history.refused.size(), 1);
  history.accept(digest_of(2));
  EXPECT_FALSE(history.held);
  history.accept(digest_of(1));
  history.accept(digest_of(1));
  EXPECT_EQ(history.find_refused(digest_of(1)), nullptr);
  EXPECT_THAT(history.accepted, ElementsAre(digest_of(1), digest_of(2)));
}

TEST(History, TextsOfStrangersAreCutAndMended) {
  History history;
  history.refuse(
      {.digest = digest_of(1), .reason = std::string(kMaxReasonBytes - 1, 'x') + "\xc3\xa4", .since = at(0)});
  history.source =
      "a\xff"
      "b";
  history.fetched = {.validators = {.etag = std::string(100'000, '\xfe')}};
  const auto text = print_history(history);
  ASSERT_TRUE(text) << text.error().to_string();
  const auto read = parse_history(*text);
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(read->refused[0].reason, std::string(kMaxReasonBytes - 1, 'x'));
  EXPECT_EQ(read->source, "a?b");
  EXPECT_EQ(read->fetched->validators.etag, std::string(kMaxHistoryTextBytes, '?'));
}

TEST(History, MaximaAreKept) {
  History history = full();
  history.good.resize(kMaxGoodVersions + 1);
  EXPECT_EQ(print_history(history).error().code(), Code::kResourceExhausted);
  EXPECT_THAT(print_history(history).error().message(), HasSubstr("good: 17 of them; at most 16"));
  history = full();
  history.refused.resize(kMaxRefused + 1);
  EXPECT_FALSE(print_history(history));
  history = full();
  history.accepted.resize(kMaxAccepted + 1);
  EXPECT_FALSE(print_history(history));
  // Control characters take six bytes each as JSON.
  history = full();
  history.good.assign(kMaxGoodVersions,
                      {.reference = std::string(kMaxHistoryTextBytes, '\x01'), .since = at(0)});
  EXPECT_EQ(print_history(history).error().code(), Code::kResourceExhausted);
  EXPECT_EQ(parse_history(std::string(kMaxHistoryBytes + 1, ' ')).error().code(), Code::kResourceExhausted);

  std::string many = print_history(History{}).value();
  const std::string entry = "\"" + digest_of(1).to_string() + "\"";
  std::string list = entry;
  for (std::size_t i = 0; i < kMaxAccepted; ++i) list += "," + entry;
  many.replace(many.find("\"accepted\": []"), 14, "\"accepted\": [" + list + "]");
  EXPECT_THAT(parse_history(many).error().message(), HasSubstr("accepted: 65 of them"));
}

TEST(History, DamageIsNamed) {
  const std::string good = print_history(full()).value();
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  const std::string one = digest_of(1).to_string();
  const std::string two = digest_of(2).to_string();
  for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
           {"", "not JSON"},
           {"[]", "the record: not a JSON object"},
           {"null", "not a JSON object"},
           {"{}", "format: not a number"},
           {good.substr(0, good.size() / 2), "not JSON"},
           {good + "x", "not JSON"},
           {replaced("\"format\": 1", "\"format\": 2"),
            "format: 2; this berth reads 1: a newer one wrote it"},
           {replaced("\"format\": 1", "\"format\": \"1\""), "format: not a number"},
           {replaced("\"running\"", "\"runing\""), "runing: not a key"},
           {replaced("\"reference\"", "\"referense\""), "good[0].referense: not a key"},
           {replaced("\"etag\"", "\"e\""), "fetched.e: not a key"},
           {replaced("\"reason\": \"it", "\"reason\": 1, \"x\": \"it"), "held.x: not a key"},
           {replaced(two, "sha256:00"), "good[1].digest: "},
           {replaced("\"running\": \"" + one, "\"running\": \"md5:"), "running: "},
           {replaced("\"since\": \"2026", "\"since\": \"20x6"), "good[0].since: not a time"},
           {replaced("\"since\": \"2026-09", "\"since\": \"2026-13"), "good[0].since: not a time"},
           {replaced("\"pinned\": \"" + one + "\"", "\"pinned\": null"), "pinned: not a text"},
           {replaced("\"accepted\": [", "\"accepted\": [7,"), "accepted[0]: not a text"},
           {replaced("\"accepted\": [", "\"accepted\": [\"7\","), "accepted[0]: "},
           {replaced("\"source\": \"oci", "\"source\": {}, \"good\": \"oci"), "source: not a text"}}) {
    const auto read = parse_history(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code(), Code::kFailedPrecondition) << text;
    EXPECT_THAT(read.error().message(), HasSubstr(message));
  }
  // Every prefix of a record is damage, none is another record.
  for (std::size_t size = 0; size + 2 < good.size(); ++size)
    EXPECT_FALSE(parse_history(good.substr(0, size)));
  EXPECT_FALSE(parse_history(std::string(100'000, '[')));
}

class HistoriesTest : public ::testing::Test {
 protected:
  HistoriesTest() : store_(Store::open({.folder = folder_.path() / "store"}, files_).value()) {}
  [[nodiscard]] std::filesystem::path file(const std::string& name) const {
    return folder_.path() / "store" / "histories" / (name + ".json");
  }
  TestFolder folder_;
  SystemFiles files_;
  Store store_;
};

TEST_F(HistoriesTest, AreUpdatedAndForgotten) {
  EXPECT_EQ(store_.history("w").error().code(), Code::kNotFound);
  EXPECT_TRUE(store_.forget_history("w"));
  const auto written = store_.update_history("w", [](History& history) -> Result<> {
    EXPECT_EQ(history, History{});
    history = full();
    return {};
  });
  ASSERT_TRUE(written) << written.error().to_string();
  EXPECT_EQ(*written, full());
  EXPECT_EQ(store_.history("w").value(), full());
  ASSERT_TRUE(store_.update_history("scope.w-2", [](History&) -> Result<> { return {}; }));
  EXPECT_THAT(store_.histories().value(), ElementsAre("scope.w-2", "w"));
  EXPECT_TRUE(store_.forget_history("w"));
  EXPECT_THAT(store_.histories().value(), ElementsAre("scope.w-2"));
}

TEST_F(HistoriesTest, AChangeThatFailsOrChangesNothingWritesNothing) {
  const auto fill = [](History& history) -> Result<> {
    history = full();
    return {};
  };
  ASSERT_TRUE(store_.update_history("w", fill));
  const auto written = std::filesystem::last_write_time(file("w"));
  FailingFiles watched(files_);
  const auto store = Store::open({.folder = folder_.path() / "store"}, watched);
  ASSERT_TRUE(store->update_history("w", fill));
  EXPECT_EQ(std::filesystem::last_write_time(file("w")), written);
  const auto refused = store->update_history("w", [](History& history) -> Result<> {
    history = {};
    return fail(Code::kAborted, "thought better of it");
  });
  EXPECT_EQ(refused.error().code(), Code::kAborted);
  EXPECT_EQ(store_.history("w").value(), full());
  const auto unreadable = store->update_history("w", [](History& history) -> Result<> {
    history.good = {{.since = at(0) + std::chrono::years(10'000)}};
    return {};
  });
  ASSERT_FALSE(unreadable);
  EXPECT_EQ(store_.history("w").value(), full());
}

TEST_F(HistoriesTest, ADamagedOneIsNamedAndKept) {
  write_file(file("w"), content(1, 100));
  for (const auto& failed :
       {store_.history("w"), store_.update_history("w", [](History&) -> Result<> { return {}; })}) {
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code(), Code::kFailedPrecondition);
    EXPECT_THAT(failed.error().message(), HasSubstr("histories/w.json"));
    EXPECT_THAT(failed.error().message(), HasSubstr("or remove it"));
  }
  EXPECT_EQ(read_file(file("w")), content(1, 100));
  write_file(file("w"), std::vector<std::uint8_t>(kMaxHistoryBytes + 100, ' '));
  EXPECT_FALSE(store_.history("w"));
}

TEST_F(HistoriesTest, NamesStayInTheFolder) {
  for (const std::string& bad :
       {std::string(), std::string(".."), std::string("../w"), std::string("a/b"), std::string("W"),
        std::string("w\n"), std::string(kMaxHistoryNameBytes + 1, 'w'), std::string("-w")}) {
    EXPECT_EQ(store_.history(bad).error().code(), Code::kInvalidArgument) << bad;
    EXPECT_EQ(store_.update_history(bad, [](History&) -> Result<> { return {}; }).error().code(),
              Code::kInvalidArgument);
    EXPECT_EQ(store_.forget_history(bad).error().code(), Code::kInvalidArgument);
  }
  EXPECT_TRUE(
      store_.update_history(std::string(kMaxHistoryNameBytes, 'w'), [](History&) -> Result<> { return {}; }));
}

}  // namespace
}  // namespace berth::artifact
