// Tests of the state API over real sockets, with a native store behind it.
#include "applications/statestore/native/dapr_http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "applications/statestore/native/memory_store.h"
#include "net/raw_client.h"

namespace berth::statestore {
namespace {

using nlohmann::json;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A store that fails as told, in place of the host and the guest.
class FailingStore final : public Store {
 public:
  Task<Answer<Features>> features() override { co_return fail_with<Features>(); }
  Task<Answer<std::optional<Entry>>> get(Time, std::string_view) override {
    co_return fail_with<std::optional<Entry>>();
  }
  Task<Answer<std::string>> set(Time, Write) override { co_return fail_with<std::string>(); }
  Task<Answer<void>> remove(Time, Removal) override { co_return fail_with<void>(); }
  Task<Answer<Each<std::optional<Entry>>>> get_many(Time, std::span<const std::string_view>) override {
    co_return fail_with<Each<std::optional<Entry>>>();
  }
  Task<Answer<Each<std::string>>> set_many(Time, std::span<const Write> writes) override {
    if (error) co_return std::unexpected(*error);
    Each<std::string> each(writes.size(), "1");
    each.back() = std::unexpected(store_error);
    co_return std::expected<Each<std::string>, StoreError>(std::move(each));
  }
  Task<Answer<Each<void>>> remove_many(Time, std::span<const Removal>) override {
    co_return fail_with<Each<void>>();
  }
  Task<Answer<void, Failure>> transact(Time, std::span<const Operation>) override {
    if (error) co_return std::unexpected(*error);
    co_return std::expected<void, Failure>(std::unexpect, Failure{{}, store_error});
  }
  Task<Answer<Page>> scan(Time, std::string_view, std::optional<std::string_view>, std::uint32_t) override {
    co_return fail_with<Page>();
  }
  Task<Answer<std::uint64_t>> remove_prefix(Time, std::string_view) override {
    co_return fail_with<std::uint64_t>();
  }
  Task<Answer<Purged>> purge(Time, std::optional<std::string_view>) override {
    co_return fail_with<Purged>();
  }

  std::optional<Error> error;
  StoreError store_error;

 private:
  template <class T>
  Answer<T> fail_with() const {
    if (error) return std::unexpected(*error);
    return refused<T>(store_error);
  }
};

// Moved by the tests.
std::atomic<Time> clock_now{1'000'000};

struct Response {
  int status = 0;
  std::string head;
  std::string body;
  [[nodiscard]] std::string error_code() const { return json::parse(body).at("errorCode"); }
  [[nodiscard]] std::string message() const { return json::parse(body).at("message"); }
  [[nodiscard]] std::string header(const std::string& name) const {
    const auto at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const auto from = at + name.size() + 4;
    return head.substr(from, head.find("\r\n", from) - from);
  }
};

class DaprHttpTest : public testing::Test {
 protected:
  DaprHttpTest() {
    EXPECT_TRUE(api_.add("store", "app", memory_));
    EXPECT_TRUE(api_.add("failing", "", failing_));
    server_.emplace(*io_, api_);
    client_.emplace(server_->listen("127.0.0.1", 0).value());
  }

  Response call(std::string_view method, std::string_view target, std::string_view body = "",
                std::string_view headers = "") {
    std::string text(method);
    text.append(" ").append(target).append(" HTTP/1.1\r\nHost: h\r\n").append(headers);
    if (method == "POST" || method == "PUT")
      text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    client_->send(text + "\r\n" + std::string(body));
    const std::string all = client_->response();
    Response r;
    r.status = all.size() > 12 ? std::stoi(all.substr(9, 3)) : 0;
    const auto end = all.find("\r\n\r\n");
    r.head = all.substr(0, end + 2);
    r.body = end == std::string::npos ? "" : all.substr(end + 4);
    return r;
  }
  Response save(std::string_view body) { return call("POST", "/v1.0/state/store", body); }
  Response get(std::string_view key) { return call("GET", "/v1.0/state/store/" + std::string(key)); }

