// Queries: parsing, matching, sorting.
#include "applications/statestore/native/query.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <variant>

#include "applications/statestore/native/json_reader.h"
#include "applications/statestore/native/limits.h"

namespace berth::statestore {

namespace {

using Json = nlohmann::json;

// "person.address.city" as its parts.
using Field = std::vector<std::string>;

struct Term {
  enum class Is : std::uint8_t {
    kAnd,
    kOr,
    kEqual,
    kNotEqual,
    kGreater,
    kGreaterOrEqual,
    kLess,
    kLessOrEqual,
    kIn
  };
  Is is = Is::kAnd;
  std::vector<Term> terms;  // of kAnd and kOr
  Field field;              // of the others
  Json value;               // an array for kIn
};

struct Order {
  Field field;
  bool descending = false;
};

struct Query {
  Term filter;  // an empty kAnd: everything
  std::vector<Order> sort;
  std::size_t limit = 0;  // 0: none
  std::size_t offset = 0;
};

Refusal bad_query(std::string what) {
  return {500, "ERR_STATE_QUERY", "failed to parse JSON query body: " + std::move(what)};
}

Field split(std::string_view text) {
  Field out;
  while (true) {
    const auto dot = text.find('.');
    out.emplace_back(text.substr(0, dot));
    if (dot == std::string_view::npos) return out;
    text.remove_prefix(dot + 1);
  }
}

// Reads a query from a parsed JSON text.
// One thread at a time.
class Parser {
 public:
  Parsed<Query> query(const Json& json) {
    if (!json.is_object()) return std::unexpected(bad_query("expected an object"));
    Query out;
    for (const auto& [name, value] : json.items()) {
      Parsed<> read;
      if (name == "filter") {
        if (!value.is_null() && !(value.is_object() && value.empty())) read = term(value, 0, out.filter);
      } else if (name == "sort") {
        read = sort(value, out);
      } else if (name == "page") {
        read = page(value, out);
      } else {
        read = bad("\"" + name + "\" is not known; a query has filter, sort and page");
      }
      if (!read) return std::unexpected(std::move(read).error());
    }
    return out;
  }

 private:
  static std::unexpected<Refusal> bad(std::string what) {
    return std::unexpected(bad_query(std::move(what)));
  }

  Parsed<> term(const Json& json, std::size_t depth, Term& out) {
    if (depth > kMaxFilterDepth)
      return bad("a filter has at most " + std::to_string(kMaxFilterDepth) + " levels");
    if (++terms_ > kMaxFilterTerms)
      return bad("a filter has at most " + std::to_string(kMaxFilterTerms) + " operators");
    if (!json.is_object() || json.size() != 1) return bad("each filter is an object with one operator");
    const std::string& name = json.begin().key();
    const Json& value = json.begin().value();
    constexpr std::pair<std::string_view, Term::Is> kOperators[] = {
        {"AND", Term::Is::kAnd},      {"OR", Term::Is::kOr},           {"EQ", Term::Is::kEqual},
        {"NEQ", Term::Is::kNotEqual}, {"GT", Term::Is::kGreater},      {"GTE", Term::Is::kGreaterOrEqual},
        {"LT", Term::Is::kLess},      {"LTE", Term::Is::kLessOrEqual}, {"IN", Term::Is::kIn}};
    const auto* const found =
        std::ranges::find(kOperators, std::string_view(name), &std::pair<std::string_view, Term::Is>::first);
    if (found == std::end(kOperators))
      return bad("unsupported filter \"" + name + "\"; known are EQ, NEQ, GT, GTE, LT, LTE, IN, AND and OR");
    out.is = found->second;
    if (out.is == Term::Is::kAnd || out.is == Term::Is::kOr) {
      if (!value.is_array() || value.size() < 2) return bad(name + " needs a list of at least two filters");
      for (const Json& one : value) {
        if (auto read = term(one, depth + 1, out.terms.emplace_back()); !read) return read;
      }
      return {};
    }
    if (!value.is_object() || value.size() != 1)
      return bad(name + " needs an object with one field, such as {\"" + name + "\": {\"state\": \"CA\"}}");
    out.field = split(value.begin().key());
    out.value = value.begin().value();
    if (out.is == Term::Is::kIn) {
      if (!out.value.is_array() || out.value.empty()) return bad("IN needs a list of values");
    } else if (out.value.is_structured()) {
      return bad(name + " compares with a text, a number, true, false or null");
    }
    return {};
  }

  Parsed<> sort(const Json& json, Query& out) {
    if (!json.is_array()) return bad("sort is a list such as [{\"key\": \"state\", \"order\": \"DESC\"}]");
    for (const Json& one : json) {
      if (++terms_ > kMaxFilterTerms) return bad("too much to sort by");
      const auto key = one.is_object() ? one.find("key") : one.end();
      if (!one.is_object() || key == one.end() || !key->is_string()) return bad("a sort item needs a key");
      Order order{split(key->get_ref<const std::string&>())};
      if (const auto direction = one.find("order"); direction != one.end()) {
        if (*direction != "ASC" && *direction != "DESC") return bad("order is ASC or DESC");
        order.descending = *direction == "DESC";
      }
      out.sort.push_back(std::move(order));
    }
    return {};
  }

