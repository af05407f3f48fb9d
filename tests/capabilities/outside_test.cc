// http and sockets as a guest meets them, against a real server on this machine.
#include <gtest/gtest.h>

#include <atomic>

#include "net/http_server.h"
#include "world.h"

namespace berth::capability_guests {
namespace {

// Error codes of WASI, by number.
constexpr const char* kHttpDenied = "err(15)";
constexpr const char* kHttpAddressProhibited = "err(4)";
constexpr const char* kAccessDenied = "err(1)";

class Outside : public ::testing::Test {
 protected:
  Outside()
      : handler_(net::sync_handler([this](const net::HttpRequest& request) {
          ++requests_;
          last_ = std::string(request.path());
          return net::HttpResponse{.status = 200, .content_type = "text/plain", .body = "hi"};
        })),
        server_(world_.io(), *handler_) {
    const auto port = server_.listen("127.0.0.1", 0);
    EXPECT_TRUE(port) << port.error().message();
    port_ = std::to_string(*port);
  }

  std::string fetch(const std::string& authority, bool post = false) {
    return world_.call(std::string("fetch(") + (post ? "true" : "false") + ", \"" + authority + "\")");
  }

  World world_;
  std::atomic<int> requests_ = 0;
  std::string last_;
  std::unique_ptr<net::HttpHandler> handler_;
  net::HttpServer server_;
  std::string port_;
};

TEST_F(Outside, UncoveredImportsAreNamedBeforeAnythingRuns) {
  const auto refused = world_.start("caps_outside", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kPermissionDenied);
  for (const auto* line : {"http: []", "sockets: {}"})
    EXPECT_TRUE(refused.error().to_string().contains(line)) << refused.error().to_string();
}

TEST_F(Outside, EmptyGrantsLinkAndDeny) {
  ASSERT_TRUE(world_.start("caps_outside", {{"http", "[]"}, {"sockets", "{}"}}));
  EXPECT_EQ(fetch("127.0.0.1:" + port_), kHttpDenied);
  EXPECT_TRUE(
      world_.process.logged("http: [{ hosts: [\"http://127.0.0.1:" + port_ + "\"], methods: [GET] }]"))
      << world_.process.lines().back();
  EXPECT_EQ(world_.call("dial(127, 0, 0, 1, " + port_ + ")"), kAccessDenied);
  EXPECT_TRUE(world_.process.logged("sockets: { tcp: [\"127.0.0.1:" + port_ + "\"] }"))
      << world_.process.lines().back();
  EXPECT_EQ(world_.call("bind(0)"), kAccessDenied);
  EXPECT_TRUE(world_.process.logged("sockets: { listen: [\"127.0.0.1:0\"] }"))
      << world_.process.lines().back();
  EXPECT_EQ(world_.call("lookup(\"localhost\")"), kAccessDenied);
  EXPECT_TRUE(world_.process.logged("sockets: { resolve: [\"localhost\"] }"))
      << world_.process.lines().back();
  EXPECT_EQ(requests_, 0);
  const std::string version = artifact::Digest().to_string();
  const std::string text = world_.process.metrics().expose();
  EXPECT_TRUE(text.contains("berth_denials_total{capability=\"http\",version=\"" + version +
                            "\",workload=\"shop\"} 1"))
      << text;
  EXPECT_TRUE(text.contains("berth_denials_total{capability=\"sockets\",version=\"" + version +
                            "\",workload=\"shop\"} 3"))
      << text;
}

TEST_F(Outside, HttpReachesWhatTheDenialProposed) {
  ASSERT_TRUE(world_.start(
      "caps_outside",
      {{"http", "[{ hosts: [\"http://127.0.0.1:" + port_ + "\"], methods: [GET] }]"}, {"sockets", "{}"}}));
  EXPECT_EQ(fetch("127.0.0.1:" + port_), "ok(200)");
  EXPECT_EQ(requests_, 1);
  EXPECT_EQ(last_, "/hello");
  EXPECT_EQ(fetch("127.0.0.1:" + port_, true), kHttpDenied) << "POST is not granted";
  EXPECT_EQ(fetch("127.0.0.2:" + port_), kHttpDenied);
  EXPECT_EQ(fetch("localhost:" + port_), kHttpDenied) << "a name is not the address it leads to";
  EXPECT_EQ(world_.call("dial(127, 0, 0, 1, " + port_ + ")"), kAccessDenied)
      << "an http grant opens no sockets";
  EXPECT_EQ(requests_, 1);
}

// localhost stands for any granted name that is made to lead to a near address.
TEST_F(Outside, GrantedNameThatLeadsNearbyIsStoppedAtTheDial) {
  ASSERT_TRUE(world_.start(
      "caps_outside",
      {{"http", "[{ hosts: [\"http://localhost:" + port_ + "\"], methods: [GET] }]"}, {"sockets", "{}"}}));
  EXPECT_EQ(fetch("localhost:" + port_), kHttpAddressProhibited);
  EXPECT_TRUE(world_.process.logged("an HTTP connection to 127.0.0.1:" + port_ + " (loopback)"))
      << world_.process.lines().back();
  EXPECT_TRUE(world_.process.logged("addresses: [\"127.0.0.1:" + port_ + "\"]"));
  EXPECT_EQ(requests_, 0);
  ASSERT_TRUE(world_.start("caps_outside",
                           {{"http", "[{ hosts: [\"http://localhost:" + port_ +
                                         "\"], methods: [GET], addresses: [\"127.0.0.1:" + port_ + "\"] }]"},
                            {"sockets", "{}"}}));
  EXPECT_EQ(fetch("localhost:" + port_), "ok(200)");
  EXPECT_EQ(requests_, 1);
}

TEST_F(Outside, AnyHostStillMeansPublicAddresses) {
  ASSERT_TRUE(world_.start(
      "caps_outside", {{"http", "[{ hosts: [\"http://*:" + port_ + "\", \"http://*\"], methods: [GET] }]"},
                       {"sockets", "{}"}}));
  EXPECT_EQ(fetch("127.0.0.1:" + port_), kHttpAddressProhibited);
  EXPECT_EQ(fetch("[::1]:" + port_), kHttpAddressProhibited);
  EXPECT_EQ(fetch("[::ffff:127.0.0.1]:" + port_), kHttpAddressProhibited);
  EXPECT_EQ(fetch("169.254.169.254"), kHttpAddressProhibited);
  EXPECT_EQ(fetch("0.0.0.0:" + port_), kHttpAddressProhibited);
  for (const auto* disguised : {"2130706433", "0x7f000001", "0177.0.0.1", "127.1"})
    EXPECT_EQ(fetch(std::string(disguised) + ":" + port_), kHttpDenied) << disguised;
  for (const auto* bad : {"user@127.0.0.1", "user:secret@127.0.0.1"})
    EXPECT_TRUE(fetch(bad + (":" + port_)).starts_with("err(")) << bad;
  EXPECT_EQ(requests_, 0);
}

TEST_F(Outside, SocketsReachWhatIsGranted) {
  ASSERT_TRUE(world_.start(
      "caps_outside",
      {{"http", "[]"},
       {"sockets", "{ tcp: [\"127.0.0.1:" + port_ + "\"], listen: [127.0.0.1], resolve: [localhost] }"}}));
  EXPECT_EQ(world_.call("dial(127, 0, 0, 1, " + port_ + ")"), "ok");
  EXPECT_EQ(world_.call("dial(127, 0, 0, 2, " + port_ + ")"), kAccessDenied);
  EXPECT_EQ(world_.call("dial(169, 254, 169, 254, 80)"), kAccessDenied);
  EXPECT_EQ(world_.call("bind(0)"), "ok");
  EXPECT_EQ(world_.call("lookup(\"localhost\")"), "ok");
  EXPECT_EQ(world_.call("lookup(\"example.com\")"), kAccessDenied);
  EXPECT_EQ(fetch("127.0.0.1:" + port_), kHttpDenied) << "a sockets grant opens no http";
}

TEST_F(Outside, MappedAddressesAreNoWayAround) {
  ASSERT_TRUE(world_.start("caps_outside", {{"http", "[]"}, {"sockets", "{ tcp: [public] }"}}));
  EXPECT_TRUE(world_.call("dial-mapped(127, 0, 0, 1, " + port_ + ")").starts_with("err("));
  EXPECT_TRUE(world_.call("dial-mapped(169, 254, 169, 254, 80)").starts_with("err("));
}

}  // namespace
}  // namespace berth::capability_guests
