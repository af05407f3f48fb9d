// Tests of the agent: periods, uploads through a server with faults, rules from servers. Native gatherers.
#include "applications/gather/native/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "applications/gather/native/conditional.h"
#include "applications/gather/native/test_gatherers.h"
#include "applications/gather/native/upload.h"
#include "net/scripted_server.h"

namespace berth::gather {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// For a minute at most: the machine may be busy.
bool wait_for(const std::function<bool()>& holds) {
  for (int i = 0; i < 6000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

std::string answer(std::string_view status, std::string_view more = "", std::string_view body = "") {
  return "HTTP/1.1 " + std::string(status) + "\r\n" + std::string(more) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

// Answers one request after the other, whatever they are, and keeps them.
class Receiver {
 public:
  explicit Receiver(std::vector<std::string> answers) : answers_(std::move(answers)) {}
  [[nodiscard]] std::string url(std::string_view path = "/up") const { return server_.url(path); }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve(net::ScriptedConnection& connection) {
    for (std::string request = connection.request(); !request.empty(); request = connection.request()) {
      std::string said;
      {
        const std::lock_guard lock(mutex_);
        said = answers_.at(std::min(requests_.size(), answers_.size() - 1));
        requests_.push_back(std::move(request));
      }
      if (said.empty() || !connection.send(said)) return;  // it hangs up
    }
  }
  const std::vector<std::string> answers_;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  net::ScriptedServer server_{[this](net::ScriptedConnection& c) { serve(c); }};
};

class AgentTest : public testing::Test {
 protected:
  Settings settings() {
    Settings out;
    out.directory = folder_.path() / "archives";
    out.every = 1h;
    out.concurrency = 2;
    return out;
  }
  UploadSettings upload_to(const std::string& url) {
    UploadSettings out{.to = Remote{.url = net::Url::parse(url).value()}};
    out.content_type = "application/vnd.redhat.openshift.periodic";
    out.retry = 20ms;
    out.max_retry = 40ms;
    out.timeout = 5s;
    return out;
  }
  Result<std::unique_ptr<Agent>> start(Settings settings) {
    return Agent::start(std::move(settings), host_.sources(), {host_.io(), log_, host_.metrics(), nullptr});
  }
  [[nodiscard]] std::size_t archives() const {
    return list_archives(folder_.path() / "archives").value().size();
  }
  const TestFolder folder_;
  std::atomic<int> runs_ = 0;
  TestHost host_{{{"a",
                   [this](Output& out, auto&, auto) -> Ended {
                     ++runs_;
                     EXPECT_TRUE(put(out, "a.json", "{}"));
                     return {};
                   }},
                  {"rule-a", [](Output& out, const std::string& parameters, auto) -> Ended {
                     EXPECT_TRUE(put(out, "rule.json", parameters));
                     return {};
                   }}}};
  telemetry::Logger log_{{.level = telemetry::Level::kError}};
};

TEST_F(AgentTest, GathersAtOnceThenInPeriodsAndNotAgainAfterARestart) {
  Settings s = settings();
  s.every = 1s;
  {
    const auto agent = start(s).value();
    EXPECT_TRUE(wait_for([&] { return runs_ >= 2; }));
    EXPECT_THAT(start(s).error().message(), HasSubstr("another agent"));
    EXPECT_TRUE(wait_for([&] { return agent->status().last && agent->status().next; }));
    EXPECT_EQ(agent->status().last->records, 1);
    agent->stop(5s);
  }
  EXPECT_GE(archives(), 2);
  const int before = runs_;
  s.every = 1h;
  const auto agent = start(s).value();
  EXPECT_TRUE(wait_for([&] { return agent->status().next.has_value(); }));
  EXPECT_GT(*agent->status().next, std::chrono::system_clock::now() + 50min);
  EXPECT_EQ(runs_, before);
  EXPECT_GT(agent->status().archives, 0);
  const std::string metrics = host_.metrics().expose();
  EXPECT_THAT(metrics, HasSubstr("berth_gatherings_total{result=\"ok\"}"));
  EXPECT_THAT(metrics, HasSubstr("berth_gatherer_records_total{gatherer=\"cases/a\"}"));
}

TEST_F(AgentTest, AWorkloadMayGatherMoreSeldomThanTheOthers) {
  Settings s = settings();
  s.every = 1s;
  auto sources = host_.sources();
  sources[0].every = 1h;
  s.rules =
      RuleSource{.file = folder_.write("rules.json", R"({"conditional_gathering_rules":[{"conditions":[],)"
                                                     R"("gathering_functions":{"rule-a":{}}}]})"),
                 .remote = {},
                 .prometheus = {}};
  const auto agent =
      Agent::start(s, std::move(sources), {host_.io(), log_, host_.metrics(), nullptr}).value();
  EXPECT_TRUE(wait_for([&] { return archives() >= 2; }));
  EXPECT_EQ(runs_, 1);
  // What rules ask for runs in each period.
  EXPECT_TRUE(wait_for([&] { return agent->status().last && agent->status().last->gatherers == 1; }));
  EXPECT_TRUE(agent->status().last->failed.empty());
}

TEST_F(AgentTest, UploadsAsTheIngressExpectsAndRemovesWhatWasTaken) {
  Receiver receiver({answer("202 Accepted", "x-rh-insights-request-id: r1\r\n")});
  Settings s = settings();
  s.cluster_id = "my-cluster";
  s.upload = upload_to(receiver.url());
  s.upload->to.token_file = folder_.write("token", "secret-token\n");
  const auto agent = start(s).value();
  EXPECT_TRUE(wait_for([&] { return agent->status().uploads->sent == 1; }));
  EXPECT_TRUE(wait_for([&] { return archives() == 0; }));
  const std::string request = receiver.requests().at(0);
  EXPECT_THAT(request, testing::StartsWith("POST /up HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("Authorization: Bearer secret-token\r\n"));
  EXPECT_THAT(request, HasSubstr("berth cluster/my-cluster\r\n"));
  EXPECT_THAT(request, HasSubstr("multipart/form-data; boundary=berth-"));
  EXPECT_THAT(request,
              HasSubstr("Content-Disposition: form-data; name=\"file\"; filename=\"payload.tar.gz\"\r\n"
                        "Content-Type: application/vnd.redhat.openshift.periodic\r\n\r\n\x1f\x8b"));
  EXPECT_THAT(request, HasSubstr("name=\"metadata\""));
  EXPECT_THAT(request, HasSubstr("{\"custom_metadata\":{\"gathering_time\":\"20"));
  EXPECT_FALSE(agent->status().uploads->degraded);
}

TEST_F(AgentTest, ARawUploadIsTheArchive) {
  Receiver receiver({answer("200 OK")});
  UploadSettings to = upload_to(receiver.url());
  to.form = UploadSettings::Form::kRaw;
  const auto file = folder_.write("insights-2026-01-31-100000.tar.gz", "the archive");
  const auto sent = upload(to, {file, {}, 11}, host_.io(), "berth", {}).value();
  EXPECT_TRUE(sent.ok());
  EXPECT_THAT(receiver.requests().at(0), testing::EndsWith("\r\n\r\nthe archive"));
  // A large form is made beside it, and nothing is left.
  to.form = UploadSettings::Form::kMultipart;
  EXPECT_TRUE(upload(to, {file, {}, kMaxFormInMemory + 1}, host_.io(), "berth", {}).value().ok());
  EXPECT_THAT(receiver.requests().at(1), HasSubstr("\r\n\r\nthe archive\r\n--berth-"));
  EXPECT_THAT(folder_.names(true), testing::ElementsAre(file.filename().string()));
}

TEST_F(AgentTest, RetriesWhatFailsAndSaysWhenItIsDegraded) {
  Receiver receiver({"", answer("500 Oops"), answer("503 Busy", "Retry-After: 1\r\n"), answer("401 No"),
                     answer("429 Slow"), answer("404 Gone"), answer("202 Accepted")});
  Settings s = settings();
  s.upload = upload_to(receiver.url());
  const auto agent = start(s).value();
  EXPECT_TRUE(wait_for([&] { return agent->status().uploads->degraded; }));
  EXPECT_THAT(agent->status().uploads->error, HasSubstr("insights-"));
  EXPECT_THAT(host_.metrics().expose(), HasSubstr("berth_gather_degraded 1"));
  EXPECT_TRUE(wait_for([&] { return agent->status().uploads->sent == 1; }));
  const auto u = *agent->status().uploads;
  EXPECT_FALSE(u.degraded);
  EXPECT_EQ(u.failed_in_a_row, 0);
  EXPECT_GE(u.failed, 5) << "a connection that was cut is tried again by the client itself";
  EXPECT_THAT(host_.metrics().expose(), HasSubstr("berth_gather_degraded 0"));
  EXPECT_THAT(host_.metrics().expose(), HasSubstr("berth_gather_uploads_total{status=\"503\"} 1"));
}

TEST_F(AgentTest, AnArchiveThatIsNeverTakenHoldsNoOtherBack) {
  Receiver receiver({answer("413 Too Large", "", "at most\x1b[2J 1 MiB"), answer("202 Accepted")});
  const auto archives_folder = folder_.path() / "archives";
  std::filesystem::create_directory(archives_folder);
  const Time now = std::chrono::system_clock::now();
  std::ofstream(archives_folder / archive_name(now - 2h)) << "first";
  std::ofstream(archives_folder / archive_name(now - 1h)) << "second";
  Settings s = settings();
  s.upload = upload_to(receiver.url());
  const auto agent = start(s).value();
  EXPECT_TRUE(wait_for([&] { return agent->status().uploads->sent == 2; }));
  EXPECT_THAT(receiver.requests().at(0), HasSubstr("first"));
  EXPECT_THAT(receiver.requests().at(1), HasSubstr("second"));
  EXPECT_TRUE(wait_for([&] { return archives() == 1; }));
}

TEST_F(AgentTest, GathersOnWhileTheReceiverIsAway) {
  Settings s = settings();
  s.every = 1s;
  s.upload = upload_to("http://127.0.0.1:1/");
  const auto agent = start(s).value();
  EXPECT_TRUE(wait_for([&] { return archives() >= 2; }));
  EXPECT_TRUE(wait_for([&] { return agent->status().uploads->degraded; }));
}

TEST_F(AgentTest, ATokenThatIsMissingIsSaid) {
  Receiver receiver({answer("202 Accepted")});
  Settings s = settings();
  s.upload = upload_to(receiver.url());
  s.upload->to.token_file = folder_.path() / "token";
  const auto agent = start(s).value();
  EXPECT_TRUE(wait_for([&] { return agent->status().uploads->failed > 0; }));
  EXPECT_THAT(agent->status().uploads->error, HasSubstr("token"));
  folder_.write("token", "now");
  EXPECT_TRUE(wait_for([&] { return agent->status().uploads->sent == 1; }));
  s.upload->to.ca = folder_.path() / "missing.pem";
  s.directory = folder_.path() / "others";
  EXPECT_THAT(start(s).error().message(), HasSubstr("missing.pem"));
}

TEST_F(AgentTest, AStopInTheMiddleLeavesNoArchive) {
  std::atomic<bool> in = false;
  TestHost slow({{"slow", [&](Output& out, auto&, auto) -> Ended {
                    EXPECT_TRUE(put(out, "a.json", "{}"));
                    in = true;
                    std::this_thread::sleep_for(200ms);
                    return {};
                  }}});
  {
    const auto agent =
        Agent::start(settings(), slow.sources(), {slow.io(), log_, slow.metrics(), nullptr}).value();
    EXPECT_TRUE(wait_for([&] { return in.load(); }));
    agent->stop(5s);
  }
  EXPECT_EQ(archives(), 0);
}

// ---- rules -------------------------------------------------------------------------------------

class RulesTest : public AgentTest {
 protected:
  Conditional evaluate(const RuleSource& source, std::string version = "") {
    return evaluate_rules(source, {host_.io(), "berth", std::move(version), nullptr}, {});
  }
  static Remote remote(const std::string& url) { return {.url = net::Url::parse(url).value()}; }
  static std::string firing(const std::string& name, const std::string& state = "firing") {
    return R"({"status":"success","data":{"alerts":[{"labels":{"alertname":")" + name +
           R"(","namespace":"ns","pod":"p"},"state":")" + state + R"("}]}})";
  }
  static constexpr const char* kRules =
      R"({"version":"7","conditional_gathering_rules":[)"
      R"({"conditions":[{"type":"alert_is_firing","alert":{"name":"Burning"}}],)"
      R"("gathering_functions":{"rule-a":{"alert_name":"Burning"}}},)"
      R"({"conditions":[{"type":"cluster_version_matches","cluster_version_matches":{"version":">=4.17.0"}}],)"
      R"("gathering_functions":{"rule-b":{}}}],)"
      R"("container_logs":[{"namespace":"kube-system","pod_name_regex":".*","messages":["x"]}]})";
};