  static Parsed<> page(const Json& json, Query& out) {
    if (!json.is_object()) return bad("page is an object with limit and token");
    if (const auto limit = json.find("limit"); limit != json.end()) {
      if (!limit->is_number_unsigned() || *limit > std::numeric_limits<std::uint32_t>::max())
        return bad("page.limit is a number of entries");
      out.limit = *limit;
    }
    if (const auto token = json.find("token"); token != json.end()) {
      if (!token->is_string()) return bad("page.token is a text");
      const auto& text = token->get_ref<const std::string&>();
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.offset);
      if (!text.empty() && (error != std::errc() || end != text.data() + text.size()))
        return bad("page.token is none that a query answered with");
    }
    return {};
  }

  std::size_t terms_ = 0;
};

const Json* at(const Json& json, const Field& field) {
  const Json* out = &json;
  for (const std::string& part : field) {
    if (!out->is_object()) return nullptr;
    const auto next = out->find(part);
    if (next == out->end()) return nullptr;
    out = &*next;
  }
  return out;
}

// Ordered comparisons are between two numbers or two texts; others are false.
bool comparable(const Json& a, const Json& b) {
  return (a.is_number() && b.is_number()) || (a.is_string() && b.is_string());
}

bool matches(const Json& entry, const Term& term) {
  using Is = Term::Is;
  if (term.is == Is::kAnd)
    return std::ranges::all_of(term.terms, [&](const Term& t) { return matches(entry, t); });
  if (term.is == Is::kOr)
    return std::ranges::any_of(term.terms, [&](const Term& t) { return matches(entry, t); });
  static const Json kNull;
  const Json* const found = at(entry, term.field);
  const Json& value = found == nullptr ? kNull : *found;
  switch (term.is) {
    case Is::kEqual: return value == term.value;
    case Is::kNotEqual: return value != term.value;
    case Is::kIn: return std::ranges::find(term.value, value) != term.value.end();
    case Is::kGreater: return comparable(value, term.value) && value > term.value;
    case Is::kGreaterOrEqual: return comparable(value, term.value) && value >= term.value;
    case Is::kLess: return comparable(value, term.value) && value < term.value;
    case Is::kLessOrEqual: return comparable(value, term.value) && value <= term.value;
    default: return false;
  }
}

struct Match {
  Entry entry;
  std::vector<Json> by;  // what it is sorted by
};

// Nothing when they are equal in all that is sorted by. nlohmann orders different kinds: null first.
bool before(const std::pair<const std::string, Match>& a, const std::pair<const std::string, Match>& b,
            const std::vector<Order>& sort) {
  for (std::size_t i = 0; i < sort.size(); ++i) {
    const Json& x = a.second.by[i];
    const Json& y = b.second.by[i];
    if (x < y) return !sort[i].descending;
    if (y < x) return sort[i].descending;
  }
  return a.first < b.first;
}

Refusal to_refusal(const Error& error) {
  const bool later = error.code() == Code::kBusy || error.code() == Code::kUnavailable;
  return {later ? 503 : 500, "ERR_STATE_QUERY", "failed query: " + error.message()};
}

Refusal to_refusal(const StoreError& error) {
  if (error.kind == StoreError::Kind::kUnsupported)
    return {500, "ERR_STATE_STORE_NOT_SUPPORTED", "state store does not support querying"};
  return {500, "ERR_STATE_QUERY", "failed query: " + error.message};
}

}  // namespace

Task<Parsed<QueryResult>> run_query(Store& store, Time now, std::string_view prefix, std::string_view text) {
  // The reader bounds the nesting; the other one may then be trusted with it.
  const Json json =
      is_utf8(text) && is_json(text) ? Json::parse(text, nullptr, false) : Json(Json::value_t::discarded);
  if (json.is_discarded()) co_return std::unexpected(bad_query("it is not valid JSON"));
  const auto query = Parser().query(json);
  if (!query) co_return std::unexpected(query.error());

  std::map<std::string, Match> found;  // an entry may come twice
  std::size_t bytes = 0;
  std::optional<std::string> after;
  do {
    const auto page = co_await store.scan(now, prefix, after, kScanEntries);
    if (!page) co_return std::unexpected(to_refusal(page.error()));
    if (!*page) co_return std::unexpected(to_refusal(page->error()));
    for (const Page::Item& item : (*page)->items) {
      if (!is_utf8(item.entry.text()) || !is_json(item.entry.text())) continue;
      const Json value = Json::parse(item.entry.text(), nullptr, false);
      if (!matches(value, query->filter)) continue;
      Match match{item.entry, {}};
      for (const Order& order : query->sort) {
        const Json* const by = at(value, order.field);
        match.by.push_back(by == nullptr ? Json() : *by);
      }
      bytes += item.key.size() + item.entry.value.size();
      if (bytes > kMaxQueryBytes) {
        co_return std::unexpected(
            Refusal{500, "ERR_STATE_QUERY", "failed query: more than 64 MiB match; filter for less"});
      }
      found.insert_or_assign(item.key, std::move(match));
    }
    after = (*page)->next;
  } while (after);

  std::vector<std::pair<const std::string, Match>*> sorted;
  sorted.reserve(found.size());
  for (auto& entry : found) sorted.push_back(&entry);
  std::ranges::sort(sorted, [&](const auto* a, const auto* b) { return before(*a, *b, query->sort); });

  QueryResult out;
  const std::size_t begin = std::min(query->offset, sorted.size());
  const std::size_t end = query->limit == 0 ? sorted.size() : std::min(begin + query->limit, sorted.size());
  for (std::size_t i = begin; i < end; ++i) {
    out.items.push_back({sorted[i]->first, std::move(sorted[i]->second.entry)});
  }
  if (end < sorted.size()) out.token = std::to_string(end);
  co_return out;
}

}  // namespace berth::statestore
