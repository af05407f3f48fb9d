// What the tests of fetching share: a sink that counts, a source of a URL, and the outcome in one word.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "artifact/http_source.h"
#include "net/scripted_server.h"

namespace berth::artifact {

using namespace std::chrono_literals;
using net::ScriptedConnection;
using net::ScriptedServer;
using ::testing::HasSubstr;
using ::testing::Not;

class TextSink final : public ByteSink {
 public:
  Result<> write(std::span<const std::uint8_t> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }
  std::string text;
};

inline Digest digest_of(std::string_view text) {
  return Digest::of({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}).value();
}

class Fetching : public ::testing::Test {
 protected:
  std::unique_ptr<HttpSource> source(const std::string& url, HttpSourceOptions options = {}) {
    auto made = HttpSource::create(*io_, net::Url::parse(url).value(), std::move(options));
    EXPECT_TRUE(made) << (made ? "" : made.error().message());
    return made ? *std::move(made) : nullptr;
  }
  // One fetch of one source; the bytes are in text_.
  Result<FetchOutcome> fetch(const std::string& url, HttpSourceOptions options = {},
                             FetchRequest request = {}) {
    return fetch(*source(url, std::move(options)), std::move(request));
  }
  Result<FetchOutcome> fetch(HttpSource& from, FetchRequest request = {}) {
    if (request.max_bytes == 0) request.max_bytes = 1'000'000;
    TextSink sink;
    auto outcome = from.fetch(request, sink, {});
    text_ = std::move(sink.text);
    return outcome;
  }
  Error error(const std::string& url, HttpSourceOptions options = {}, FetchRequest request = {}) {
    auto outcome = fetch(url, std::move(options), std::move(request));
    if (!outcome) return std::move(outcome).error();
    ADD_FAILURE() << "it was fetched";
    return {Code::kInternal, "it was fetched"};
  }
  Fetched fetched(Result<FetchOutcome> outcome) {
    EXPECT_TRUE(outcome) << (outcome ? "" : outcome.error().to_string());
    if (outcome && std::holds_alternative<Fetched>(*outcome)) return std::get<Fetched>(*outcome);
    ADD_FAILURE() << "nothing was fetched";
    return {};
  }
  static bool is_unchanged(const Result<FetchOutcome>& outcome) {
    return outcome && std::holds_alternative<Unchanged>(*outcome);
  }
  static Known known(const Fetched& fetched) { return {fetched.digest, fetched.validators}; }

  std::unique_ptr<net::IoContext> io_ = net::IoContext::create(1).value();
  std::string text_;
};

}  // namespace berth::artifact
