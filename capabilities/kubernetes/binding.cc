// kubernetes binding: check, decide, ask the cluster, tell.
#include "capabilities/kubernetes/binding.h"

#include <bindings/kubernetes_wit.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "capabilities/grants/denials.h"
#include "capabilities/grants/failures.h"
#include "capabilities/grants/interfaces.h"
#include "capabilities/kubernetes/api/running.h"
#include "capabilities/kubernetes/requests.h"

namespace berth::kubernetes {
namespace {

namespace contract = wit::berth::kubernetes;
namespace types = contract::types;
namespace reading = contract::reading;
namespace watching = contract::watching;
namespace writing = contract::writing;
using Bytes = std::vector<std::uint8_t>;
template <class T = Bytes>
using Said = std::expected<T, types::Error>;
template <class T = Bytes>
using Told = Task<Result<Said<T>>>;

constexpr std::string_view kNames[] = {"types", "reading", "watching", "writing"};

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

types::Error said(Failure failure) {
  switch (failure.kind) {
    case Failure::Kind::kDenied: return types::Error::Denied{std::move(failure.text)};
    case Failure::Kind::kInvalid: return types::Error::Invalid{std::move(failure.text)};
    case Failure::Kind::kUnavailable: return types::Error::Unavailable{std::move(failure.text)};
    case Failure::Kind::kTooLarge: return types::Error::TooLarge{std::move(failure.text)};
    case Failure::Kind::kStatus: break;
  }
  Status& status = failure.status;
  return types::Error::Status{types::Status{.code = status.code,
                                            .reason = std::move(status.reason),
                                            .message = std::move(status.message),
                                            .retry_after = status.retry_after,
                                            .body = bytes_of(status.body)}};
}

Said<> said(const Answer<std::string>& answer) {
  if (!answer) return std::unexpected(said(answer.error()));
  return bytes_of(*answer);
}

ResourceType of(types::ResourceType type) {
  return {std::move(type.group), std::move(type.version), std::move(type.plural)};
}
ObjectName of(types::ObjectName name) {
  return {of(std::move(name.resource)), std::move(name.namespace_), std::move(name.name),
          std::move(name.subresource)};
}
Selection of(types::Selection selection) {
  return {std::move(selection.labels), std::move(selection.fields)};
}
WriteOptions of(writing::WriteOptions options) { return {options.dry_run, std::move(options.field_manager)}; }

types::Item said(Item item) { return {std::move(item.ns), std::move(item.name), std::move(item.object)}; }

watching::Event said(Event event) {
  switch (event.kind) {
    case Event::Kind::kAdded: return watching::Event::Added{said(std::move(event.item))};
    case Event::Kind::kModified: return watching::Event::Modified{said(std::move(event.item))};
    case Event::Kind::kDeleted: return watching::Event::Deleted{said(std::move(event.item))};
    case Event::Kind::kSynced: return watching::Event::Synced{};
    case Event::Kind::kRestarted: return watching::Event::Restarted{};
  }
  std::unreachable();
}

template <class From>
auto all_said(std::vector<From> from) {
  std::vector<decltype(said(std::declval<From>()))> out;
  out.reserve(from.size());
  for (From& one : from) out.push_back(said(std::move(one)));
  return out;
}

enum class Writes : std::uint8_t { kAllowed, kRefused };

// What one workload may do, for all of its instances. Thread-safe.
class Gate {
 public:
  Gate(std::shared_ptr<Cluster> cluster, const Settings& settings, Writes writes,
       const grants::Services& services)
      : cluster_(std::move(cluster)),
        rules_(settings.rules),
        redactions_(settings.redact),
        max_age_(settings.max_age),
        writes_(writes),
        denials_(services, "kubernetes", ""),
        failures_(services, "kubernetes", "resource") {}
  ~Gate() { running_.stop(); }

  [[nodiscard]] Cluster& cluster() const { return *cluster_; }
  [[nodiscard]] Running& running() { return running_; }

