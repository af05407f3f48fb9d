// Tests of response text, dates and percent-decoding.
#include "net/http_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::net {
namespace {

using detail::append_response;
using detail::KeepAlive;
using detail::SendBody;

TEST(HttpMessage, PercentDecodes) {
  EXPECT_EQ(percent_decode("a%20b%2Fc+%C3%A4"), "a b/c+\xc3\xa4");
  EXPECT_EQ(percent_decode(""), "");
  EXPECT_EQ(percent_decode("%"), std::nullopt);
  EXPECT_EQ(percent_decode("%2"), std::nullopt);
  EXPECT_EQ(percent_decode("%2g"), std::nullopt);
}

TEST(HttpMessage, ComparesNamesWithoutCase) {
  EXPECT_TRUE(equals_ignoring_case("If-Match", "if-match"));
  EXPECT_FALSE(equals_ignoring_case("If-Match", "if-match2"));
  EXPECT_FALSE(equals_ignoring_case("[", "{"));  // differ by the case bit only
}

TEST(HttpMessage, FormatsDates) {
  char text[30];
  detail::format_http_date(784111777, text);
  EXPECT_STREQ(text, "Sun, 06 Nov 1994 08:49:37 GMT");
  detail::format_http_date(0, text);
  EXPECT_STREQ(text, "Thu, 01 Jan 1970 00:00:00 GMT");
  detail::format_http_date(1709251199, text);
  EXPECT_STREQ(text, "Thu, 29 Feb 2024 23:59:59 GMT");
}

TEST(HttpMessage, WritesAResponse) {
  std::string out;
  const HttpHeader headers[] = {{"ETag", "\"1\""}};
  ASSERT_TRUE(append_response(out,
                              {.status = 200, .content_type = "text/plain", .headers = headers, .body = "hi"},
                              "D", KeepAlive::kYes, SendBody::kYes));
  EXPECT_EQ(out,
            "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Type: text/plain\r\nETag: \"1\"\r\nContent-Length: 2\r\n"
            "Connection: keep-alive\r\n\r\nhi");
}

TEST(HttpMessage, NoContentHasNoLengthAndHeadNoBody) {
  std::string out;
  ASSERT_TRUE(append_response(out, {.status = 204, .body = "x"}, "D", KeepAlive::kNo, SendBody::kYes));
  EXPECT_EQ(out, "HTTP/1.1 204 No Content\r\nDate: D\r\nConnection: close\r\n\r\n");
  out.clear();
  ASSERT_TRUE(append_response(out, {.body = "four"}, "D", KeepAlive::kNo, SendBody::kNo));
  EXPECT_THAT(out, testing::AllOf(testing::HasSubstr("Content-Length: 4"), testing::EndsWith("\r\n\r\n")));
}

TEST(HttpMessage, RefusesHeadersThatWouldSplitTheResponse) {
  for (const HttpHeader bad : {HttpHeader{"A", "x\r\nB: y"},
                               {"A\r\n", "x"},
                               {"A", "x\n"},
                               {"", "x"},
                               {"A B", "x"},
                               {"A", std::string_view("\0", 1)}}) {
    std::string out;
    EXPECT_FALSE(append_response(out, {.headers = {&bad, 1}}, "D", KeepAlive::kYes, SendBody::kYes));
    EXPECT_EQ(out, "");
  }
  std::string out;
  EXPECT_FALSE(append_response(out, {.content_type = "a\r\nb"}, "D", KeepAlive::kYes, SendBody::kYes));
  EXPECT_FALSE(append_response(out, {.status = 99}, "D", KeepAlive::kYes, SendBody::kYes));
}

TEST(HttpMessage, EveryStatusHasAReason) {
  EXPECT_EQ(http_reason(409), "Conflict");
  EXPECT_FALSE(http_reason(599).empty());
}

}  // namespace
}  // namespace berth::net
