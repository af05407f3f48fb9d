// What the tests of HttpClient share: an I/O context, a client, and short ways to ask.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_client.h"
#include "net/scripted_server.h"

namespace berth::net {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

// Counts a body and forgets it.
class CountingSink final : public HttpSink {
 public:
  Result<> begin(const HttpHead& head) override {
    ++begun;
    status = head.status;
    return on_begin ? on_begin() : Result<>{};
  }
  Result<> write(std::span<const std::uint8_t> some) override {
    bytes += some.size();
    return on_write ? on_write() : Result<>{};
  }
  std::function<Result<>()> on_begin, on_write;
  int begun = 0;
  int status = 0;
  std::uint64_t bytes = 0;
};

class HttpClientTest : public ::testing::Test {
 protected:
  static Url url(const std::string& text) { return Url::parse(text).value(); }
  static std::shared_ptr<const AddressPolicy> policy(const std::vector<std::string>& rules) {
    return std::make_shared<const AddressPolicy>(AddressPolicy::parse(rules).value());
  }
  void set_client(HttpClientOptions options) {
    client_ = HttpClient::create(*io_, std::move(options)).value();
  }

  struct Answer {
    int status = 0;
    std::string body;
    HttpClientResponse response;
  };
  // The response must come.
  Answer ask(HttpClientRequest request) {
    HttpTextSink sink;
    auto response = client_->send_and_wait(std::move(request), sink);
    if (!response) {
      ADD_FAILURE() << response.error().to_string();
      return {};
    }
    EXPECT_EQ(response->body_bytes, sink.text.size());
    return {response->head.status, std::move(sink.text), *std::move(response)};
  }
  Answer ask(const std::string& text) { return ask(HttpClientRequest{.url = url(text)}); }
  // The error must come.
  Error error(HttpClientRequest request) {
    CountingSink sink;
    auto response = client_->send_and_wait(std::move(request), sink);
    if (response) {
      ADD_FAILURE() << "a response came: " << response->head.status;
      return {Code::kInternal, "a response came"};
    }
    return std::move(response).error();
  }
  Error error(const std::string& text) { return error(HttpClientRequest{.url = url(text)}); }

  std::unique_ptr<IoContext> io_ = IoContext::create(2).value();
  std::unique_ptr<HttpClient> client_ = HttpClient::create(*io_).value();
};

}  // namespace berth::net
