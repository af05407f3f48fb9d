// WatchStream: events are queued as they come; the stream stops while too many wait.
#include "capabilities/kubernetes/api/watch_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <utility>

#include "capabilities/kubernetes/wire/json.h"
#include "capabilities/kubernetes/wire/object.h"

namespace berth::kubernetes {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

bool is_gone(const Failure& failure) {
  return failure.kind == Failure::Kind::kStatus && failure.status.code == 410;
}

// Whether the API may answer otherwise in a moment.
bool may_pass(const Failure& failure) {
  if (failure.kind == Failure::Kind::kStatus) return failure.status.code == 429 || failure.status.code >= 500;
  return failure.kind == Failure::Kind::kUnavailable;
}

// Shared by the guest's handle and the stream. One guest's call at a time; the stream has threads of its own.
class WatchState final : public std::enable_shared_from_this<WatchState> {
 public:
  WatchState(Client& client, Running& running, KeptLists& lists, ListQuery query, Caller caller)
      : client_(client),
        running_(running),
        lists_(lists),
        query_(std::move(query)),
        caller_(std::move(caller)),
        max_age_(caller_.max_age),
        on_cluster_stop_(running.token(), [this] { stop(); }) {}

  static Task<Answer<std::vector<Event>>> next(std::shared_ptr<WatchState> self, milliseconds wait);
  void stop() { stop_.request_stop(); }

 private:
  class Lines;
  enum class End : std::uint8_t { kNone, kGone, kFull };

  Task<Answer<std::vector<Event>>> next_listed();
  static Task<void> stream(std::shared_ptr<WatchState> self);
  void start_stream();
  [[nodiscard]] ApiRequest request() const;
  // What the last connection came to: true, go on with another after `pause`.
  bool after(Answer<> sent, bool progress, milliseconds& pause);
  Result<void> on_line(std::string_view line);
  Result<void> push(Event::Kind kind, std::string_view object);
  [[nodiscard]] std::vector<Event> take();

  Client& client_;
  Running& running_;
  KeptLists& lists_;
  const ListQuery query_;
  const Caller caller_;

  // Of the guest's calls.
  bool listing_ = true;
  bool tell_restart_ = false;
  milliseconds max_age_;
  std::shared_ptr<SharedList> list_;
  std::uint64_t at_ = 0;
  int lists_begun_ = 0;  // since objects came

  // Of the stream, while it runs.
  std::string version_;
  Clock::time_point good_at_;
  End ending_ = End::kNone;  // why its receiver refused

  std::mutex mutex_;  // guards what follows
  End end_ = End::kNone;
  std::deque<Event> events_;
  std::size_t bytes_ = 0;
  std::optional<Failure> failure_;
  std::shared_ptr<Wakeup> waiting_;

  std::stop_source stop_;
  std::stop_callback<std::function<void()>> on_cluster_stop_;
};

// Events are lines. One thread at a time.
class WatchState::Lines final : public Receiver {
 public:
  explicit Lines(WatchState& state) : state_(state) {}

  void begin() override { part_.clear(); }
  Result<> write(std::span<const std::uint8_t> bytes) override {
    std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    while (!rest.empty()) {
      const std::size_t end = rest.find('\n');
      if (part_.size() + std::min(end, rest.size()) > kMaxObjectBytes)
        return fail(Code::kResourceExhausted,
                    fmt::format("an event of the watch has more than {} MiB", kMaxObjectBytes >> 20U));
      if (end == std::string_view::npos) {
        part_ += rest;
        break;
      }
      std::string_view line = rest.substr(0, end);
      rest.remove_prefix(end + 1);
      if (!part_.empty()) {
        part_ += line;
        line = part_;
      }
      if (!line.empty()) {
        BERTH_TRY(state_.on_line(line));
        progress = true;
      }
      part_.clear();
    }
    return {};
  }
  bool progress = false;

