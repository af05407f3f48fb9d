// Tests of obfuscation: addresses, domains, names, and that a cluster keeps what it has.
#include "applications/gather/native/obfuscator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "applications/gather/native/limits.h"
#include "applications/gather/native/test_gatherers.h"
#include "base/test_linear.h"

namespace berth::gather {
namespace {

using testing::HasSubstr;
using testing::Not;

Obfuscation everything() {
  Obfuscation out{
      .addresses = true, .networks = {}, .base_domains = {"c1.example.com"}, .workload_names = true};
  for (const char* range : {"127.0.0.0/8", "10.0.0.0/8", "192.168.1.0/30", "fd00::/8"})
    out.networks.push_back(net::Cidr::parse(range).value());
  return out;
}

std::string of(Obfuscator& obfuscator, std::string text) {
  obfuscator.obfuscate(text);
  return text;
}

TEST(Obfuscator, GivesAddressesOthersOfTheirNetwork) {
  const auto o = Obfuscator::open(everything(), "", "c").value();
  EXPECT_EQ(of(*o, R"({"ip":"10.1.2.3","again":"10.1.2.3","other":"10.9.9.9"})"),
            R"({"ip":"10.0.0.1","again":"10.0.0.1","other":"10.0.0.2"})");
  EXPECT_EQ(of(*o, "to 10.9.9.9:8080, from 8.8.8.8."), "to 10.0.0.2:8080, from 0.0.0.0.");
  EXPECT_EQ(of(*o, "ip-10.9.9.9 v010.009.009.009 \\n10.9.9.9\\n"), "ip-10.0.0.2 v10.0.0.2 \\n10.0.0.2\\n");
  EXPECT_EQ(of(*o, "[fd00::17]:443 2001:4860::8888 ::1 ::"), "[fd00::1]:443 :: ::1 ::");
  EXPECT_EQ(of(*o, "http://[fd00::17]/x"), "http://[fd00::1]/x");
}

TEST(Obfuscator, LeavesWhatIsNoAddress) {
  const auto o = Obfuscator::open(everything(), "", "c").value();
  for (const char* text :
       {"10.0.0.0/8", "1.2.3", "1.3.6.1.4.1", "300.1.2.3", "12:30:45", "aa:bb:cc:dd:ee:ff", "std::bad_alloc",
        "a::b_c", "sha256:abcdef", "1234.5678.1.2", "....", ":::::", "fd00::/8"})
    EXPECT_EQ(of(*o, text), text);
  // An address with the prefix of its network is one.
  EXPECT_EQ(of(*o, "10.7.7.7/24"), "10.0.0.1/24");
}

TEST(Obfuscator, GivesNowhereWhenANetworkIsFull) {
  const auto o = Obfuscator::open(everything(), "", "c").value();
  EXPECT_EQ(of(*o, "192.168.1.3 192.168.1.2 192.168.1.1"), "192.168.1.1 192.168.1.2 0.0.0.0");
}

TEST(Obfuscator, GivesDomainsAPlaceholder) {
  const auto o = Obfuscator::open(everything(), "", "c").value();
  EXPECT_EQ(of(*o, "https://api.c1.example.com:6443 c1.example.org"),
            "https://api.<CLUSTER_BASE_DOMAIN>:6443 c1.example.org");
}

TEST(Obfuscator, GivesNamesOthers) {
  const auto o = Obfuscator::open(everything(), "", "c").value();
  o->found("shop", "web-1");
  o->found("kube-system", "coredns-1");
  o->found("events", "ab");
  o->found_in_path("config/pod/stock/logs/db-0/postgres_current.log");
  o->found_in_path("events/billing.json");
  const std::string out =
      of(*o, R"({"events":"in events","metadata":{"name":"web-1","namespace":"shop"},)"
             R"("message":"pod shop/web-1 (db-0.stock.svc) of billing","x":"coredns-1","ab":1})");
  for (const char* name : {"web-1", "shop", "db-0", "stock", "billing"})
    EXPECT_THAT(out, Not(HasSubstr(name)));
  EXPECT_THAT(out, HasSubstr(R"({"events":"in x-)"));
  EXPECT_THAT(out, HasSubstr(R"("x":"coredns-1","ab":1})"));
  EXPECT_THAT(of(*o, "webs-1 workshop"), "webs-1 workshop");
  // What JSON has besides texts is never a name.
  o->found("8888", "true");
  EXPECT_THAT(of(*o, R"({"a":8888,"b":true,"c":"\nshop","d":"8888"})"),
              testing::MatchesRegex(R"(\{"a":8888,"b":true,"c":"\\nx-[0-9a-f]+","d":"x-[0-9a-f]+"\})"));
  const std::string path = of(*o, "config/pod/shop/web-1.json");
  EXPECT_THAT(path, testing::StartsWith("config/pod/x-"));
  EXPECT_THAT(path, Not(HasSubstr("web-1")));
}

TEST(Obfuscator, IsTheSameInTheNextArchiveOfACluster) {
  const TestFolder folder;
  const auto once = [&](const char* cluster, std::string text) {
    const auto o = Obfuscator::open(everything(), folder.path(), cluster).value();
    o->found("shop", "web-1");
    o->obfuscate(text);
    EXPECT_TRUE(o->save());
    return text;
  };
  const std::string first = once("c1", "10.5.5.5 10.6.6.6 web-1");
  EXPECT_EQ(once("c1", "10.7.7.7 10.6.6.6 10.5.5.5 web-1").substr(9),
            first.substr(9, 9) + first.substr(0, 9) + first.substr(18))
      << first;
  EXPECT_NE(once("c2", "10.5.5.5 10.6.6.6 web-1"), first);
  for (const std::string& name : folder.names(true)) {
    struct stat info{};
    ASSERT_EQ(::stat((folder.path() / name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << name;
  }
}

TEST(Obfuscator, RefusesATableThatItDidNotWrite) {
  const TestFolder folder;
  ASSERT_TRUE(Obfuscator::open(everything(), folder.path(), "c").value()->save());
  const std::string name = folder.names(true).at(0);
  for (const char* content : {"{", "[]", "{}", R"({"key":1,"addresses":{}})", R"({"key":"k","addresses":[]})",
                              R"({"key":"k","addresses":{"1.1.1.1":2}})"}) {
    folder.write(name, content);
    const auto opened = Obfuscator::open(everything(), folder.path(), "c");
    ASSERT_FALSE(opened) << content;
    EXPECT_THAT(opened.error().message(), HasSubstr(name));
  }
}

TEST(Obfuscator, IsBounded) {
  const auto o = Obfuscator::open(everything(), "", "c").value();
  std::string text;
  for (std::size_t i = 0; i < kMaxAddresses + 10; ++i)
    text += std::to_string(i % 256) + "." + "10.11.12.13 10." + std::to_string(i / 65536) + "." +
            std::to_string(i / 256 % 256) + "." + std::to_string(i % 256) + " ";
  EXPECT_THAT(of(*o, text), HasSubstr(" 0.0.0.0 "));
}

TEST(Obfuscator, IsLinearInHostileText) {
  const auto o = Obfuscator::open(everything(), "", "c").value();
  o->found("shop", "web-1");
  for (const char* text : {":", "1", "1.a."})
    EXPECT_TRUE(is_linear(text, [&](const std::string& content) { (void)of(*o, content); })) << text;
}

}  // namespace
}  // namespace berth::gather
