// Reading resolved WIT: structural text, and clear errors for what is not supported.
#include "bindgen/wit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bindgen/emit.h"

namespace berth::bindgen {
namespace {

using testing::HasSubstr;

// A world `w` that imports a:b/i@1.2.0 with `functions` over `types`.
std::string json(const std::string& functions, const std::string& types) {
  return R"({"worlds":[{"name":"w","imports":{"interface-0":{"interface":{"id":0}}},"exports":{},"package":0}],
    "interfaces":[{"name":"i","types":{},"functions":{)" +
         functions + R"(},"package":0}],"types":[)" + types +
         R"(],"packages":[{"name":"a:b@1.2.0","interfaces":{"i":0},"worlds":{"w":0}}]})";
}
std::string func(const std::string& kind, const std::string& result) {
  return R"("f":{"name":"f","kind":)" + kind + R"(,"params":[],"result":)" + result + "}";
}

TEST(Wit, FunctionsAsStructuralText) {
  auto wit = read_wit(
      json(func("\"freestanding\"", "2"),
           R"({"name":"r","kind":{"record":{"fields":[{"name":"x","type":"u32"}]}},"owner":{"interface":0}},
                              {"name":null,"kind":{"option":0},"owner":null},
                              {"name":null,"kind":{"result":{"ok":null,"err":1}},"owner":null})"),
      "a:b/w");
  ASSERT_TRUE(wit) << wit.error().to_string();
  EXPECT_EQ(interface_id(*wit, 0), "a:b/i@1.2.0");
  EXPECT_EQ(interface_path(*wit, 0), "a:b/i");
  EXPECT_EQ(func_text(*wit, wit->interfaces[0].funcs[0]), "func() -> result<_, option<record{x: u32}>>");
}

TEST(Wit, WhatIsNotSupportedNamesTheFunction) {
  auto stream = read_wit(
      json(func("\"freestanding\"", "0"), R"({"name":null,"kind":{"stream":"u8"},"owner":null})"), "w");
  ASSERT_FALSE(stream);
  EXPECT_THAT(stream.error().message(), HasSubstr("function a:b/i@1.2.0#f"));
  EXPECT_THAT(stream.error().message(), HasSubstr("stream"));
  auto async = read_wit(json(func("\"async-freestanding\"", "\"u8\""), ""), "w");
  ASSERT_FALSE(async);
  EXPECT_THAT(async.error().message(), HasSubstr("function a:b/i@1.2.0#f"));
  // Of no concern while no function of the world uses it.
  EXPECT_TRUE(read_wit(
      json(func("\"freestanding\"", "\"u8\""), R"({"name":null,"kind":{"stream":"u8"},"owner":null})"), "w"));
}

TEST(Wit, UnknownWorldListsThoseThereAre) {
  auto wit = read_wit(json("", ""), "x");
  ASSERT_FALSE(wit);
  EXPECT_EQ(wit.error().code(), Code::kNotFound);
  EXPECT_THAT(wit.error().message(), HasSubstr("a:b/w"));
}

TEST(Wit, BrokenJsonIsAnError) {
  for (
      const char* bad :
      {"", "[]", "{}", R"({"worlds":1,"interfaces":[],"types":[],"packages":[]})",
       R"({"worlds":[{"name":"w","imports":{"i":{"interface":{"id":9}}},"exports":{},"package":0}],"interfaces":[],"types":[],"packages":[{"name":"a:b"}]})"})
    EXPECT_FALSE(read_wit(bad, "w")) << bad;
}

TEST(Emit, AnAsyncNameThatMatchesNothingIsAnError) {
  auto wit = read_wit(json(func("\"freestanding\"", "\"u8\""), ""), "w");
  ASSERT_TRUE(wit) << wit.error().to_string();
  EXPECT_TRUE(emit_header(*wit, {.root = "x", .async = {"i#f"}}));
  EXPECT_TRUE(emit_header(*wit, {.root = "x", .async = {"a:b/i"}}));
  auto wrong = emit_header(*wit, {.root = "x", .async = {"i#g"}});
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message(), HasSubstr("i#g"));
}

}  // namespace
}  // namespace berth::bindgen