 private:
  WatchState& state_;
  std::string part_;
};

Task<Answer<std::vector<Event>>> WatchState::next_listed() {
  for (;;) {
    if (list_ == nullptr) {
      auto list = lists_.get(client_, running_, query_, max_age_);
      if (!list) co_return failed(Failure::Kind::kUnavailable, list.error().message());
      list_ = std::move(*list);
      at_ = 0;
      ++lists_begun_;
    }
    auto items = co_await list_->read(at_, caller_.stop);
    if (!items) {
      list_.reset();
      if (!is_gone(items.error()) || lists_begun_ > 1) co_return std::unexpected(std::move(items).error());
      // What was told of this list is void.
      tell_restart_ = true;
      max_age_ = milliseconds(0);
      continue;
    }
    std::vector<Event> out;
    if (std::exchange(tell_restart_, false)) out.push_back({.kind = Event::Kind::kRestarted});
    for (Item& item : *items) out.push_back({.kind = Event::Kind::kAdded, .item = std::move(item)});
    if (items->empty()) {
      out.push_back({.kind = Event::Kind::kSynced});
      version_ = list_->resource_version();
      list_.reset();
      listing_ = false;
      lists_begun_ = 0;
      good_at_ = Clock::now();
      start_stream();
    }
    co_return out;
  }
}

Task<Answer<std::vector<Event>>> WatchState::next(std::shared_ptr<WatchState> self, milliseconds wait) {
  const Clock::time_point until = Clock::now() + wait;
  for (;;) {
    if (self->listing_) co_return co_await self->next_listed();
    std::shared_ptr<Wakeup> wakeup;
    bool again = false;
    {
      const std::lock_guard lock(self->mutex_);
      if (!self->events_.empty()) co_return self->take();
      if (self->failure_) co_return std::unexpected(*self->failure_);
      const End end = std::exchange(self->end_, End::kNone);
      again = end == End::kFull;
      if (end == End::kGone) {
        self->listing_ = self->tell_restart_ = true;
        self->max_age_ = milliseconds(0);
        continue;
      }
      if (Clock::now() >= until && !again) co_return std::vector<Event>();
      wakeup = std::make_shared<Wakeup>(self->client_.io());
      self->waiting_ = wakeup;
    }
    if (again) self->start_stream();
    const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now()) + milliseconds(1);
    co_await wakeup->wait(std::min<milliseconds>(left, kLongestWait), self->caller_.stop);
    if (self->caller_.stop.stop_requested())
      co_return failed(Failure::Kind::kUnavailable, "the workload is being stopped");
  }
}

std::vector<Event> WatchState::take() {
  std::vector<Event> out;
  std::size_t taken = 0;
  while (!events_.empty() && taken < kBatchBytes) {
    taken += events_.front().item.object.size();
    out.push_back(std::move(events_.front()));
    events_.pop_front();
  }
  bytes_ -= std::min(bytes_, taken);
  return out;
}

void WatchState::start_stream() {
  detach(stream(shared_from_this()), [] {});
}

ApiRequest WatchState::request() const {
  Query query;
  query.add("watch", "1")
      .add("allowWatchBookmarks", "true")
      .add("resourceVersion", version_)
      .add("timeoutSeconds", std::to_string(client_.limits().watch.count()))
      .add(query_.selection);
  return {.verb = "watch", .path = path_of(query_.resource, query_.ns), .query = query.text(), .watch = true};
}

Task<void> WatchState::stream(std::shared_ptr<WatchState> self) {
  const Running::One one(self->running_);
  milliseconds pause{0};
  for (;;) {
    Lines lines(*self);
    auto sent = co_await self->client_.send(self->request(), lines, self->stop_.get_token());
    if (self->stop_.stop_requested()) break;
    if (!self->after(std::move(sent), lines.progress, pause)) break;
    co_await self->client_.sleep(pause, self->stop_.get_token());
    if (self->stop_.stop_requested()) break;
  }
}