  // Whether a guest may; otherwise the operator is told as well.
  [[nodiscard]] Answer<> check(const Ask& ask) {
    if (allows(rules_, ask)) return {};
    return deny(shown(ask), line_for(ask));
  }
  // What any rule allows.
  [[nodiscard]] Answer<> check_any() {
    if (cluster_ != nullptr) return {};
    return deny("discovery", "kubernetes: with some rule");
  }
  [[nodiscard]] Answer<> check_writes() {
    if (writes_ == Writes::kAllowed) return {};
    return failed(Failure::Kind::kDenied, "a shadow does not write");
  }
  [[nodiscard]] Answer<> check_hidden(std::string_view why) {
    if (why.empty()) return {};
    return deny(why, "nothing; or less under redact");
  }
  // Tells the operator where the API does not answer, or does not let the host do what the operator granted.
  void note(const ResourceType& resource, const Failure& failure) {
    if (running_.token().stop_requested()) return;
    if (failure.kind != Failure::Kind::kStatus)
      failures_.report(resource.shown(), failure.text);
    else if (failure.status.code == 401 || failure.status.code == 403)
      failures_.report(resource.shown(),
                       fmt::format("the API answers the host with status {}: {}", failure.status.code,
                                   grants::shown(failure.status.message)));
  }
  // An answer as the guest gets it.
  template <class T>
  [[nodiscard]] Answer<T> noted(const ResourceType& resource, Answer<T> answer) {
    if (!answer) note(resource, answer.error());
    return answer;
  }
  [[nodiscard]] Caller caller(const ResourceType& resource) {
    return {.hidden = redactions_.of(resource.shown()), .max_age = max_age_, .stop = running_.token()};
  }

  // Listings and watches that are open. A handle may go after this.
  [[nodiscard]] std::shared_ptr<std::atomic<std::size_t>> open() const { return open_; }

 private:
  std::unexpected<Failure> deny(std::string_view what, std::string_view line) {
    const std::string seen = grants::shown(what);
    denials_.report(seen, line);
    return failed(
        Failure::Kind::kDenied,
        fmt::format("{}: no grant allows it; what would, under the workload's grants: {}", seen, line));
  }

  const std::shared_ptr<Cluster> cluster_;
  const std::vector<Rule> rules_;
  const Redactions redactions_;
  const std::chrono::milliseconds max_age_;
  const Writes writes_;
  grants::Denials denials_;
  grants::Failures failures_;
  const std::shared_ptr<std::atomic<std::size_t>> open_ = std::make_shared<std::atomic<std::size_t>>(0);
  Running running_;
};

// Checks that a list or a watch is allowed.
Answer<> check_many(Gate& gate, Verb verb, const ResourceType& resource, const std::optional<std::string>& ns,
                    const Selection& what) {
  for (const auto& checked : {check(resource), check_namespace(ns), check(what)})
    if (!checked) return failed(Failure::Kind::kInvalid, checked.error().message());
  if (auto allowed = gate.check({.verb = verb, .resource = resource, .ns = ns, .fields = what.fields});
      !allowed)
    return allowed;
  const auto hidden = gate.caller(resource).hidden;
  if (hidden->hides_field_of(what.fields) || (!what.labels.empty() && hidden->hides_labels()))
    return gate.check_hidden(
        fmt::format("a selector of {} that asks for what the host hides", resource.shown()));
  return {};
}

// A guest's listing or watch: Opened is what the cluster gives for it, made when it is first used. The guest
// may drop it while a call is under way. One call at a time.
template <class Opened>
class Handle {
 public:
  Handle(Gate& gate, Verb verb, ResourceType resource, std::optional<std::string> ns, Selection what)
      : state_(std::make_shared<State>(gate, verb, std::move(resource), std::move(ns), std::move(what))) {}

