// KeptLists: age, number and size.
#include "capabilities/kubernetes/api/kept_lists.h"

#include <algorithm>
#include <utility>

namespace berth::kubernetes {

Result<std::shared_ptr<SharedList>> KeptLists::get(Client& client, Running& running, ListQuery query,
                                                   std::chrono::milliseconds max_age) {
  if (max_age.count() <= 0) return SharedList::create(client, running, std::move(query));
  std::string key = query.key();
  const std::lock_guard lock(mutex_);
  const Clock::time_point now = Clock::now();
  if (const auto found = lists_.find(key);
      found != lists_.end() && now - found->second.begun <= max_age && !found->second.list->has_failed()) {
    found->second.until = std::max(found->second.until, found->second.begun + max_age);
    return found->second.list;
  }
  auto list = BERTH_TRY(SharedList::create(client, running, std::move(query)));
  lists_.insert_or_assign(std::move(key), Kept{list, now, now + max_age});
  drop_oldest();
  // Its file goes when it is of no use, not when somebody asks for another.
  client.io().post_after(max_age + std::chrono::milliseconds(100), [this] { purge(); });
  return list;
}

void KeptLists::purge() {
  const std::lock_guard lock(mutex_);
  std::erase_if(lists_, [now = Clock::now()](const auto& one) {
    return one.second.until <= now || one.second.list->has_failed();
  });
}

void KeptLists::drop_oldest() {
  std::uint64_t bytes = 0;
  for (const auto& [key, kept] : lists_) bytes += kept.list->bytes();
  while (lists_.size() > 1 && (lists_.size() > kMaxKeptLists || bytes > kMaxKeptListBytes)) {
    const auto oldest =
        std::ranges::min_element(lists_, {}, [](const auto& one) { return one.second.begun; });
    bytes -= oldest->second.list->bytes();
    lists_.erase(oldest);
  }
}

}  // namespace berth::kubernetes