TEST_F(RulesTest, ConditionsAreAskedAndGatherersAreTold) {
  Receiver prometheus({answer("200 OK", "", firing("Burning"))});
  const RuleSource source{.file = folder_.write("rules.json", kRules),
                          .remote = {},
                          .prometheus = remote(prometheus.url("/base"))};
  const auto c = evaluate(source, "4.17.3");
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.version, "7");
  ASSERT_EQ(c.asked.size(), 3);
  EXPECT_EQ(c.asked[0].gatherer, "rule-a");
  EXPECT_EQ(c.asked[0].parameters,
            R"({"alert_name":"Burning","alerts":[{"alertname":"Burning","namespace":"ns","pod":"p"}]})");
  EXPECT_EQ(c.asked[1].gatherer, "rule-b");
  EXPECT_EQ(c.asked[2].gatherer, "container_logs");
  EXPECT_THAT(c.asked[2].parameters, HasSubstr(R"({"container_logs":[{)"));
  EXPECT_THAT(prometheus.requests().at(0), testing::StartsWith("GET /base/api/v1/alerts HTTP/1.1"));
  EXPECT_EQ(prometheus.requests().size(), 1) << "once for all conditions";
  EXPECT_EQ(c.own.at(0).path, "insights-operator/conditional-gatherer-rules.json");
  EXPECT_EQ(c.own.at(1).content, kRules);
}