bool WatchState::after(Answer<> sent, bool progress, milliseconds& pause) {
  std::shared_ptr<Wakeup> waiting;
  const Clock::time_point now = Clock::now();
  if (progress || sent) good_at_ = now;
  {
    const std::lock_guard lock(mutex_);
    end_ = std::exchange(ending_, End::kNone);
    if (!sent && is_gone(sent.error())) end_ = End::kGone;
    if (end_ == End::kNone && !sent && (!may_pass(sent.error()) || now - good_at_ > kWatchPatience))
      failure_ = std::move(sent).error();
    if (end_ == End::kNone && !failure_) {
      // One that told something is resumed at once; one that ends as soon as it begins, with growing pauses.
      pause = progress ? milliseconds(0)
                       : std::clamp(pause * 2, client_.limits().first_pause, client_.limits().max_pause);
      return true;
    }
    waiting = std::exchange(waiting_, nullptr);
  }
  if (waiting != nullptr) waiting->wake();
  return false;
}

Result<void> WatchState::on_line(std::string_view line) {
  JsonScan scan(line);
  std::string type;
  std::string_view object;
  bool typed = scan.enter('{');
  for (std::string_view key; scan.member(key);) {
    std::string_view raw;
    if (!scan.skip(raw)) break;
    if (key_is(key, "type")) typed = string_value(raw, type);
    if (key_is(key, "object")) object = raw;
  }
  if (!scan.end() || !typed || object.empty())
    return fail(Code::kUnavailable, "the API's watch sent what is no event");
  if (type == "ADDED") return push(Event::Kind::kAdded, object);
  if (type == "MODIFIED") return push(Event::Kind::kModified, object);
  if (type == "DELETED") return push(Event::Kind::kDeleted, object);
  if (type == "BOOKMARK") {
    auto facts = facts_of(object);
    if (facts && !facts->resource_version.empty()) version_ = std::move(facts->resource_version);
    return {};
  }
  // An ERROR holds a Status; all but 410 may pass.
  JsonScan status(object);
  std::string code;
  if (status.enter('{'))
    for (std::string_view key; status.member(key);) {
      std::string_view raw;
      if (!status.skip(raw)) break;
      if (key_is(key, "code")) code = raw;
    }
  if (code == "410") ending_ = End::kGone;
  return fail(Code::kUnavailable, fmt::format("the API ended the watch with status {}", code));
}

Result<void> WatchState::push(Event::Kind kind, std::string_view object) {
  Event event{.kind = kind};
  std::string shown;
  auto facts = prepare(object, *query_.hidden, "", "", shown);
  if (!facts) return fail(std::move(facts).error().context("an object of the API's watch"));
  event.item.object.assign(shown.begin(), shown.end());
  event.item.ns = std::move(facts->ns);
  event.item.name = std::move(facts->name);
  if (!facts->resource_version.empty()) version_ = std::move(facts->resource_version);
  std::shared_ptr<Wakeup> waiting;
  bool full = false;
  {
    const std::lock_guard lock(mutex_);
    bytes_ += event.item.object.size();
    events_.push_back(std::move(event));
    full = bytes_ > kMaxWaitingEventBytes;
    waiting = std::exchange(waiting_, nullptr);
  }
  if (waiting != nullptr) waiting->wake();
  if (!full) return {};
  ending_ = End::kFull;
  return fail(Code::kBusy, "the events wait for the guest");
}

class WatchHandle final : public Watch {
 public:
  explicit WatchHandle(std::shared_ptr<WatchState> state) : state_(std::move(state)) {}
  ~WatchHandle() override { state_->stop(); }
  Task<Answer<std::vector<Event>>> next(milliseconds wait) override { return WatchState::next(state_, wait); }

 private:
  std::shared_ptr<WatchState> state_;
};

}  // namespace

std::unique_ptr<Watch> make_watch(Client& client, Running& running, KeptLists& lists, ListQuery query,
                                  Caller caller) {
  return std::make_unique<WatchHandle>(
      std::make_shared<WatchState>(client, running, lists, std::move(query), std::move(caller)));
}

}  // namespace berth::kubernetes
