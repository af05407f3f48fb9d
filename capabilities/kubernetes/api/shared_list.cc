// SharedList: pages into the spool.
#include "capabilities/kubernetes/api/shared_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "capabilities/kubernetes/wire/list_splitter.h"
#include "capabilities/kubernetes/wire/object.h"

namespace berth::kubernetes {
namespace {

Failure failure_of(const Error& error) {
  const bool too_large = error.code() == Code::kResourceExhausted;
  return {.kind = too_large ? Failure::Kind::kTooLarge : Failure::Kind::kUnavailable,
          .text = error.message()};
}

}  // namespace

std::string ListQuery::key() const {
  std::string out = path_of(resource, ns);
  for (const std::string& text : {selection.labels, selection.fields, hidden->key()})
    fmt::format_to(std::back_inserter(out), " {}:{}", text.size(), text);
  return out;
}

// One page on its way into the spool. One thread at a time.
class SharedList::Page final : public Receiver {
 public:
  Page(const ListQuery& query, Spool& spool) : query_(query), spool_(spool) { begin(); }

  void begin() override {
    spool_.rewind();
    items_ = 0;
    bytes_ = 0;
    splitter_.emplace([this](std::string_view item, const ListHead& head) { return take(item, head); });
  }
  Result<> write(std::span<const std::uint8_t> bytes) override { return splitter_->write(bytes); }

  [[nodiscard]] Result<ListHead> finish() { return splitter_->finish(); }
  // As many as fit a page of kPageBytes, going by this one.
  [[nodiscard]] std::uint32_t fitting(std::uint32_t most) const {
    if (items_ == 0) return most;
    const std::uint64_t fit = kPageBytes / std::max<std::uint64_t>(1, bytes_ / items_);
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(fit, 1, most));
  }

 private:
  Result<void> take(std::string_view item, const ListHead& head) {
    ++items_;
    bytes_ += item.size();
    object_.clear();
    // Items of built-in kinds say neither; the list says what they are.
    const std::string_view kind = head.kind.ends_with("List")
                                      ? std::string_view(head.kind).substr(0, head.kind.size() - 4)
                                      : std::string_view();
    auto facts = prepare(item, *query_.hidden, head.api_version, kind, object_);
    if (!facts) return fail(std::move(facts).error().context("an object of the API's list"));
    return spool_.append(facts->ns, facts->name, object_);
  }

  const ListQuery& query_;
  Spool& spool_;
  std::optional<ListSplitter> splitter_;
  std::string object_;
  std::uint64_t items_ = 0, bytes_ = 0;
};

Result<std::shared_ptr<SharedList>> SharedList::create(Client& client, Running& running, ListQuery query) {
  auto spool = BERTH_TRY(Spool::create());
  return std::shared_ptr<SharedList>(new SharedList(client, running, std::move(query), std::move(spool)));
}

SharedList::SharedList(Client& client, Running& running, ListQuery query, std::unique_ptr<Spool> spool)
    : client_(client),
      running_(running),
      query_(std::move(query)),
      spool_(std::move(spool)),
      limit_(client.limits().page_items) {}

std::string SharedList::resource_version() const {
  const std::lock_guard lock(mutex_);
  return resource_version_;
}

bool SharedList::has_failed() const {
  const std::lock_guard lock(mutex_);
  return failure_.has_value();
}

Task<Answer<std::vector<Item>>> SharedList::read(std::uint64_t& at, std::stop_token stop) {
  const std::shared_ptr<SharedList> self = shared_from_this();
  for (;;) {
    std::shared_ptr<Wakeup> wakeup;
    bool fetch_now = false;
    std::uint64_t end = 0;
    {
      const std::lock_guard lock(mutex_);
      if (failure_) co_return std::unexpected(*failure_);
      if (at == end_ && complete_) co_return std::vector<Item>();
      // The page after the newest is fetched while that is read.
      if (at >= last_page_ && !complete_ && !fetching_) fetch_now = fetching_ = true;
      end = end_;
      if (at < end) {
        handed_out_ = true;
      } else {
        wakeup = std::make_shared<Wakeup>(client_.io());
        waiting_.push_back(wakeup);
      }
    }
    if (fetch_now) fetch();
    if (wakeup == nullptr) {
      auto items = spool_->read(at, end);
      if (!items) co_return std::unexpected(failure_of(items.error()));
      co_return std::move(*items);
    }
    co_await wakeup->wait(kLongestWait, stop);
    if (stop.stop_requested()) co_return failed(Failure::Kind::kUnavailable, "the workload is being stopped");
  }
}

void SharedList::fetch() {
  detach(fetch_page(shared_from_this()), [] {});
}

ApiRequest SharedList::next_request() const {
  Query query;
  query.add("limit", std::to_string(limit_)).add(query_.selection).add_some("continue", continue_);
  return {.verb = "list",
          .path = path_of(query_.resource, query_.ns),
          .query = query.text(),
          .max_body_bytes = kMaxListBytes};
}

Task<void> SharedList::fetch_page(std::shared_ptr<SharedList> self) {
  const Running::One one(self->running_);
  Page page(self->query_, *self->spool_);
  auto sent = co_await self->client_.send(self->next_request(), page, self->running_.token());
  self->finish(std::move(sent), page);
}

void SharedList::finish(Answer<> sent, Page& page) {
  std::optional<Failure> failure;
  ListHead head;
  std::uint64_t end = 0;
  if (!sent) {
    failure = std::move(sent).error();
  } else if (auto read = page.finish(); !read) {
    failure = failure_of(read.error());
  } else if (++pages_ >= kMaxPages && !read->continue_token.empty()) {
    failure = Failure{.kind = Failure::Kind::kTooLarge,
                      .text = fmt::format("the API's list does not end after {} pages", kMaxPages)};
  } else if (auto committed = spool_->commit(); !committed) {
    failure = failure_of(committed.error());
  } else {
    head = std::move(*read);
    end = *committed;
    limit_ = page.fitting(client_.limits().page_items);
    bytes_.store(end, std::memory_order_relaxed);
  }
  std::vector<std::shared_ptr<Wakeup>> waiting;
  {
    const std::lock_guard lock(mutex_);
    fetching_ = false;
    const bool expired = failure && failure->kind == Failure::Kind::kStatus && failure->status.code == 410;
    if (expired && !continue_.empty() && !handed_out_ && !restarted_) {
      // Nobody has seen anything of it.
      restarted_ = true;
      continue_.clear();
      resource_version_.clear();
      end_ = last_page_ = 0;
      spool_->clear();
    } else if (failure) {
      failure_ = std::move(failure);
    } else {
      last_page_ = end_;
      end_ = end;
      if (resource_version_.empty()) resource_version_ = head.resource_version;
      continue_ = std::move(head.continue_token);
      complete_ = continue_.empty();
    }
    waiting = std::exchange(waiting_, {});
  }
  for (const auto& one : waiting) one->wake();
}

}  // namespace berth::kubernetes
