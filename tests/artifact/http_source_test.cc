// HttpSource against servers that behave: conditions, credentials, certificates, statuses, limits.
#include <cstdlib>
#include <fstream>
#include <mutex>

#include "fetching.h"
#include "net/http_server.h"
#include "net/test_nghttpd.h"

namespace berth::artifact {
namespace {

// A web server with one file, which it names by an ETag, a date, both or nothing.
class Web : public Fetching, public net::HttpHandler {
 protected:
  Web() { port_ = server_.listen("127.0.0.1", 0).value(); }
  void handle(const net::HttpRequest& request, net::HttpReply reply) override {
    const std::lock_guard lock(mutex_);
    ++requests_;
    seen_.clear();
    for (const net::HttpHeader& header : request.headers()) {
      seen_ += std::string(header.name) + ": " + std::string(header.value) + "\n";
    }
    net::HttpResponse response{.status = status_, .content_type = "text/html; charset=made-up"};
    if (!etag_.empty()) response.headers.emplace_back("ETag", etag_);
    if (!date_.empty()) response.headers.emplace_back("Last-Modified", date_);
    for (const auto& header : more_) response.headers.push_back(header);
    const auto tag = request.header("If-None-Match");
    const auto since = request.header("If-Modified-Since");
    if (status_ == 200 && (tag ? *tag == etag_ : since && *since == date_)) {
      response.status = 304;
    } else {
      response.body = file_;
    }
    reply.send(response);
  }
  void set(std::string file, std::string etag, std::string date = "") {
    const std::lock_guard lock(mutex_);
    file_ = std::move(file);
    etag_ = std::move(etag);
    date_ = std::move(date);
  }
  void answer(int status, std::vector<std::pair<std::string, std::string>> more = {}) {
    const std::lock_guard lock(mutex_);
    status_ = status;
    more_ = std::move(more);
  }
  std::string seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  std::string at(std::string_view path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }

 private:
  std::mutex mutex_;
  int requests_ = 0;
  int status_ = 200;
  std::string file_ = "one", etag_ = "\"1\"", date_, seen_;
  std::vector<std::pair<std::string, std::string>> more_;
  std::unique_ptr<net::IoContext> server_io_ = net::IoContext::create(1).value();
  net::HttpServer server_{*server_io_, *this};
  std::uint16_t port_ = 0;
};

TEST_F(Web, GivesItsBytesWithDigestAndValidators) {
  const Fetched first = fetched(fetch(at("/a.wasm")));
  EXPECT_EQ(text_, "one");
  EXPECT_EQ(first.digest, digest_of("one"));
  EXPECT_EQ(first.bytes, 3u);
  EXPECT_EQ(first.media_type, "text/html; charset=made-up") << "remembered, and of no consequence";
  EXPECT_THAT(first.validators.etag, HasSubstr("\"1\""));
  EXPECT_THAT(seen(), HasSubstr("Accept: application/wasm, */*\n"));
  EXPECT_THAT(seen(), Not(HasSubstr("If-")));
  EXPECT_THAT(seen(), Not(HasSubstr("Authorization")));
}

TEST_F(Web, AnUnchangedFileCostsA304) {
  for (const auto& [etag, date] :
       {std::pair("\"1\"", ""), std::pair("W/\"1\"", ""), std::pair("", "Sun, 06 Nov 1994 08:49:37 GMT"),
        std::pair("\"1\"", "Sun, 06 Nov 1994 08:49:37 GMT")}) {
    set("one", etag, date);
    const auto from = source(at("/a.wasm"));
    const Fetched first = fetched(fetch(*from));
    const auto again = fetch(*from, {.known = known(first)});
    EXPECT_TRUE(is_unchanged(again)) << etag << date;
    EXPECT_EQ(text_, "");
    EXPECT_EQ(std::get<Unchanged>(*again).validators, first.validators);
    set("two", etag[0] == '\0' ? "" : "\"2\"", "Mon, 07 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(fetched(fetch(*from, {.known = known(first)})).digest, digest_of("two"));
  }
}

TEST_F(Web, WithoutValidatorsItIsReadAgain) {
  set("one", "");
  const auto from = source(at("/a.wasm"));
  const Fetched first = fetched(fetch(*from));
  EXPECT_EQ(fetched(fetch(*from, {.known = known(first)})).digest, first.digest);
}

TEST_F(Web, ValidatorsAreForTheAddressThatGaveThem) {
  const Fetched first = fetched(fetch(at("/a.wasm")));
  // Another file whose server counts alike.
  set("other", "\"1\"");
  EXPECT_EQ(fetched(fetch(at("/b.wasm"), {}, {.known = known(first)})).digest, digest_of("other"));
  EXPECT_THAT(seen(), Not(HasSubstr("If-")));
}

TEST_F(Web, AHugeValidatorIsNone) {
  set("one", "\"" + std::string(2000, 'x') + "\"");
  const Fetched first = fetched(fetch(at("/a.wasm")));
  EXPECT_LT(first.validators.etag.size(), 100u);
}

TEST_F(Web, OtherBytesThanExpectedAreRefused) {
  const Error other = error(at("/a.wasm"), {}, {.expected = digest_of("two")});
  EXPECT_EQ(other.code(), Code::kFailedPrecondition);
  EXPECT_THAT(other.message(), HasSubstr(digest_of("two").to_string()));
  const Fetched first = fetched(fetch(at("/a.wasm"), {}, {.expected = digest_of("one")}));
  EXPECT_EQ(error(at("/a.wasm"), {}, {.known = known(first), .expected = digest_of("two")}).code(),
            Code::kFailedPrecondition)
      << "unchanged is no answer where other bytes are expected";
}

TEST_F(Web, SizesAreBounded) {
  set(std::string(1000, 'x'), "");
  EXPECT_EQ(fetched(fetch(at("/"), {}, {.max_bytes = 1000})).bytes, 1000u);
  EXPECT_EQ(error(at("/"), {}, {.max_bytes = 999}).code(), Code::kResourceExhausted);
}

TEST_F(Web, StatusesHaveTheirCodes) {
  const std::pair<int, Code> table[] = {
      {401, Code::kPermissionDenied},   {403, Code::kPermissionDenied},   {404, Code::kNotFound},
      {410, Code::kNotFound},           {400, Code::kFailedPrecondition}, {204, Code::kFailedPrecondition},
      {206, Code::kFailedPrecondition}, {300, Code::kFailedPrecondition}, {305, Code::kFailedPrecondition},
      {408, Code::kUnavailable},        {429, Code::kUnavailable},        {500, Code::kUnavailable},
      {503, Code::kUnavailable},        {302, Code::kFailedPrecondition}};  // a redirect without Location
  for (const auto& [status, code] : table) {
    answer(status);
    const Error refused = error(at("/a.wasm?token=hunter2"));
    EXPECT_EQ(refused.code(), code) << status;
    EXPECT_THAT(refused.message(), HasSubstr(std::to_string(status)));
    EXPECT_THAT(refused.message(), Not(HasSubstr("hunter2")));
    EXPECT_EQ(refused.retry_after(), std::nullopt);
    EXPECT_EQ(text_, "");
  }
  answer(304);
  EXPECT_EQ(error(at("/")).code(), Code::kFailedPrecondition) << "nothing was asked that way";
}

TEST_F(Web, APauseThatTheServerAsksForIsKept) {
  for (const int status : {429, 503}) {
    answer(status, {{"Retry-After", "120"}});
    EXPECT_EQ(error(at("/")).retry_after(), 120s);
  }
}

TEST_F(Web, CompressedBytesAreRefused) {
  answer(200, {{"Content-Encoding", "gzip"}});
  const Error refused = error(at("/"));
  EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
  EXPECT_THAT(refused.message(), HasSubstr("compressed"));
  EXPECT_EQ(text_, "");
  answer(200, {{"Content-Encoding", "identity"}});
  EXPECT_TRUE(fetch(at("/")));
}

TEST_F(Web, CredentialsAreReadForEachFetch) {
  ::setenv("BERTH_TEST_TOKEN", "first", 1);
  const auto from =
      source(at("/"), {.credentials = {.bearer = SecretPlace{.environment = "BERTH_TEST_TOKEN"}}});
  EXPECT_TRUE(fetch(*from));
  EXPECT_THAT(seen(), HasSubstr("Authorization: Bearer first\n"));
  ::setenv("BERTH_TEST_TOKEN", "second", 1);
  EXPECT_TRUE(fetch(*from));
  EXPECT_THAT(seen(), HasSubstr("Authorization: Bearer second\n"));
  ::unsetenv("BERTH_TEST_TOKEN");
  const auto gone = fetch(*from);
  EXPECT_EQ(gone.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(gone.error().message(), HasSubstr("BERTH_TEST_TOKEN"));
}

TEST_F(Web, ACompressedErrorShowsNoSecret) {
  ::setenv("BERTH_TEST_TOKEN", "hunter2", 1);
  answer(401);
  const Error denied = error(
      at("/"), {.credentials = {.user = "me", .password = SecretPlace{.environment = "BERTH_TEST_TOKEN"}}});
  EXPECT_EQ(denied.code(), Code::kPermissionDenied);
  EXPECT_THAT(denied.to_string(), Not(HasSubstr("hunter2")));
  ::unsetenv("BERTH_TEST_TOKEN");
}

TEST_F(Web, CredentialsInTheClearNeedPermission) {
  const HttpCredentials credentials{.bearer = SecretPlace{.environment = "X"}};
  const auto url = net::Url::parse("http://example.org/a").value();
  EXPECT_EQ(HttpSource::create(*io_, url, {.credentials = credentials}).error().code(),
            Code::kInvalidArgument);
  EXPECT_TRUE(
      HttpSource::create(*io_, url, {.credentials = credentials, .plain_credentials = Downgrade::kAllow}));
  EXPECT_TRUE(HttpSource::create(*io_, net::Url::parse("https://example.org/a").value(),
                                 {.credentials = credentials}));
}

TEST_F(Web, MayBeCancelled) {
  ScriptedServer silent([](ScriptedConnection& c) { c.wait_closed(); });
  std::stop_source stop;
  std::jthread stopper([&] {
    while (silent.accepted() == 0) std::this_thread::sleep_for(1ms);
    stop.request_stop();
  });
  TextSink sink;
  const auto outcome = source(silent.url())->fetch({.max_bytes = 10}, sink, stop.get_token());
  EXPECT_EQ(outcome.error().code(), Code::kCancelled);
}

// ---- a real server, with TLS and HTTP/2
// ------------------------------------------------------------------------

class RealServer : public Fetching {
 protected:
  RealServer() { std::ofstream(folder() / "ca.pem") << authority_.pem(); }
  std::filesystem::path folder() const { return server_.root().parent_path(); }
  HttpSourceOptions options() const { return {.tls = {.extra_ca = folder() / "ca.pem"}}; }
  void publish(std::string_view text) { std::ofstream(server_.root() / "a.wasm", std::ios::binary) << text; }
  net::TestAuthority authority_;
  net::Nghttpd server_{authority_};
};

TEST_F(RealServer, IsAskedOnceForEachChange) {
  publish("one");
  const auto from = source(server_.url("/a.wasm"), options());
  const Fetched first = fetched(fetch(*from));
  EXPECT_EQ(first.digest, digest_of("one"));
  EXPECT_NE(first.validators.last_modified, "");
  EXPECT_TRUE(is_unchanged(fetch(*from, {.known = known(first)})));
  // Its dates have whole seconds.
  std::this_thread::sleep_for(1100ms);
  publish("two");
  // It keeps files open for some seconds.
  auto next = fetch(*from, {.known = known(first)});
  for (int i = 0; i < 60 && is_unchanged(next); ++i) {
    std::this_thread::sleep_for(500ms);
    next = fetch(*from, {.known = known(first)});
  }
  EXPECT_EQ(fetched(next).digest, digest_of("two"));
}

TEST_F(RealServer, LargeFilesPassThrough) {
  const std::string large(64 << 20, 'x');
  publish(large);
  TextSink sink;
  const auto outcome = source(server_.url("/a.wasm"), options())->fetch({.max_bytes = 64 << 20}, sink, {});
  EXPECT_EQ(fetched(outcome).digest, digest_of(large));
  EXPECT_TRUE(sink.text == large);
}

TEST_F(RealServer, ItsCaMayBeReplacedWhileWeRun) {
  publish("one");
  const auto from = source(server_.url("/a.wasm"), options());
  EXPECT_TRUE(fetch(*from));
  net::TestAuthority other;
  std::ofstream(folder() / "ca.pem") << other.pem();
  const auto untrusted = fetch(*from);
  ASSERT_FALSE(untrusted);
  EXPECT_EQ(untrusted.error().code(), Code::kPermissionDenied);
  std::ofstream(folder() / "ca.pem") << "no PEM";
  EXPECT_EQ(fetch(*from).error().code(), Code::kInvalidArgument);
  std::ofstream(folder() / "ca.pem") << authority_.pem();
  EXPECT_TRUE(fetch(*from));
}

}  // namespace
}  // namespace berth::artifact
