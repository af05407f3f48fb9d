// StateServers: grouping by address, start and stop.
#include "applications/statestore/native/state_servers.h"

#include <algorithm>

namespace berth::statestore {

Result<void> StateServers::add(const StateTrigger& trigger, std::shared_ptr<Store> store) {
  if (!trigger.listen) return {};
  const std::string where = trigger.listen->to_string();
  auto at = std::ranges::find_if(listeners_, [&](const auto& l) {
    return trigger.listen->port != 0 && l->endpoint.to_string() == where;
  });
  if (at == listeners_.end()) {
    listeners_.push_back(std::make_unique<Listener>());
    at = std::prev(listeners_.end());
    (*at)->endpoint = *trigger.listen;
    (*at)->options.max_body_bytes = 0;
  }
  Listener& listener = **at;
  if (auto added = listener.api.add(trigger.store, trigger.app_id, std::move(store)); !added) {
    return fail(std::move(added).error().context(where));
  }
  // A request's body is read before its store is known, so the largest limit of the address counts.
  listener.options.max_body_bytes =
      std::max<std::size_t>(listener.options.max_body_bytes, trigger.max_body_bytes);
  listener.stores.push_back(trigger.store);
  return {};
}

Result<void> StateServers::start() {
  for (const auto& l : listeners_) {
    l->server = std::make_unique<net::HttpServer>(io_, l->api, l->options);
    l->endpoint.port = BERTH_TRY(l->server->listen(l->endpoint.host, l->endpoint.port));
  }
  return {};
}

std::vector<std::string> StateServers::addresses() const {
  std::vector<std::string> out;
  for (const auto& l : listeners_) {
    for (const auto& store : l->stores)
      out.push_back("http://" + l->endpoint.to_string() + "/v1.0/state/" + store);
  }
  return out;
}

void StateServers::stop(std::chrono::milliseconds drain) {
  const auto until = std::chrono::steady_clock::now() + drain;
  for (const auto& l : listeners_) {
    if (!l->server) continue;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    l->server->stop(std::max(left, std::chrono::milliseconds(0)));
  }
}

}  // namespace berth::statestore