TEST_F(RulesTest, AConditionThatCannotBeAskedDoesNotHold) {
  const auto file = folder_.write("rules.json", kRules);
  const std::string answers[] = {
      answer("200 OK", "", firing("Burning", "pending")),
      answer("200 OK", "", firing("Other")),
      answer("500 Oops"),
      answer("200 OK", "", "no json"),
      answer("200 OK", "", R"({"data":{"alerts":{}}})"),
      answer("200 OK", "", R"({"data":{"alerts":[1,{"state":"firing","labels":[]}]}})"),
      answer("200 OK", "", std::string(100'000, '[')),
      answer("302 Found", "Location: http://example.com/\r\n")};
  for (const std::string& said : answers) {
    Receiver prometheus({said});
    const auto c =
        evaluate({.file = file, .remote = {}, .prometheus = remote(prometheus.url("/"))}, "4.16.0");
    ASSERT_EQ(c.asked.size(), 1) << said;
    EXPECT_EQ(c.asked[0].gatherer, "container_logs");
  }
  const auto nobody = evaluate({.file = file, .remote = {}, .prometheus = {}});
  EXPECT_EQ(nobody.asked.size(), 1);
  EXPECT_THAT(nobody.own.at(0).content, HasSubstr("no prometheus"));
  EXPECT_THAT(nobody.own.at(0).content, HasSubstr("version is not known"));
}

TEST_F(RulesTest, WithoutValidRulesThoseThatAreBuiltInHold) {
  Receiver away({answer("503 Busy")});
  Receiver wrong({answer("200 OK", "", R"({"conditional_gathering_rules":1})")});
  Receiver right({answer("200 OK", "", kRules)});
  EXPECT_THAT(evaluate({.file = {}, .remote = remote(away.url()), .prometheus = {}}).problem,
              HasSubstr("503"));
  const auto c = evaluate({.file = {}, .remote = remote(wrong.url()), .prometheus = {}});
  EXPECT_THAT(c.problem, HasSubstr("conditional_gathering_rules"));
  EXPECT_EQ(c.version, "built-in");
  EXPECT_THAT(c.asked, IsEmpty());
  EXPECT_EQ(evaluate({.file = {}, .remote = remote(right.url()), .prometheus = {}}).version, "7");
  EXPECT_THAT(evaluate({.file = folder_.path() / "missing", .remote = {}, .prometheus = {}}).problem,
              HasSubstr("missing"));
  EXPECT_EQ(evaluate({}).problem, "");
  // An agent goes on with them, and says so.
  Settings s = settings();
  s.rules = RuleSource{.file = {}, .remote = remote(away.url()), .prometheus = {}};
  const auto agent = start(s).value();
  EXPECT_TRUE(wait_for([&] { return agent->status().last.has_value(); }));
  EXPECT_EQ(agent->status().rules, "built-in");
  EXPECT_THAT(agent->status().rules_problem, HasSubstr("503"));
}

}  // namespace
}  // namespace berth::gather
