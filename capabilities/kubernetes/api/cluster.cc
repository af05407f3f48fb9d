// A Cluster over the API of a real server.
#include "capabilities/kubernetes/api/cluster.h"

#include <fmt/format.h>

#include <utility>

#include "capabilities/kubernetes/api/discovery.h"
#include "capabilities/kubernetes/api/kept_lists.h"
#include "capabilities/kubernetes/api/watch_stream.h"
#include "capabilities/kubernetes/wire/json.h"
#include "capabilities/kubernetes/wire/object.h"

namespace berth::kubernetes {
namespace {

Failure unusable(const Error& error) {
  const bool too_large = error.code() == Code::kResourceExhausted;
  return {.kind = too_large ? Failure::Kind::kTooLarge : Failure::Kind::kUnavailable,
          .text = fmt::format("the API's answer cannot be used: {}", error.message())};
}

// A reader of a SharedList, which it begins to share when it is first used. One call at a time.
class ListReader final : public Listing {
 public:
  ListReader(Client& client, Running& running, KeptLists& lists, ListQuery query, Caller caller)
      : state_(std::make_shared<State>(client, running, lists, std::move(query), std::move(caller))) {}

  Task<Answer<std::vector<Item>>> next() override { return run(state_); }

 private:
  struct State {
    Client& client;
    Running& running;
    KeptLists& lists;
    ListQuery query;
    Caller caller;
    std::shared_ptr<SharedList> list = nullptr;
    std::uint64_t at = 0;
  };
  // The guest may drop its handle while a call is under way.
  static Task<Answer<std::vector<Item>>> run(std::shared_ptr<State> state) {
    if (state->list == nullptr) {
      auto list = state->lists.get(state->client, state->running, state->query, state->caller.max_age);
      if (!list) co_return failed(Failure::Kind::kUnavailable, list.error().message());
      state->list = std::move(*list);
    }
    co_return co_await state->list->read(state->at, state->caller.stop);
  }

  std::shared_ptr<State> state_;
};

// What the API says about a write may quote the whole object, with what is hidden in it.
Failure withheld(Failure failure) {
  Status& status = failure.status;
  switch (status.code) {
    case 401:
    case 403:
    case 404:
    case 409:
    case 410:
    case 429: return failure;
    default: break;
  }
  status.message = "withheld by the host: it may quote what is hidden in the object";
  status.body = fmt::format(
      R"({{"kind":"Status","apiVersion":"v1","status":"Failure","reason":{},"message":{},"code":{}}})",
      json_string(status.reason), json_string(status.message), status.code);
  return failure;
}

std::string_view verb_of(Write::Kind kind) {
  switch (kind) {
    case Write::Kind::kCreate: return "create";
    case Write::Kind::kUpdate: return "update";
    case Write::Kind::kPatch: return "patch";
    case Write::Kind::kDelete: return "delete";
  }
  std::unreachable();
}

std::string_view method_of(Write::Kind kind) {
  switch (kind) {
    case Write::Kind::kCreate: return "POST";
    case Write::Kind::kUpdate: return "PUT";
    case Write::Kind::kPatch: return "PATCH";
    case Write::Kind::kDelete: return "DELETE";
  }
  std::unreachable();
}

// Thread-safe.
class ApiCluster final : public Cluster {
 public:
  explicit ApiCluster(std::unique_ptr<Client> client) : client_(std::move(client)) {}
  ~ApiCluster() override { running_.stop(); }

  Task<Answer<std::string>> get(ObjectName what, Caller caller) override {
    return ask({.verb = "get", .path = path_of(what)}, std::move(caller), what.subresource.has_value());
  }

  Task<Answer<std::string>> list_page(ResourceType resource, std::optional<std::string> ns,
                                      Selection selection, std::uint32_t limit, std::string continue_token,
                                      Caller caller) override {
    Query query;
    query.add("limit", std::to_string(limit)).add(selection).add_some("continue", continue_token);
    return ask({.verb = "list", .path = path_of(resource, ns), .query = query.text()}, std::move(caller),
               false);
  }

  std::unique_ptr<Listing> list(ResourceType resource, std::optional<std::string> ns, Selection selection,
                                Caller caller) override {
    auto hidden = caller.hidden;
    return std::make_unique<ListReader>(
        *client_, running_, lists_,
        ListQuery{std::move(resource), std::move(ns), std::move(selection), std::move(hidden)},
        std::move(caller));
  }
  std::unique_ptr<Watch> watch(ResourceType resource, std::optional<std::string> ns, Selection selection,
                               Caller caller) override {
    auto hidden = caller.hidden;
    return make_watch(*client_, running_, lists_,
                      ListQuery{std::move(resource), std::move(ns), std::move(selection), std::move(hidden)},
                      std::move(caller));
  }