  // What the store itself holds, seen beside the API.
  std::optional<Entry> stored(std::string_view key) {
    std::optional<Entry> found;
    detach(memory_->get(clock_now, key), [&](auto answer) { found = **std::move(answer); });
    return found;
  }

  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>();
  std::shared_ptr<FailingStore> failing_ = std::make_shared<FailingStore>();
  DaprHttp api_{[] { return clock_now.load(); }};
  std::unique_ptr<net::IoContext> io_ = net::IoContext::create(1).value();
  std::optional<net::HttpServer> server_;
  std::optional<net::RawClient> client_;
};

TEST_F(DaprHttpTest, SavesGetsAndDeletes) {
  EXPECT_EQ(save(R"([{"key":"a","value":{"x" : 1}},{"key":"b","value":"text"}])").status, 204);
  auto a = get("a");
  EXPECT_EQ(a.status, 200);
  EXPECT_EQ(a.body, R"({"x" : 1})");
  EXPECT_EQ(a.header("Content-Type"), "application/json");
  EXPECT_EQ(a.header("ETag"), "1");
  EXPECT_EQ(get("b").body, "\"text\"");
  EXPECT_EQ(get("c").status, 204);
  EXPECT_EQ(get("c").header("ETag"), "");
  EXPECT_EQ(call("DELETE", "/v1.0/state/store/a").status, 204);
  EXPECT_EQ(call("DELETE", "/v1.0/state/store/a").status, 204);
  EXPECT_EQ(get("a").status, 204);
  EXPECT_EQ(save("[]").status, 204);
  EXPECT_EQ(call("PUT", "/v1.0/state/store", R"([{"key":"put","value":1}])").status, 204);
  EXPECT_EQ(get("put").body, "1");
}

TEST_F(DaprHttpTest, KeysArePrefixedWithTheAppId) {
  ASSERT_EQ(save(R"([{"key":"a","value":1}])").status, 204);
  EXPECT_TRUE(stored("app||a"));
  EXPECT_FALSE(stored("a"));
}

TEST_F(DaprHttpTest, KeysMayBeAnyText) {
  ASSERT_EQ(save(R"([{"key":"a b/ä|?","value":1}])").status, 204);
  EXPECT_EQ(get("a%20b%2F%c3%a4%7C%3F").body, "1");
  EXPECT_EQ(get("a/b").status, 404);
  EXPECT_EQ(get("a%zz").status, 400);
  EXPECT_EQ(get("%ff").error_code(), "ERR_MALFORMED_REQUEST");
  EXPECT_EQ(get("a%7C%7Cb").error_code(), "ERR_MALFORMED_REQUEST");
  EXPECT_EQ(call("DELETE", "/v1.0/state/store/a||b").status, 400);
  EXPECT_EQ(get("").status, 400);
}

TEST_F(DaprHttpTest, EtagsGuardSaves) {
  ASSERT_EQ(save(R"([{"key":"a","value":1}])").status, 204);
  const std::string etag = get("a").header("ETag");
  EXPECT_EQ(save(R"([{"key":"a","value":2,"etag":")" + etag + R"("}])").status, 204);
  const auto stale = save(R"([{"key":"a","value":3,"etag":")" + etag + R"("}])");
  EXPECT_EQ(stale.status, 409);
  EXPECT_EQ(stale.error_code(), "ERR_STATE_SAVE");
  EXPECT_THAT(stale.message(), HasSubstr("possible etag mismatch"));
  const auto invalid = save(R"([{"key":"a","value":3,"etag":"never"}])");
  EXPECT_EQ(invalid.status, 400);
  EXPECT_EQ(invalid.error_code(), "ERR_STATE_SAVE");
  EXPECT_EQ(get("a").body, "2");
  // First write wins: without an ETag only what is not there may be written.
  EXPECT_EQ(save(R"([{"key":"a","value":4,"options":{"concurrency":"first-write"}}])").status, 409);
  EXPECT_EQ(save(R"([{"key":"n","value":4,"options":{"concurrency":"first-write"}}])").status, 204);
  EXPECT_EQ(save(R"([{"key":"a","value":5,"options":{"concurrency":"last-write"}}])").status, 204);
}

TEST_F(DaprHttpTest, EtagsGuardDeletes) {
  ASSERT_EQ(save(R"([{"key":"a","value":1}])").status, 204);
  const std::string etag = get("a").header("ETag");
  const auto stale = call("DELETE", "/v1.0/state/store/a", "", "If-Match: 99\r\n");
  EXPECT_EQ(stale.status, 409);
  EXPECT_EQ(stale.error_code(), "ERR_STATE_DELETE");
  EXPECT_EQ(call("DELETE", "/v1.0/state/store/a", "", "If-Match: never\r\n").status, 400);
  EXPECT_EQ(call("DELETE", "/v1.0/state/store/missing", "", "If-Match: 1\r\n").status, 409);
  EXPECT_EQ(call("DELETE", "/v1.0/state/store/a?concurrency=first-write").status, 409);
  EXPECT_EQ(call("DELETE", "/v1.0/state/store/a?concurrency=never").status, 400);
  EXPECT_EQ(get("a").status, 200);
  EXPECT_EQ(call("DELETE", "/v1.0/state/store/a", "", "If-Match: " + etag + "\r\n").status, 204);
  ASSERT_EQ(save(R"([{"key":"a","value":1}])").status, 204);
  EXPECT_EQ(
      call("DELETE", "/v1.0/state/store/a", "", "If-Match: \"" + get("a").header("ETag") + "\"\r\n").status,
      204);
  EXPECT_EQ(call("DELETE", "/v1.0/state/store/a", "", "If-Match:\r\n").status, 204);
}

TEST_F(DaprHttpTest, MalformedSavesChangeNothing) {
  for (const std::string body :
       {"", "{", "{}", "[{\"value\":1}]", R"([{"key":"good","value":1},{"key":"","value":2}])",
        R"([{"key":"good","value":1},{"key":"a||b","value":2}])", R"([{"key":"good","value":1},])"}) {
    const auto r = save(body);
    EXPECT_EQ(r.status, 400) << body;
    EXPECT_EQ(r.error_code(), "ERR_MALFORMED_REQUEST") << body;
  }
  EXPECT_EQ(get("good").status, 204);
}

TEST_F(DaprHttpTest, UnknownStoresAndPaths) {
  for (const std::string target : {"/v1.0/state/other/a", "/v1.0/state/other", "/v1.0/state/"}) {
    const auto r = call("GET", target);
    EXPECT_EQ(r.status, 400);
    EXPECT_EQ(r.error_code(), "ERR_STATE_STORE_NOT_FOUND");
  }
  EXPECT_EQ(call("POST", "/v1.0/state/other", "[]").error_code(), "ERR_STATE_STORE_NOT_FOUND");
  EXPECT_EQ(call("GET", "/v1.0/invoke/a/method/b").status, 404);
  EXPECT_EQ(call("PATCH", "/v1.0/state/store/a").status, 405);
  EXPECT_EQ(call("POST", "/v1.0/state/store/a", "[]").status, 405);
  EXPECT_EQ(call("GET", "/v1.0/healthz").status, 204);
  EXPECT_EQ(call("GET", "/v1.0/healthz/outbound").status, 204);
}

TEST_F(DaprHttpTest, MetadataNamesTheStores) {
  const auto r = call("GET", "/v1.0/metadata");
  EXPECT_EQ(r.status, 200);
  const auto metadata = json::parse(r.body);
  ASSERT_EQ(metadata["components"].size(), 2U);
  EXPECT_EQ(
      metadata["components"][0],
      json::parse(
          R"({"name":"store","type":"state.berth","version":"v1","capabilities":["ETAG","TRANSACTIONAL","TTL","DELETE_WITH_PREFIX","QUERY_API"]})"));
  EXPECT_EQ(metadata["components"][1]["capabilities"], json::parse(R"(["ETAG"])"));  // it fails to say
}

TEST_F(DaprHttpTest, WhatAStoreDoesNotHaveIsRefusedClearly) {
  failing_->store_error = {StoreError::Kind::kUnsupported, "this state store does not support that"};
  for (const auto& [target, body] : {std::pair<std::string, std::string>{
                                         "/v1.0/state/failing/transaction",
                                         R"({"operations":[{"operation":"delete","request":{"key":"a"}}]})"},
                                     {"/v1.0-alpha1/state/failing/query", "{}"},
                                     {"/v1.0/state/failing?metadata.ttlInSeconds=5", R"([{"key":"a"}])"}}) {
    const auto r = call("POST", target, body);
    EXPECT_EQ(r.status, 500) << target;
    EXPECT_EQ(r.error_code(), "ERR_STATE_STORE_NOT_SUPPORTED") << target;
  }
  EXPECT_EQ(call("POST", "/v1.0-alpha1/state/other/query", "{}").error_code(), "ERR_STATE_STORE_NOT_FOUND");
}

TEST_F(DaprHttpTest, EntriesExpire) {
  ASSERT_EQ(save(R"([{"key":"a","value":1,"metadata":{"ttlInSeconds":"5"}},{"key":"b","value":2}])").status,
            204);
  EXPECT_EQ(get("a").header("metadata.ttlExpireTime"), "1970-01-01T00:16:45.000Z");
  EXPECT_EQ(get("b").header("metadata.ttlExpireTime"), "");
  const auto bulk = json::parse(call("POST", "/v1.0/state/store/bulk", R"({"keys":["a"]})").body);
  EXPECT_EQ(bulk[0]["metadata"]["ttlExpireTime"], "1970-01-01T00:16:45.000Z");
  clock_now += 4'999;
  EXPECT_EQ(get("a").status, 200);
  clock_now += 1;
  EXPECT_EQ(get("a").status, 204);
  EXPECT_EQ(save(R"([{"key":"a","value":1,"options":{"concurrency":"first-write"}}])").status, 204);
  // The query's metadata counts in place of the item's; -1 takes the expiry away.
  ASSERT_EQ(call("POST", "/v1.0/state/store?metadata.ttlInSeconds=1",
                 R"([{"key":"c","value":1,"metadata":{"ttlInSeconds":"100"}}])")
                .status,
            204);
  EXPECT_EQ(stored("app||c")->expires, clock_now + 1000);
  ASSERT_EQ(save(R"([{"key":"c","value":1,"metadata":{"ttlInSeconds":"-1"}}])").status, 204);
  EXPECT_FALSE(stored("app||c")->expires);
  for (const std::string ttl : {"0", "-2", "soon", "1.5", "31536000001", "99999999999999999999"}) {
    const auto r = save(R"([{"key":"c","value":2,"metadata":{"ttlInSeconds":")" + ttl + R"("}}])");
    EXPECT_EQ(r.status, 400) << ttl;
    EXPECT_EQ(r.error_code(), "ERR_MALFORMED_REQUEST") << ttl;
  }
  EXPECT_EQ(get("c").body, "1");
}

TEST_F(DaprHttpTest, TransactionsAreAllOrNothing) {
  const auto transact = [&](std::string_view operations) {
    return call("POST", "/v1.0/state/store/transaction", R"({"operations":)" + std::string(operations) + "}");
  };
  ASSERT_EQ(save(R"([{"key":"a","value":1}])").status, 204);
  EXPECT_EQ(
      transact(
          R"([{"operation":"upsert","request":{"key":"b","value":{"x":2},"metadata":{"ttlInSeconds":"5"}}},
                         {"request":{"key":"a"},"operation":"delete"}])")
          .status,
      204);
  EXPECT_EQ(get("a").status, 204);
  EXPECT_EQ(get("b").body, R"({"x":2})");
  EXPECT_EQ(stored("app||b")->expires, clock_now + 5000);
  const auto stale = transact(R"([{"operation":"upsert","request":{"key":"c","value":1}},
                                  {"operation":"upsert","request":{"key":"b","value":1,"etag":"99"}}])");
  EXPECT_EQ(stale.status, 500);
  EXPECT_EQ(stale.error_code(), "ERR_STATE_TRANSACTION");
  EXPECT_THAT(stale.message(), HasSubstr("operation 1 with key app||b"));
  EXPECT_EQ(get("c").status, 204);
  EXPECT_EQ(transact("[]").status, 204);
  EXPECT_EQ(transact("null").status, 204);
  EXPECT_EQ(transact(R"([{"operation":"rename","request":{"key":"c"}}])").error_code(),
            "ERR_NOT_SUPPORTED_STATE_OPERATION");
  for (const std::string bad : {R"([{"operation":"upsert"}])", R"([{"request":{"key":"a"}}])", "{}", "[1]",
                                R"([{"operation":"upsert","request":{"key":"a||b"}}])"}) {
    EXPECT_EQ(transact(bad).status, 400) << bad;
  }
}

