// Objects: one scan for the facts, another where something is hidden.
#include "capabilities/kubernetes/wire/object.h"

#include "abi/utf8.h"
#include "capabilities/kubernetes/wire/json.h"

namespace berth::kubernetes {
namespace {

std::unexpected<Error> invalid(const char* text) { return fail(Code::kInvalidArgument, text); }

// Text; null counts as absent.
bool read_text(JsonScan& scan, std::string& out) {
  std::string_view raw;
  return scan.skip(raw) && (raw == "null" || string_value(raw, out));
}

Result<void> read_metadata(JsonScan& scan, ObjectFacts& facts) {
  if (!scan.enter('{')) return fail(scan.error().context("metadata"));
  for (std::string_view key; scan.member(key);) {
    std::string* into = key_is(key, "name")              ? &facts.name
                        : key_is(key, "namespace")       ? &facts.ns
                        : key_is(key, "resourceVersion") ? &facts.resource_version
                                                         : nullptr;
    std::string_view raw;
    if (into == nullptr ? scan.skip(raw) : read_text(scan, *into)) continue;
    return scan.ok() ? invalid("a name, namespace or resourceVersion is no text") : fail(scan.error());
  }
  return {};
}

bool is_secret(const ObjectFacts& facts) { return facts.kind == "Secret"; }

}  // namespace

Result<ObjectFacts> facts_of(std::string_view object) {
  if (!abi::is_utf8(object)) return invalid("it is not UTF-8");
  ObjectFacts facts;
  JsonScan scan(object);
  if (!scan.enter('{')) return fail(scan.error());
  for (std::string_view key; scan.member(key);) {
    std::string_view raw;
    if (key_is(key, "metadata") && scan.peek() == '{') {
      BERTH_TRY(read_metadata(scan, facts));
      continue;
    }
    std::string* into = key_is(key, "kind")         ? &facts.kind
                        : key_is(key, "apiVersion") ? &facts.api_version
                                                    : nullptr;
    if (into == nullptr ? scan.skip(raw) : read_text(scan, *into)) continue;
    return scan.ok() ? invalid("its kind or apiVersion is no text") : fail(scan.error());
  }
  if (!scan.end()) return fail(scan.error());
  return facts;
}

Result<ObjectFacts> prepare(std::string_view object, const Redaction& redaction, std::string_view api_version,
                            std::string_view kind, std::string& out) {
  ObjectFacts facts = BERTH_TRY(facts_of(object));
  std::string missing;
  if (facts.kind.empty() && !kind.empty()) {
    missing += "\"kind\":" + json_string(kind) + ",";
    facts.kind = kind;
  }
  if (facts.api_version.empty() && !api_version.empty()) {
    missing += "\"apiVersion\":" + json_string(api_version) + ",";
    facts.api_version = api_version;
  }
  const std::size_t begin = out.size();
  const bool more = is_secret(facts) && !redaction.hides_secrets();
  if (redaction.empty() && !more) {
    out += object;
  } else if (!more) {
    BERTH_TRY(redaction.apply(object, out));
  } else {
    std::string shown;
    BERTH_TRY(redaction.apply(object, shown));
    BERTH_TRY(Redaction::of_secrets().apply(shown, out));
  }
  if (!missing.empty()) {
    const std::size_t open = out.find('{', begin);
    const std::size_t next = out.find_first_not_of(" \t\r\n", open + 1);
    if (out[next] == '}') missing.pop_back();
    out.insert(open + 1, missing);
  }
  return facts;
}

Result<std::string> prepare_answer(std::string body, const Redaction& redaction) {
  std::string out;
  const ObjectFacts facts = BERTH_TRY(prepare(body, redaction, "", "", out));
  if (!facts.kind.ends_with("List") || (redaction.empty() && facts.kind != "SecretList")) return out;
  // The items once more, each as an object: the kind of a list says what they are.
  const std::string_view kind = std::string_view(facts.kind).substr(0, facts.kind.size() - 4);
  JsonScan scan(out);
  if (!scan.enter('{')) return fail(scan.error());
  std::string list = "{";
  for (std::string_view key; scan.member(key);) {
    if (list.size() > 1) list += ',';
    list.append("\"").append(key).append("\":");
    std::string_view raw;
    if (!key_is(key, "items") || scan.peek() != '[') {
      if (!scan.skip(raw)) break;
      list += raw;
      continue;
    }
    if (!scan.enter('[')) break;
    list += '[';
    for (bool first = true; scan.element(); first = false) {
      if (!scan.skip(raw)) break;
      if (!first) list += ',';
      std::string item;
      BERTH_TRY(redaction.apply(raw, item));
      if (kind == "Secret")
        BERTH_TRY(Redaction::of_secrets().apply(item, list));
      else
        list += item;
    }
    list += ']';
  }
  if (!scan.end()) return fail(scan.error());
  return list + "}";
}

}  // namespace berth::kubernetes
