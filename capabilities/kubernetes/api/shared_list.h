// SharedList: one list of the API for any number of readers.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "capabilities/kubernetes/api/client.h"
#include "capabilities/kubernetes/api/running.h"
#include "capabilities/kubernetes/api/spool.h"
#include "capabilities/kubernetes/api/wakeup.h"
#include "capabilities/kubernetes/provider.h"

namespace berth::kubernetes {

// What is listed.
struct ListQuery {
  ResourceType resource;
  std::optional<std::string> ns;
  Selection selection;
  std::shared_ptr<const Redaction> hidden;
  // The same text: the same answer for whoever asks.
  [[nodiscard]] std::string key() const;
};

// Fetches page by page, as its fastest reader goes on, into a Spool; every reader reads that at its own pace.
// In memory are one object of a page and what readers take. Thread-safe; the client outlives it.
class SharedList final : public std::enable_shared_from_this<SharedList> {
 public:
  // `running`: of whoever stops the client.
  [[nodiscard]] static Result<std::shared_ptr<SharedList>> create(Client& client, Running& running,
                                                                  ListQuery query);

  // The items from `at` on, which is moved; none: that was all. Waits for the API where they are not there
  // yet. 410 where the API forgot the list between two pages and somebody had items of it before; otherwise
  // it begins again by itself, once.
  [[nodiscard]] Task<Answer<std::vector<Item>>> read(std::uint64_t& at, std::stop_token stop);
  // Where a watch goes on; once read() said that that was all.
  [[nodiscard]] std::string resource_version() const;
  // No further reader should come: it failed.
  [[nodiscard]] bool has_failed() const;
  [[nodiscard]] std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  class Page;
  SharedList(Client& client, Running& running, ListQuery query, std::unique_ptr<Spool> spool);

  // mutex_ is not held.
  void fetch();
  static Task<void> fetch_page(std::shared_ptr<SharedList> self);
  [[nodiscard]] ApiRequest next_request() const;
  void finish(Answer<> sent, Page& page);

  Client& client_;
  Running& running_;
  const ListQuery query_;
  const std::unique_ptr<Spool> spool_;
  std::atomic<std::uint64_t> bytes_ = 0;

  // Of the fetch that is under way, or the last one.
  std::string continue_;
  std::uint32_t limit_;
  std::uint32_t pages_ = 0;

  mutable std::mutex mutex_;  // guards what follows
  bool fetching_ = false;
  bool complete_ = false;
  bool handed_out_ = false;
  bool restarted_ = false;
  std::uint64_t end_ = 0;        // of what may be read
  std::uint64_t last_page_ = 0;  // where the newest page begins
  std::string resource_version_;
  std::optional<Failure> failure_;
  std::vector<std::shared_ptr<Wakeup>> waiting_;
};

}  // namespace berth::kubernetes