  Task<Answer<std::string>> logs(std::string ns, std::string pod, LogOptions options,
                                 Caller caller) override {
    Query query;
    if (options.container) query.add("container", *options.container);
    if (options.previous) query.add("previous", "true");
    if (options.tail_lines) query.add("tailLines", std::to_string(*options.tail_lines));
    if (options.since_seconds) query.add("sinceSeconds", std::to_string(*options.since_seconds));
    if (options.timestamps) query.add("timestamps", "true");
    query.add("limitBytes", std::to_string(options.limit_bytes));
    TextReceiver text;
    auto sent = co_await client_->send(
        {.verb = "logs",
         .path = path_of(ObjectName{{"", "v1", "pods"}, std::move(ns), std::move(pod), "log"}),
         .query = query.text(),
         .accept = "*/*"},
        text, std::move(caller.stop));
    if (!sent) co_return std::unexpected(std::move(sent).error());
    co_return std::move(text.text);
  }

  Task<Answer<std::vector<ApiResource>>> discover(Caller caller) override {
    std::vector<ApiResource> out;
    std::vector<std::string> versions;
    for (const char* root : {"/api", "/apis"}) {
      const auto body = co_await text_of(root, std::string(kAcceptAggregated), caller);
      if (!body) co_return std::unexpected(body.error());
      auto found = read_groups(*body);
      if (!found) co_return std::unexpected(unusable(found.error()));
      std::ranges::move(found->resources, std::back_inserter(out));
      std::ranges::move(found->versions, std::back_inserter(versions));
    }
    for (const std::string& path : versions) {
      const auto body = co_await text_of(path, "application/json", caller);
      // One that an extension serves, which is away: the others are there.
      if (!body && body.error().kind == Failure::Kind::kStatus && body.error().status.code >= 500) continue;
      if (!body) co_return std::unexpected(body.error());
      auto found = read_resources(*body);
      if (!found) co_return std::unexpected(unusable(found.error()));
      std::ranges::move(*found, std::back_inserter(out));
    }
    co_return out;
  }

  Task<Answer<std::string>> server_version(Caller caller) override {
    return text_of("/version", "application/json", std::move(caller));
  }

  Task<Answer<std::string>> write(Write write, Caller caller) override {
    return ask(
        {.method = std::string(method_of(write.kind)),
         .verb = verb_of(write.kind),
         .path = path_of(write.what),
         .query = write.query.text(),
         .content_type = write.content_type.empty() ? "application/json" : std::move(write.content_type),
         .body = std::move(write.body)},
        std::move(caller), false);
  }

 private:
  Task<Answer<std::string>> text_of(std::string path, std::string accept, Caller caller) {
    TextReceiver text;
    auto sent =
        co_await client_->send({.verb = "discover", .path = std::move(path), .accept = std::move(accept)},
                               text, std::move(caller.stop));
    if (!sent) co_return std::unexpected(std::move(sent).error());
    co_return std::move(text.text);
  }
  // `other`: the answer may be no object, such as a subresource's text, where nothing is hidden in it.
  Task<Answer<std::string>> ask(ApiRequest request, Caller caller, bool other) {
    TextReceiver text;
    if (other) request.accept = "application/json, */*";
    const bool write = request.method != "GET";
    auto sent = co_await client_->send(std::move(request), text, caller.stop);
    if (!sent) {
      const bool quotes = write && !caller.hidden->empty() && sent.error().kind == Failure::Kind::kStatus;
      co_return std::unexpected(quotes ? withheld(std::move(sent).error()) : std::move(sent).error());
    }
    auto shown = prepare_answer(text.text, *caller.hidden);
    if (shown) co_return std::move(*shown);
    if (other && caller.hidden->empty()) co_return std::move(text.text);
    co_return std::unexpected(unusable(shown.error()));
  }

  Running running_;
  KeptLists lists_;
  std::unique_ptr<Client> client_;  // last: its threads use the others
};

}  // namespace

Result<std::unique_ptr<Cluster>> open_cluster(ClusterConfig config, telemetry::Metrics& metrics,
                                              ClientLimits limits) {
  return std::make_unique<ApiCluster>(BERTH_TRY(Client::create(std::move(config), metrics, limits)));
}

}  // namespace berth::kubernetes