TEST_F(DaprHttpTest, QueriesFilterSortAndPage) {
  ASSERT_EQ(save(R"([{"key":"1","value":{"person":{"org":"A","id":1036},"city":"Seattle","state":"WA"}},
                     {"key":"2","value":{"person":{"org":"B","id":1028},"city":"Portland","state":"OR"}},
                     {"key":"3","value":{"person":{"org":"A","id":1071},"city":"Sacramento","state":"CA"}},
                     {"key":"4","value":{"person":{"org":"A","id":1042},"city":"Spokane","state":"WA"}},
                     {"key":"5","value":"a text"}])")
                .status,
            204);
  detach(memory_->set(clock_now, {.key = "other||6", .value = R"({"state":"CA"})"}), [](const auto&) {});
  const auto query = [&](std::string_view text) {
    return call("POST", "/v1.0-alpha1/state/store/query", text);
  };
  const auto keys = [&](std::string_view text) {
    std::string out;
    const auto r = query(text);
    if (r.status == 204) return out;
    const json body = json::parse(r.body);  // as a temporary it would be gone in the loop
    for (const auto& item : body["results"]) out += item["key"].get<std::string>();
    return out;
  };
  EXPECT_EQ(keys("{}"), "12345");
  EXPECT_EQ(keys(R"({"filter":{"EQ":{"state":"CA"}}})"), "3");
  EXPECT_EQ(keys(R"({"filter":{"NEQ":{"state":"WA"}}})"), "235");
  EXPECT_EQ(keys(R"({"filter":{"IN":{"state":["CA","OR"]}}})"), "23");
  EXPECT_EQ(keys(R"({"filter":{"GT":{"person.id":1036}}})"), "34");
  EXPECT_EQ(keys(R"({"filter":{"GTE":{"person.id":1036}}})"), "134");
  EXPECT_EQ(keys(R"({"filter":{"LT":{"person.id":1036}}})"), "2");
  EXPECT_EQ(keys(R"({"filter":{"LTE":{"person.id":1036.0}}})"), "12");
  EXPECT_EQ(keys(R"({"filter":{"LT":{"state":5}}})"), "");
  EXPECT_EQ(query(R"({"filter":{"EQ":{"state":"XX"}}})").status, 204);
  EXPECT_EQ(keys(R"({"filter":{"OR":[{"EQ":{"person.org":"B"}},{"AND":[{"EQ":{"person.org":"A"}},
                     {"IN":{"state":["CA","WA"]}}]}]},"sort":[{"key":"state","order":"DESC"},{"key":"person.id"}]})"),
            "1423");
  const auto first = json::parse(query(R"({"sort":[{"key":"person.id"}],"page":{"limit":3}})").body);
  EXPECT_EQ(first["results"][0]["key"], "5");  // without the field: first
  EXPECT_EQ(first["results"][1]["data"]["city"], "Portland");
  EXPECT_EQ(first["results"][1]["etag"], "2");
  ASSERT_EQ(first["token"], "3");
  const auto rest =
      json::parse(query(R"({"sort":[{"key":"person.id"}],"page":{"limit":3,"token":"3"}})").body);
  EXPECT_EQ(rest["results"].size(), 2U);
  EXPECT_FALSE(rest.contains("token"));
  for (const std::string bad : {"", "[]", "{", R"({"filter":{"LIKE":{"a":"b"}}})",
                                R"({"filter":{"EQ":{"a":[1]}}})", R"({"filter":{"AND":[]}})",
                                R"({"filter":{"EQ":{"a":1},"NEQ":{"a":1}}})", R"({"sort":[{"order":"ASC"}]})",
                                R"({"page":{"limit":-1}})", R"({"page":{"token":"x"}})", R"({"where":{}})"}) {
    const auto r = query(bad);
    EXPECT_EQ(r.status, 500) << bad;
    EXPECT_EQ(r.error_code(), "ERR_STATE_QUERY") << bad;
  }
  std::string deep = R"({"EQ":{"a":1}})";
  for (int i = 0; i < 20; ++i) deep = R"({"AND":[{"EQ":{"a":1}},)" + deep + "]}";
  EXPECT_THAT(query(R"({"filter":)" + deep + "}").message(), HasSubstr("at most 16 levels"));
}

