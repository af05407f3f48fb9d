// Tests of PluggableComponent with a native store, and of its socket's place.
#include "applications/statestore/native/grpc/pluggable_component.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <optional>

#include "applications/statestore/native/grpc/component_socket.h"
#include "applications/statestore/native/grpc/dapr_messages.h"
#include "applications/statestore/native/grpc/wire.h"
#include "applications/statestore/native/limits.h"
#include "applications/statestore/native/memory_store.h"

namespace berth::statestore {
namespace {

namespace fs = std::filesystem;
using grpc::StatusCode;
using testing::HasSubstr;

constexpr std::string_view kService = "/dapr.proto.components.v1.";

std::string item(std::string_view key, std::string_view value, std::string_view etag = {},
                 std::string_view ttl = {}) {
  std::string out;
  append_bytes(out, 1, key);
  append_bytes(out, 2, value);
  if (!etag.empty()) {
    std::string message;
    append_bytes(message, 1, etag);
    append_message(out, 3, message);
  }
  if (!ttl.empty()) append_entry(out, 4, "ttlInSeconds", ttl);
  return out;
}

std::string removal(std::string_view key, std::string_view etag = {}) {
  std::string out;
  append_bytes(out, 1, key);
  std::string message;
  append_bytes(message, 1, etag);
  append_message(out, 2, message);
  return out;
}

std::string list(std::initializer_list<std::string> items) {
  std::string out;
  for (const std::string& one : items) append_message(out, 1, one);
  return out;
}

// The bytes of a message's field, or nothing.
std::string_view field(std::string_view message, std::uint32_t number) {
  std::string_view out;
  EXPECT_TRUE(each_field(message, [&](const WireField& f) {
    if (f.number == number) out = f.bytes;
    return true;
  }));
  return out;
}

std::vector<std::string_view> fields(std::string_view message, std::uint32_t number) {
  std::vector<std::string_view> out;
  EXPECT_TRUE(each_field(message, [&](const WireField& f) {
    if (f.number == number) out.push_back(f.bytes);
    return true;
  }));
  return out;
}

class Component : public testing::Test {
 protected:
  // The native store never waits.
  GrpcOutcome call(std::string_view method, std::string_view message) {
    std::optional<GrpcOutcome> out;
    detach(component_.serve(std::string(method.starts_with('/') ? "" : kService).append(method), message),
           [&](GrpcOutcome outcome) { out = std::move(outcome); });
    return *std::move(out);
  }
  StatusCode code(std::string_view method, std::string_view message) {
    const auto outcome = call(method, message);
    return outcome ? StatusCode::OK : outcome.error().error_code();
  }
  // What daprd makes an ETagError of.
  static void expect_etag_details(const grpc::Status& status) {
    const std::string details = status.error_details();
    const auto any = field(details, 3);
    EXPECT_EQ(field(any, 1), "type.googleapis.com/google.rpc.BadRequest");
    EXPECT_EQ(field(field(field(any, 2), 1), 1), "etag");
    EXPECT_EQ(field(field(field(any, 2), 1), 2), status.error_message());
    EXPECT_EQ(field(details, 2), status.error_message());
  }