 protected:
  struct State {
    State(Gate& g, Verb v, ResourceType r, std::optional<std::string> n, Selection w)
        : gate(g), verb(v), resource(std::move(r)), ns(std::move(n)), what(std::move(w)), open(g.open()) {
      may_open = open->fetch_add(1) < kMaxOpen;
    }
    ~State() { open->fetch_sub(1); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    Gate& gate;
    const Verb verb;
    const ResourceType resource;
    const std::optional<std::string> ns;
    const Selection what;
    const std::shared_ptr<std::atomic<std::size_t>> open;
    bool may_open = false;
    std::unique_ptr<Opened> opened;
    std::optional<Failure> ended;
  };

  // Opened, or why not.
  static Answer<> use(State& state) {
    if (state.ended) return std::unexpected(*state.ended);
    if (state.opened != nullptr) return {};
    if (!state.may_open)
      return failed(Failure::Kind::kUnavailable,
                    fmt::format("this workload has {} listings and watches open; drop some", kMaxOpen));
    if (auto allowed = check_many(state.gate, state.verb, state.resource, state.ns, state.what); !allowed)
      return allowed;
    Cluster& cluster = state.gate.cluster();
    if constexpr (std::is_same_v<Opened, Listing>)
      state.opened = cluster.list(state.resource, state.ns, state.what, state.gate.caller(state.resource));
    else
      state.opened = cluster.watch(state.resource, state.ns, state.what, state.gate.caller(state.resource));
    return {};
  }

  std::shared_ptr<State> state_;
};

class ListingHandle final : public reading::Listing, private Handle<kubernetes::Listing> {
 public:
  using Handle::Handle;
  Told<std::vector<types::Item>> next() override { return run(state_); }

 private:
  static Told<std::vector<types::Item>> run(std::shared_ptr<State> state) {
    using Items = Said<std::vector<types::Item>>;
    const Running::One one(state->gate.running());
    if (auto ready = use(*state); !ready) co_return Items(std::unexpect, said(std::move(ready).error()));
    auto items = state->gate.noted(state->resource, co_await state->opened->next());
    if (!items) {
      state->ended = items.error();
      co_return Items(std::unexpect, said(std::move(items).error()));
    }
    co_return Items(all_said(std::move(*items)));
  }
};

class WatchHandle final : public watching::Watch, private Handle<kubernetes::Watch> {
 public:
  using Handle::Handle;
  Told<std::vector<watching::Event>> next(std::uint32_t wait_ms) override { return run(state_, wait_ms); }

 private:
  static Told<std::vector<watching::Event>> run(std::shared_ptr<State> state, std::uint32_t wait_ms) {
    using Events = Said<std::vector<watching::Event>>;
    const Running::One one(state->gate.running());
    if (auto ready = use(*state); !ready) co_return Events(std::unexpect, said(std::move(ready).error()));
    auto events = state->gate.noted(
        state->resource,
        co_await state->opened->next(std::chrono::milliseconds(std::min(wait_ms, kMaxWaitMilliseconds))));
    if (!events) {
      state->ended = events.error();
      co_return Events(std::unexpect, said(std::move(events).error()));
    }
    co_return Events(all_said(std::move(*events)));
  }
};

// Thread-safe.
class Binding final : public contract::Reading, public contract::Watching, public contract::Writing {
 public:
  explicit Binding(Gate& gate) : gate_(gate) {}

  Told<> get(types::ObjectName name) override {
    const Running::One one(gate_.running());
    ObjectName what = of(std::move(name));
    if (const auto checked = check(what); !checked) co_return invalid(checked.error());
    if (auto allowed = gate_.check(ask(Verb::kGet, what)); !allowed) co_return refused(std::move(allowed));
    Caller caller = gate_.caller(what.resource);
    auto got = co_await gate_.cluster().get(what, std::move(caller));
    co_return said(gate_.noted(what.resource, std::move(got)));
  }

