// Status on the control socket: what JSON and the table say of updates, canaries and shadows.
#include "cli/status_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/update_plan.h"

namespace berth::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

host::WorkloadStatus serving() {
  host::WorkloadStatus status;
  status.name = "web";
  status.current.digest = "sha256:1111111111111111";
  return status;
}

std::string table_of(Json workload) {
  return status_text({{"workloads", Json::array({std::move(workload)})}});
}

TEST(StatusJson, SaysNothingOfUpdatesWhereThereAreNone) {
  const Json json = to_json(serving());
  for (const char* key : {"canary", "shadow", "way_back", "update"}) EXPECT_FALSE(json.contains(key)) << key;
  EXPECT_THAT(table_of(json), Not(HasSubstr("update")));
}

TEST(StatusJson, ShowsACanaryAndAShadow) {
  host::WorkloadStatus status = serving();
  status.canary = host::CanaryStatus{
      .version = {.digest = "sha256:2222222222222222"}, .share = 0.1, .calls = {7, 0, 0, 1, 0}};
  status.shadow =
      host::ShadowStatus{.digest = "sha256:3333333333333333", .equal = 8, .different = 2, .failed = 1};
  status.way_back = "sha256:0000";
  const Json json = to_json(status);
  EXPECT_EQ(json["canary"]["share"], 0.1);
  EXPECT_EQ(json["canary"]["calls"]["trap-bug"], 1);
  EXPECT_EQ(json["shadow"]["different"], 2);
  EXPECT_EQ(json["way_back"], "sha256:0000");
  const std::string text = table_of(json);
  EXPECT_THAT(text, HasSubstr("canary sha256:222222222222 gets 10%"));
  EXPECT_THAT(text, HasSubstr("shadow sha256:333333333333 agrees on 8 of 11"));
}

TEST(StatusJson, ShowsWhatAnUpdateWaitsFor) {
  host::UpdateStatus update;
  update.state = host::UpdateState::kHeld;
  update.reason = "it imports wasi:sockets/tcp@0.2.0";
  update.running = "sha256:1111111111111111";
  update.candidate = "sha256:2222222222222222";
  update.last_good = "sha256:1111111111111111";
  update.more_imports = {"wasi:sockets/tcp@0.2.0"};
  update.shut_out = {{"sha256:9", "60 of 60 calls failed", {}}};
  update.next_look = std::chrono::system_clock::time_point(std::chrono::hours(24));
  Json json = to_json(serving());
  json["update"] = to_json(update);
  EXPECT_EQ(json["update"]["state"], "held");
  EXPECT_EQ(json["update"]["more_imports"][0], "wasi:sockets/tcp@0.2.0");
  EXPECT_EQ(json["update"]["shut_out"][0]["reason"], "60 of 60 calls failed");
  EXPECT_FALSE(json["update"].contains("trial_ends"));
  EXPECT_THAT(
      table_of(json),
      HasSubstr(
          "web: update held since 1970-01-01T00:00:00Z, candidate sha256:222222222222, last good "
          "sha256:111111111111, next look at 1970-01-02T00:00:00Z: it imports wasi:sockets/tcp@0.2.0\n"));
}

TEST(UpdatePlan, IsWhatTheManifestSays) {
  manifest::Update update;
  EXPECT_EQ(update_plan(update).rollback->errors->more, 0.05) << "the defaults are the safe ones";
  EXPECT_EQ(update_plan(update).new_imports, host::NewImports::kHold);
  EXPECT_EQ(update_plan(update).downgrade, host::Downgrade::kRefuse);
  EXPECT_EQ(canary_by(update), host::CanaryBy::kRandom);
  update.canary = manifest::Canary{.percent = 0.2, .by = manifest::CanaryBy::kKey};
  update.shadow = manifest::Shadow{.differ = 0.01};
  update.rollback.reset();
  update.hold = false;
  update.allow_downgrade = true;
  const host::UpdatePlan plan = update_plan(update);
  EXPECT_EQ(plan.canary->share, 0.2);
  EXPECT_EQ(plan.shadow->differ, 0.01);
  EXPECT_FALSE(plan.rollback);
  EXPECT_EQ(plan.new_imports, host::NewImports::kAllow);
  EXPECT_EQ(plan.downgrade, host::Downgrade::kAllow);
  EXPECT_EQ(canary_by(update), host::CanaryBy::kKey);
}

}  // namespace
}  // namespace berth::cli