  PluggableComponent component_{"orders", {{"bucket", "a"}}, std::make_shared<MemoryStore>()};
};

TEST_F(Component, InitTakesWhatTheManifestSays) {
  const auto init = [&](std::initializer_list<std::pair<std::string_view, std::string_view>> properties) {
    std::string metadata;
    for (const auto& [name, value] : properties) append_entry(metadata, 1, name, value);
    std::string request;
    append_message(request, 1, metadata);
    return call("StateStore/Init", request);
  };
  EXPECT_TRUE(call("StateStore/Init", ""));
  EXPECT_TRUE(init({}));
  EXPECT_TRUE(init(
      {{"bucket", "a"}, {"keyPrefix", "name"}, {"actorStateStore", "true"}, {"ACTORSTATESTORE", "true"}}));
  const auto other = init({{"bucket", "b"}});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(other.error().error_message(), HasSubstr("has another value in the `settings`"));
  const auto unknown = init({{"keyPrefix", "none"}, {"redisHost", "here"}});
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().error_message(), HasSubstr("redisHost"));
  EXPECT_THAT(unknown.error().error_message(), HasSubstr("berth's manifest"));
  EXPECT_EQ(code("StateStore/Init", "\xff"), StatusCode::INVALID_ARGUMENT);
}

TEST_F(Component, SetsGetsAndDeletes) {
  EXPECT_EQ(*call("StateStore/Get", item("app||a", "")), "");
  EXPECT_TRUE(call("StateStore/Set", item("app||a", "1")));
  const std::string got = *call("StateStore/Get", item("app||a", ""));
  EXPECT_EQ(field(got, 1), "1");
  const std::string etag(field(field(got, 2), 1));
  EXPECT_NE(etag, "");
  EXPECT_EQ(field(got, 3), "");  // no expiry

  EXPECT_TRUE(call("StateStore/Set", item("app||a", "2", etag)));
  const auto mismatch = call("StateStore/Set", item("app||a", "3", etag));
  ASSERT_FALSE(mismatch);
  EXPECT_EQ(mismatch.error().error_code(), StatusCode::FAILED_PRECONDITION);
  expect_etag_details(mismatch.error());
  const auto invalid = call("StateStore/Delete", removal("app||a", "never"));
  ASSERT_FALSE(invalid);
  EXPECT_EQ(invalid.error().error_code(), StatusCode::INVALID_ARGUMENT);
  expect_etag_details(invalid.error());
  EXPECT_TRUE(call("StateStore/Delete", removal("app||a")));
  EXPECT_EQ(*call("StateStore/Get", item("app||a", "")), "");
  EXPECT_TRUE(call("StateStore/Delete", removal("app||a")));
}

TEST_F(Component, KeepsExpiry) {
  EXPECT_TRUE(call("StateStore/Set", item("a", "1", "", "3600")));
  const std::string got = *call("StateStore/Get", item("a", ""));
  EXPECT_EQ(field(field(got, 3), 1), "ttlExpireTime");
  EXPECT_THAT(std::string(field(field(got, 3), 2)), testing::EndsWith("Z"));
  EXPECT_TRUE(call("StateStore/Set", item("a", "1", "", "-1")));
  const std::string kept = *call("StateStore/Get", item("a", ""));
  EXPECT_EQ(field(kept, 3), "");
  for (const std::string_view ttl : {"soon", "-2", "99999999999999999999", "1e3"})
    EXPECT_EQ(code("StateStore/Set", item("a", "2", "", ttl)), StatusCode::INVALID_ARGUMENT) << ttl;
  const std::string unchanged = *call("StateStore/Get", item("a", ""));
  EXPECT_EQ(field(unchanged, 1), "1");
}

TEST_F(Component, DoesManyAtOnce) {
  EXPECT_TRUE(call("StateStore/BulkSet", list({item("a", "1"), item("b", "2"), item("c", "3")})));
  const std::string all = *call("StateStore/BulkGet", list({item("c", ""), item("none", ""), item("a", "")}));
  const auto items = fields(all, 1);
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(field(items[0], 1), "c");
  EXPECT_EQ(field(items[0], 2), "3");
  EXPECT_EQ(field(items[1], 1), "none");
  EXPECT_EQ(fields(items[1], 3).size(), 0U);
  EXPECT_EQ(field(items[1], 4), "");
  // The others of a bulk are done all the same.
  const auto one_wrong = call("StateStore/BulkDelete", list({removal("a", "999"), removal("b")}));
  ASSERT_FALSE(one_wrong);
  EXPECT_EQ(one_wrong.error().error_code(), StatusCode::FAILED_PRECONDITION);
  expect_etag_details(one_wrong.error());
  EXPECT_THAT(one_wrong.error().error_message(), HasSubstr("with key a"));
  EXPECT_EQ(*call("StateStore/Get", item("b", "")), "");
  EXPECT_NE(*call("StateStore/Get", item("a", "")), "");
  EXPECT_TRUE(call("StateStore/BulkSet", ""));
  EXPECT_EQ(*call("StateStore/BulkGet", ""), "");
  std::string many;
  for (std::size_t i = 0; i <= kMaxItems; ++i) append_message(many, 1, "");
  EXPECT_EQ(code("StateStore/BulkSet", many), StatusCode::INVALID_ARGUMENT);
}

TEST_F(Component, TransactsAllOrNothing) {
  const auto operation = [](std::uint32_t kind, const std::string& request) {
    std::string out;
    append_message(out, kind, request);
    return out;
  };
  EXPECT_TRUE(
      call("TransactionalStateStore/Transact",
           list({operation(2, item("a", "1")), operation(2, item("b", "2")), operation(1, removal("a"))})));
  EXPECT_EQ(*call("StateStore/Get", item("a", "")), "");
  const auto failed = call("TransactionalStateStore/Transact",
                           list({operation(2, item("c", "3")), operation(1, removal("b", "999"))}));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().error_code(), StatusCode::INTERNAL);
  EXPECT_THAT(failed.error().error_message(), HasSubstr("operation 1 with key b"));
  EXPECT_EQ(*call("StateStore/Get", item("c", "")), "");
  EXPECT_EQ(code("TransactionalStateStore/Transact", list({""})), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(*call("TransactionalStoreMultiMaxSize/MultiMaxSize", ""), std::string("\x08\x90\x4e"));
}

TEST_F(Component, Queries) {
  for (const int i : {3, 1, 2})
    EXPECT_TRUE(call("StateStore/Set", item("k" + std::to_string(i), R"({"n":)" + std::to_string(i) + "}")));
  const auto query = [](std::string_view filter, std::string_view json) {
    std::string any;
    append_bytes(any, 2, json);
    std::string entry;
    append_bytes(entry, 1, filter);
    append_message(entry, 2, any);
    std::string sorting;
    append_bytes(sorting, 1, "n");
    append_number(sorting, 2, 1);
    std::string page;
    append_number(page, 1, 1);
    std::string query;
    append_message(query, 1, entry);
    append_message(query, 2, sorting);
    append_message(query, 3, page);
    std::string out;
    append_message(out, 1, query);
    return out;
  };
  const std::string found = *call("QueriableStateStore/Query", query("GT", R"({"n":1})"));
  const auto items = fields(found, 1);
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(field(items[0], 1), "k3");
  EXPECT_EQ(field(items[0], 2), R"({"n":3})");
  EXPECT_NE(field(found, 2), "");
  EXPECT_EQ(fields(*call("QueriableStateStore/Query", ""), 1).size(), 3U);
  EXPECT_EQ(code("QueriableStateStore/Query", query("ABOVE", R"({"n":1})")), StatusCode::INTERNAL);
  EXPECT_EQ(code("QueriableStateStore/Query", query("GT", R"({"n":1},"x")")), StatusCode::INVALID_ARGUMENT);
}

TEST_F(Component, SaysWhatItServes) {
  const std::string features = *call("StateStore/Features", "");
  EXPECT_EQ(fields(features, 1),
            (std::vector<std::string_view>{"ETAG", "TRANSACTIONAL", "QUERY_API", "TTL"}));
  EXPECT_TRUE(call("StateStore/Ping", ""));
  constexpr std::string_view kReflection = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
  EXPECT_TRUE(component_.streams(kReflection));
  EXPECT_FALSE(component_.streams("/dapr.proto.components.v1.StateStore/Get"));
  std::string ask;
  append_bytes(ask, 7, "*");
  const std::string answer = *call(kReflection, ask);
  EXPECT_EQ(field(answer, 2), ask);
  std::vector<std::string> names;
  for (const auto service : fields(field(answer, 6), 1)) names.emplace_back(field(service, 1));
  EXPECT_THAT(names, testing::Contains("dapr.proto.components.v1.StateStore"));
  EXPECT_EQ(names.size(), 5U);
  std::string symbol;
  append_bytes(symbol, 4, "dapr.proto.components.v1.StateStore");
  EXPECT_NE(field(*call(kReflection, symbol), 7), "");
  EXPECT_EQ(code(kReflection, "\xff"), StatusCode::INVALID_ARGUMENT);
}

TEST_F(Component, RefusesWhatIsWrong) {
  EXPECT_EQ(code("StateStore/Rename", ""), StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(code("/other.Service/Get", ""), StatusCode::UNIMPLEMENTED);
  for (const std::string_view method : {"StateStore/Get", "StateStore/Set", "StateStore/Delete"}) {
    EXPECT_EQ(code(method, ""), StatusCode::INVALID_ARGUMENT) << method;  // no key
    EXPECT_EQ(code(method,
                   "\x0a\x05"
                   "a"),
              StatusCode::INVALID_ARGUMENT)
        << method;
    EXPECT_EQ(code(method, "\x08\x01"), StatusCode::INVALID_ARGUMENT) << method;
  }
  EXPECT_EQ(code("StateStore/Set", item("\xff", "1")), StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(call("StateStore/Set", item(std::string(kMaxKeyBytes, 'k'), "1")));
  EXPECT_EQ(code("StateStore/Set", item(std::string(kMaxKeyBytes + 1, 'k'), "1")),
            StatusCode::INVALID_ARGUMENT);
}

TEST(Server, SaysWhenItsAddressIsTaken) {
  PluggableComponent component("orders", {}, std::make_shared<MemoryStore>());
  GrpcServer first(component, 1);
  const auto port = first.listen("127.0.0.1:0", 1024);
  ASSERT_TRUE(port);
  const auto taken = GrpcServer(component, 1).listen("127.0.0.1:" + std::to_string(*port), 1024);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code(), Code::kUnavailable);
  first.stop(std::chrono::milliseconds(0));
  EXPECT_TRUE(GrpcServer(component, 1).listen("127.0.0.1:" + std::to_string(*port), 1024));
}

class Socket : public testing::Test {
 protected:
  Socket() {
    std::string name = (fs::temp_directory_path() / "berth-socket-XXXXXX").string();
    folder_ = fs::path(::mkdtemp(name.data())) / "sockets";
  }
  ~Socket() override { fs::remove_all(folder_.parent_path()); }

  auto open(const std::string& name) {
    return ComponentSocket::open(folder_, name, {}, 1 << 20, 1, std::make_shared<MemoryStore>());
  }
  // A listening socket at `path`, or one that nobody listens at any more.
  static int bind_at(const fs::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path.c_str());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd, 1), 0);
    return fd;
  }

  fs::path folder_;
};