  Told<> list_page(types::ResourceType type, std::optional<std::string> ns, types::Selection selection,
                   std::uint32_t limit, std::string continue_token) override {
    const Running::One one(gate_.running());
    ResourceType resource = of(std::move(type));
    Selection what = of(std::move(selection));
    if (const auto checked = check_page(limit, continue_token); !checked) co_return invalid(checked.error());
    if (auto allowed = check_many(gate_, Verb::kList, resource, ns, what); !allowed)
      co_return refused(std::move(allowed));
    Caller caller = gate_.caller(resource);
    auto page = co_await gate_.cluster().list_page(resource, std::move(ns), std::move(what), limit,
                                                   std::move(continue_token), std::move(caller));
    co_return said(gate_.noted(resource, std::move(page)));
  }

  Result<std::unique_ptr<reading::Listing>> new_listing(const types::ResourceType& resource,
                                                        const std::optional<std::string>& ns,
                                                        const types::Selection& what) override {
    return std::make_unique<ListingHandle>(gate_, Verb::kList, of(resource), ns, of(what));
  }
  Result<std::unique_ptr<watching::Watch>> new_watch(const types::ResourceType& resource,
                                                     const std::optional<std::string>& ns,
                                                     const types::Selection& what) override {
    return std::make_unique<WatchHandle>(gate_, Verb::kWatch, of(resource), ns, of(what));
  }

  Told<> logs(std::string ns, std::string pod, reading::LogOptions given) override {
    const Running::One one(gate_.running());
    LogOptions options{.container = std::move(given.container),
                       .previous = given.previous,
                       .tail_lines = given.tail_lines,
                       .since_seconds = given.since_seconds,
                       .timestamps = given.timestamps,
                       .limit_bytes = given.limit_bytes};
    if (const auto checked = check_logs(ns, pod, options); !checked) co_return invalid(checked.error());
    const ObjectName what{{"", "v1", "pods"}, ns, pod, "log"};
    if (auto allowed = gate_.check(ask(Verb::kGet, what)); !allowed) co_return refused(std::move(allowed));
    auto text = co_await gate_.cluster().logs(std::move(ns), std::move(pod), std::move(options),
                                              gate_.caller(what.resource));
    co_return said(gate_.noted(what.resource, std::move(text)));
  }

  Told<std::vector<reading::ApiResource>> discover() override {
    using Resources = Said<std::vector<reading::ApiResource>>;
    const Running::One one(gate_.running());
    if (auto allowed = gate_.check_any(); !allowed)
      co_return Resources(std::unexpect, said(std::move(allowed).error()));
    auto found = gate_.noted({}, co_await gate_.cluster().discover(gate_.caller({})));
    if (!found) co_return Resources(std::unexpect, said(std::move(found).error()));
    std::vector<reading::ApiResource> out;
    for (ApiResource& one_of : *found)
      out.push_back({.resource = {std::move(one_of.resource.group), std::move(one_of.resource.version),
                                  std::move(one_of.resource.plural)},
                     .kind = std::move(one_of.kind),
                     .namespaced = one_of.namespaced,
                     .verbs = std::move(one_of.verbs)});
    co_return Resources(std::move(out));
  }

  Told<> server_version() override {
    const Running::One one(gate_.running());
    if (auto allowed = gate_.check_any(); !allowed) co_return refused(std::move(allowed));
    co_return said(gate_.noted({}, co_await gate_.cluster().server_version(gate_.caller({}))));
  }

