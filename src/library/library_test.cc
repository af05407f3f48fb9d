// Tests of the public library: as a program that knows only include/berth.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "berth/host.h"

namespace berth {
namespace {

using testing::HasSubstr;

const std::filesystem::path kGuests = std::filesystem::path(BERTH_BINARY_DIR) / "guests";

// A manifest of one store in a folder of its own.
class LibraryTest : public testing::Test {
 protected:
  LibraryTest() {
    char text[] = "/tmp/berth-library-XXXXXX";
    folder_ = ::mkdtemp(text);
  }
  ~LibraryTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path manifest(const std::string& workload) {
    std::ofstream(folder_ / "berth.yaml")
        << "workloads:\n  cart:\n    source: file:" << (kGuests / "store_1.wasm").string()
        << "\n    limits: { memory: 64MiB }\n"
        << workload << "store: { path: " << (folder_ / "store").string()
        << " }\ntelemetry: { log: { level: warn } }\n";
    return folder_ / "berth.yaml";
  }
  std::filesystem::path folder_;
};

TEST_F(LibraryTest, AStoreIsOpenedWithoutAnyServer) {
  const auto host = Host::start(
      manifest("    instances: 2\n    triggers:\n      - state: { store: cart, app-id: shop }\n"));
  ASSERT_TRUE(host) << host.error().to_string();
  const auto opened = (*host)->state_store("cart");
  ASSERT_TRUE(opened);
  const StateStore store = *opened;
  EXPECT_EQ(store.get("a").value(), std::nullopt);
  const std::string first = store.set("a", "1").value();
  EXPECT_EQ(store.get("a").value()->value, "1");
  EXPECT_EQ(store.get("a").value()->etag, first);
  EXPECT_EQ(store.set("a", "2", StateCondition::if_absent()).error().code(), Code::kAborted);
  ASSERT_TRUE(store.set("a", "2", StateCondition::if_etag(first)));
  EXPECT_EQ(store.set("a", "3", StateCondition::if_etag(first)).error().code(), Code::kAborted);
  EXPECT_EQ(store.remove("a", StateCondition::if_etag("none")).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(store.set("", "3").error().code(), Code::kInvalidArgument);
  EXPECT_EQ(store.set("t", "3", {}, std::chrono::seconds(0)).error().code(), Code::kInvalidArgument);
  ASSERT_TRUE(store.set("t", "3", {}, std::chrono::hours(1)));
  EXPECT_GT(store.get("t").value()->expires.value(), std::chrono::system_clock::now());

  const StateOperation both[] = {{.key = "x{1}", .value = "1", .condition = {}, .ttl = {}},
                                 {.key = "y{1}", .value = "2", .condition = {}, .ttl = {}}};
  ASSERT_TRUE(store.transact(both));
  const StateOperation fails[] = {
      {.key = "x{1}", .value = std::nullopt, .condition = {}, .ttl = {}},
      {.key = "y{1}", .value = "3", .condition = StateCondition::if_absent(), .ttl = {}}};
  EXPECT_THAT(store.transact(fails).error().message(), HasSubstr("operation 1"));
  ASSERT_TRUE((*host)->swap("cart", kGuests / "store_2.wasm"));
  std::string all;
  for (const auto& [key, entry] : store.list("").value()) all += key + "=" + entry.value + " ";
  EXPECT_EQ(all, "a=2 t=3 x{1}=1 y{1}=2 ");
  ASSERT_TRUE(store.remove("a"));
  EXPECT_EQ(store.get("a").value(), std::nullopt);
}

TEST_F(LibraryTest, WhatIsWrongIsSaid) {
  const auto no_berth = Host::start(manifest("    instances: one\n"), folder_ / "none");
  EXPECT_THAT(no_berth.error().message(), HasSubstr("none"));
  EXPECT_EQ(Host::start(folder_ / "none.yaml").error().code(), Code::kInvalidArgument);
  EXPECT_THAT(Host::start(manifest("    instance: one\n")).error().message(),
              HasSubstr("no key \"instance\""));
  const auto host = Host::start(manifest(
      "    instances: one\n    triggers:\n      - state: { store: cart, settings: { size: big } }\n"));
  EXPECT_THAT(host.error().message(), HasSubstr("this store has no settings, so it does not know \"size\""));
  const auto good =
      Host::start(manifest("    instances: one\n    triggers:\n      - state: { store: cart }\n"));
  ASSERT_TRUE(good);
  EXPECT_EQ((*good)->state_store("basket").error().code(), Code::kNotFound);
  EXPECT_EQ((*good)->swap("basket", kGuests / "store_2.wasm").error().code(), Code::kNotFound);
  EXPECT_FALSE((*good)->swap("cart", folder_ / "none.wasm"));
}

}  // namespace
}  // namespace berth
