// Identifiers: words, keywords, collisions.
#include "bindgen/names.h"

#include <gtest/gtest.h>

namespace berth::bindgen {
namespace {

TEST(Names, Words) {
  EXPECT_EQ(snake("get-many"), "get_many");
  EXPECT_EQ(snake("HTTP-code"), "http_code");
  EXPECT_EQ(pascal("get-many"), "GetMany");
  EXPECT_EQ(pascal("HTTP-code"), "HttpCode");
  EXPECT_NE(pascal("a-1-2"), pascal("a-12"));
}

TEST(Names, WordsThatAreTaken) {
  for (const char* word : {"class", "delete", "errno", "stdin", "std", "co-await", "not-eq"})
    EXPECT_TRUE(snake(word).ends_with('_')) << word;
  Scope scope({"create"});
  EXPECT_EQ(scope.claim("create"), "create_");
  EXPECT_EQ(scope.claim("f"), "f");
  EXPECT_EQ(scope.claim("f"), "f_");
}

}  // namespace
}  // namespace berth::bindgen