TEST_F(Socket, AppearsClosedToOthersAndGoes) {
  {
    auto orders = open("orders");
    ASSERT_TRUE(orders) << orders.error().to_string();
    const auto stock = open("stock");
    ASSERT_TRUE(stock);
    struct stat status{};
    ASSERT_EQ(::stat((folder_ / "orders.sock").c_str(), &status), 0);
    EXPECT_TRUE(S_ISSOCK(status.st_mode));
    EXPECT_EQ(status.st_mode & 0777, 0660);
    ASSERT_EQ(::stat(folder_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0007, 0);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 2);
    (*orders)->stop(std::chrono::milliseconds(0));
    EXPECT_FALSE(fs::exists(folder_ / "orders.sock"));
    EXPECT_TRUE(fs::exists(folder_ / "stock.sock"));
    EXPECT_TRUE(open("orders"));  // and comes back
  }
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(Socket, ReplacesWhatADeadProcessLeft) {
  fs::create_directories(folder_);
  ::close(bind_at(folder_ / "orders.sock"));
  const auto orders = open("orders");
  EXPECT_TRUE(orders) << orders.error().to_string();
}

TEST_F(Socket, LeavesWhatSomebodyElseServes) {
  fs::create_directories(folder_);
  const int other = bind_at(folder_ / "orders.sock");
  const auto orders = open("orders");
  ASSERT_FALSE(orders);
  EXPECT_EQ(orders.error().code(), Code::kAlreadyExists);
  EXPECT_THAT(orders.error().message(), HasSubstr("is served already"));
  EXPECT_TRUE(fs::exists(folder_ / "orders.sock"));
  ::close(other);
  const auto ours = open("orders");
  ASSERT_TRUE(ours);
  EXPECT_FALSE(open("orders"));
  std::ofstream(folder_ / "file.sock") << "text";
  const auto file = open("file");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message(), HasSubstr("is no socket"));
  EXPECT_TRUE(fs::exists(folder_ / "file.sock"));
}

TEST_F(Socket, SaysWhatIsWrongWithTheFolder) {
  folder_ /= std::string(100, 'x');
  const auto deep = open("orders");
  ASSERT_FALSE(deep);
  EXPECT_THAT(deep.error().message(), HasSubstr("too long"));
  folder_ = folder_.parent_path().parent_path() / "file";
  std::ofstream(folder_) << "text";
  EXPECT_FALSE(open("orders"));
  fs::remove(folder_);
  folder_ = folder_.parent_path() / "with space & 100%#?";
  const auto odd = open("orders");
  ASSERT_TRUE(odd) << odd.error().to_string();
  EXPECT_TRUE(fs::exists(folder_ / "orders.sock"));
}

}  // namespace
}  // namespace berth::statestore
