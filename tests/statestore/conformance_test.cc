// Every case with every store; what holds when a store starts, is full, or is given another one's state.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/statestore/cases.h"

namespace berth::statestore::conformance {

// GoogleTest prints these.
void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

namespace {

using testing::HasSubstr;

const Kind& kind_of(std::string_view name) {
  return *std::ranges::find(kinds(), name, [](const Kind& kind) { return std::string_view(kind.name); });
}

std::vector<Case> all_cases() {
  std::vector<Case> all(entry_cases().begin(), entry_cases().end());
  all.insert(all.end(), feature_cases().begin(), feature_cases().end());
  return all;
}

class Conformance : public testing::TestWithParam<std::tuple<Kind, Case>> {};

TEST_P(Conformance, Holds) {
  const auto& [kind, c] = GetParam();
  Subject subject(kind_of(kind.name));
  c.run(subject);
}

INSTANTIATE_TEST_SUITE_P(Stores, Conformance,
                         testing::Combine(testing::ValuesIn(kinds().begin(), kinds().end()),
                                          testing::ValuesIn(all_cases())),
                         [](const auto& p) {
                           return std::get<0>(p.param).name + "_" + std::get<1>(p.param).name;
                         });

class EachStore : public testing::TestWithParam<Kind> {
 protected:
  [[nodiscard]] const Kind& kind() const { return kind_of(GetParam().name); }
};

INSTANTIATE_TEST_SUITE_P(Stores, EachStore, testing::ValuesIn(kinds().begin(), kinds().end()),
                         [](const auto& p) { return p.param.name; });

TEST_P(EachStore, RefusesASettingThatItDoesNotKnow) {
  EXPECT_THAT(start_error(kind(), {{"colour", "red"}}), HasSubstr("colour"));
}

// Its format is its own: it says so, and the one that has the entries serves on.
TEST_P(EachStore, RefusesTheStateOfAnotherStore) {
  if (kind().bucket != Kind::Bucket::kNone) return;  // hands nothing over
  const std::string other = kind().name == "cpp" ? "rust" : "cpp";
  Subject subject(kind_of(other));
  subject.set("a", "1");
  EXPECT_FALSE(subject.replace_by(kind()));
  EXPECT_TRUE(subject.get("a"));
}

}  // namespace
}  // namespace berth::statestore::conformance