TEST_F(DaprHttpTest, BulkGetAnswersInOrder) {
  ASSERT_EQ(save(R"([{"key":"a","value":{"x":1}},{"key":"b","value":"s"}])").status, 204);
  detach(memory_->set(clock_now, {.key = "app||raw", .value = "not json"}),
         [](const auto& answer) { ASSERT_TRUE(*answer); });
  const auto r = call("POST", "/v1.0/state/store/bulk", R"({"keys":["b","none","a","raw"],"parallelism":2})");
  EXPECT_EQ(r.status, 200);
  const auto answer = json::parse(r.body);
  ASSERT_EQ(answer.size(), 4U);
  EXPECT_EQ(answer[0], json::parse(R"({"key":"b","data":"s","etag":"2"})"));
  EXPECT_EQ(answer[1], json::parse(R"({"key":"none"})"));
  EXPECT_EQ(answer[2], json::parse(R"({"key":"a","data":{"x":1},"etag":"1"})"));
  EXPECT_EQ(answer[3]["error"], "the value is not JSON");
  EXPECT_EQ(call("POST", "/v1.0/state/store/bulk", R"({"keys":["b","x||y"]})").error_code(),
            "ERR_MALFORMED_REQUEST");
  EXPECT_EQ(call("POST", "/v1.0/state/store/bulk", R"({"keys":[]})").body, "[]");
  EXPECT_EQ(call("POST", "/v1.0/state/store/bulk", "x").error_code(), "ERR_MALFORMED_REQUEST");
}

