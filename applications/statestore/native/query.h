// Queries: Dapr's query language, answered from the pages of a scan.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "applications/statestore/native/state_request.h"
#include "applications/statestore/native/store.h"
#include "base/task.h"

namespace berth::statestore {

struct QueryResult {
  std::vector<Page::Item> items;  // with the store's keys
  std::string token;              // where the next page begins; empty: that was all
};

// Those entries under `prefix` whose values are JSON and match `query`, a JSON text: {"filter": …, "sort":
// […], "page": {"limit": N, "token": "…"}} with the operators EQ, NEQ, GT, GTE, LT, LTE, IN, AND and OR
// (Dapr's "State Management Query API"). Without a limit all of them. In the order of `sort`, then of their
// keys; a token is the number of entries before it, so entries written meanwhile may move others between
// pages.
//
// Scans everything: for operators and small stores. Arguments must live until the task is done.
//  500 ERR_STATE_QUERY: the text is no query, or the store failed. 500 ERR_STATE_STORE_NOT_SUPPORTED: the
//  store has no scanning.
[[nodiscard]] Task<Parsed<QueryResult>> run_query(Store& store, Time now, std::string_view prefix,
                                                  std::string_view query);

}  // namespace berth::statestore