  Told<> create_(types::ObjectName what, Bytes object, writing::WriteOptions options) override {
    return write(Verb::kCreate, make_create(of(std::move(what)), object, of(std::move(options))));
  }
  Told<> update(types::ObjectName what, Bytes object, writing::WriteOptions options) override {
    return write(Verb::kUpdate, make_update(of(std::move(what)), object, of(std::move(options))));
  }
  Told<> patch(types::ObjectName what, writing::PatchKind kind, Bytes patch,
               writing::WriteOptions options) override {
    return write(Verb::kPatch, make_patch(of(std::move(what)), static_cast<PatchKind>(kind), patch,
                                          of(std::move(options))));
  }
  // The WIT's `delete`.
  Told<> delete_(types::ObjectName what, writing::DeleteOptions options) override {
    std::optional<Propagation> propagation;
    if (options.propagation) propagation = static_cast<Propagation>(*options.propagation);
    return write(Verb::kDelete,
                 make_delete(of(std::move(what)), {.dry_run = options.dry_run,
                                                   .propagation = propagation,
                                                   .grace_seconds = options.grace_seconds,
                                                   .uid = std::move(options.uid),
                                                   .resource_version = std::move(options.resource_version)}));
  }

 private:
  static Ask ask(Verb verb, const ObjectName& what) {
    return {.verb = verb,
            .resource = what.resource,
            .subresource = what.subresource ? std::string_view(*what.subresource) : std::string_view(),
            .ns = what.ns,
            .name = what.name,
            .fields = {}};
  }
  static Said<> invalid(const Error& error) {
    return std::unexpected<types::Error>(types::Error::Invalid{error.message()});
  }
  static Said<> refused(Answer<> answer) { return std::unexpected(said(std::move(answer).error())); }

  Told<> write(Verb verb, Result<Write> made) {
    const Running::One one(gate_.running());
    if (!made) co_return invalid(made.error());
    Caller caller = gate_.caller(made->what.resource);
    if (auto allowed = gate_.check_writes(); !allowed) co_return refused(std::move(allowed));
    if (auto allowed = gate_.check(ask(verb, made->what)); !allowed) co_return refused(std::move(allowed));
    if (auto allowed = gate_.check_hidden(refusal(*made, *caller.hidden)); !allowed)
      co_return refused(std::move(allowed));
    const ResourceType resource = made->what.resource;
    auto written = co_await gate_.cluster().write(std::move(*made), std::move(caller));
    co_return said(gate_.noted(resource, std::move(written)));
  }

  Gate& gate_;
};

class KubernetesGrant final : public host::Grant {
 public:
  KubernetesGrant(std::shared_ptr<Cluster> cluster, const Settings& settings, Writes writes,
                  const grants::Services& services)
      : cluster_(cluster),
        settings_(settings),
        services_(services),
        gate_(std::move(cluster), settings, writes, services),
        binding_(gate_) {}

  std::string_view capability() const override { return "kubernetes"; }
  bool covers(std::string_view interface) const override { return kubernetes::covers(interface); }
  // The grant outlives every linker's result: host::Grant says so.
  Result<void> link(abi::Linker& linker) const override {
    BERTH_TRY(contract::Reading::add_to_linker(
        linker, [this](abi::InstanceState&) -> contract::Reading* { return &binding_; }));
    BERTH_TRY(contract::Watching::add_to_linker(
        linker, [this](abi::InstanceState&) -> contract::Watching* { return &binding_; }));
    return contract::Writing::add_to_linker(
        linker, [this](abi::InstanceState&) -> contract::Writing* { return &binding_; });
  }
  std::shared_ptr<const host::Grant> shadow() const override {
    return std::make_shared<KubernetesGrant>(cluster_, settings_, Writes::kRefused, services_);
  }

 private:
  const std::shared_ptr<Cluster> cluster_;
  const Settings settings_;
  const grants::Services services_;
  mutable Gate gate_;
  mutable Binding binding_;
};

}  // namespace

bool covers(std::string_view interface) {
  return grants::contains({"berth:kubernetes", "0.1.0", kNames}, interface);
}

std::shared_ptr<const host::Grant> grant(std::shared_ptr<Cluster> cluster, const Settings& settings,
                                         const grants::Services& services) {
  return std::make_shared<KubernetesGrant>(std::move(cluster), settings, Writes::kAllowed, services);
}

}  // namespace berth::kubernetes