TEST_F(DaprHttpTest, FailuresOfTheHostAndTheStoreKeepTheirMessage) {
  failing_->error = Error(Code::kTrap, "unreachable");
  auto r = call("GET", "/v1.0/state/failing/a");
  EXPECT_EQ(r.status, 500);
  EXPECT_EQ(r.error_code(), "ERR_STATE_GET");
  EXPECT_THAT(r.message(), HasSubstr("unreachable"));
  EXPECT_EQ(call("DELETE", "/v1.0/state/failing/a").error_code(), "ERR_STATE_DELETE");
  failing_->error = Error(Code::kBusy, "the queue is full");
  r = call("POST", "/v1.0/state/failing", R"([{"key":"a","value":1}])");
  EXPECT_EQ(r.status, 503);
  EXPECT_EQ(r.error_code(), "ERR_STATE_SAVE");
  failing_->error.reset();
  failing_->store_error = {StoreError::Kind::kFull, "no memory left"};
  r = call("POST", "/v1.0/state/failing", R"([{"key":"a","value":1}])");
  EXPECT_EQ(r.status, 500);
  EXPECT_THAT(r.message(), HasSubstr("no memory left"));
  r = call("POST", "/v1.0/state/failing", R"([{"key":"a","value":1},{"key":"b","value":1}])");
  EXPECT_EQ(r.status, 500);
  EXPECT_THAT(r.message(), HasSubstr("with key b"));
  failing_->store_error = {StoreError::Kind::kScattered, "two instances"};
  r = call("POST", "/v1.0/state/failing/transaction",
           R"({"operations":[{"operation":"delete","request":{"key":"a"}}]})");
  EXPECT_EQ(r.status, 400);
  EXPECT_EQ(r.error_code(), "ERR_STATE_TRANSACTION");
  failing_->store_error = {StoreError::Kind::kInternal, "disk \"broke\"\n"};
  r = call("POST", "/v1.0/state/failing", R"([{"key":"a","value":1}])");
  EXPECT_THAT(r.message(), HasSubstr("disk \"broke\"\n"));
}

TEST_F(DaprHttpTest, ALargeValueComesBackUnchanged) {
  const std::string value = "\"" + std::string(4'000'000, 'v') + "\"";
  ASSERT_EQ(save(R"([{"key":"big","value":)" + value + "}]").status, 204);
  EXPECT_EQ(get("big").body, value);
  EXPECT_EQ(save(std::string(4 * 1024 * 1024 + 1, ' ')).status, 413);
}

TEST(DaprHttp, WithoutAStoreSaysSo) {
  DaprHttp api;
  const auto io = net::IoContext::create(1).value();
  net::HttpServer server(*io, api);
  net::RawClient client(server.listen("127.0.0.1", 0).value());
  client.send("GET /v1.0/state/a/b HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto response = client.response();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(response, HasSubstr("ERR_STATE_STORE_NOT_CONFIGURED"));
}

TEST(DaprHttp, RefusesTwoStoresOfOneName) {
  DaprHttp api;
  EXPECT_TRUE(api.add("a", "", std::make_shared<MemoryStore>()));
  EXPECT_EQ(api.add("a", "", std::make_shared<MemoryStore>()).error().code(), Code::kAlreadyExists);
}

}  // namespace
}  // namespace berth::statestore
