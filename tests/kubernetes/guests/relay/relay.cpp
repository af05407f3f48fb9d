// relay: one call of berth:kubernetes for each call of the test.
#include <string>
#include <vector>

#include "relay_cpp.h"

namespace types = berth::kubernetes::types;
namespace reading = berth::kubernetes::reading;
namespace watching = berth::kubernetes::watching;
namespace writing = berth::kubernetes::writing;
namespace api = exports::test::relay::kube;

namespace {

using Bytes = wit::vector<std::uint8_t>;

wit::string text(std::string_view view) { return wit::string::from_view(view); }

Bytes bytes(std::string_view view) {
  Bytes out = Bytes::allocate(view.size());
  for (std::size_t i = 0; i < view.size(); ++i) out.initialize(i, static_cast<std::uint8_t>(view[i]));
  return out;
}

std::string_view view(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

api::Outcome fine(Bytes body) { return {text("ok"), 0, text(""), text(""), std::nullopt, std::move(body)}; }
api::Outcome told(std::string_view kind, wit::string message) {
  return {text(kind), 0, text(""), std::move(message), std::nullopt, bytes("")};
}
api::Outcome failed(types::Error error) {
  auto& cases = error.variants;
  if (auto* denied = std::get_if<types::Error::Denied>(&cases))
    return told("denied", std::move(denied->value));
  if (auto* invalid = std::get_if<types::Error::Invalid>(&cases))
    return told("invalid", std::move(invalid->value));
  if (auto* away = std::get_if<types::Error::Unavailable>(&cases))
    return told("unavailable", std::move(away->value));
  if (auto* large = std::get_if<types::Error::TooLarge>(&cases))
    return told("too-large", std::move(large->value));
  types::Status& status = std::get<types::Error::Status>(cases).value;
  return {text("status"),     status.code,           std::move(status.reason), std::move(status.message),
          status.retry_after, std::move(status.body)};
}
api::Outcome outcome(std::expected<Bytes, types::Error> result) {
  return result ? fine(std::move(*result)) : failed(std::move(result.error()));
}

std::optional<wit::string> copy(const std::optional<wit::string>& given) {
  if (!given) return std::nullopt;
  return text(given->get_view());
}
std::optional<std::string_view> view(const std::optional<wit::string>& given) {
  if (!given) return std::nullopt;
  return given->get_view();
}
types::ResourceType type_of(const api::Request& r) {
  return {text(r.group.get_view()), text(r.version.get_view()), text(r.plural.get_view())};
}
types::ObjectName name_of(const api::Request& r) {
  return {type_of(r), copy(r.namespace_), text(r.name.get_view()), copy(r.subresource)};
}
types::Selection selection_of(const api::Request& r) {
  return {text(r.labels.get_view()), text(r.fields.get_view())};
}

api::Outcome discovered() {
  auto found = reading::Discover();
  if (!found) return failed(std::move(found.error()));
  std::string out;
  for (const reading::ApiResource& one : found->get_const_view()) {
    const types::ResourceType& type = one.resource;
    for (const wit::string* part : {&type.group, &type.version, &type.plural, &one.kind})
      out.append(part->get_view()).append(" ");
    out += one.namespaced ? "namespaced" : "cluster";
    for (const wit::string& verb : one.verbs.get_const_view()) out.append(" ").append(verb.get_view());
    out += '\n';
  }
  return fine(bytes(out));
}

struct Opened {
  std::optional<reading::Listing> listing;
  std::optional<watching::Watch> watch;
};
std::vector<Opened>& opened() {
  static std::vector<Opened> all;
  return all;
}

std::string line_of(std::string_view what, const types::Item& item) {
  std::string out(what);
  out.append(" ").append(item.namespace_.get_view()).append("/").append(item.name.get_view());
  return out.append(" ").append(view(item.object));
}
std::string line_of(const watching::Event& event) {
  using E = watching::Event;
  if (auto* one = std::get_if<E::Added>(&event.variants)) return line_of("added", one->value);
  if (auto* one = std::get_if<E::Modified>(&event.variants)) return line_of("modified", one->value);
  if (auto* one = std::get_if<E::Deleted>(&event.variants)) return line_of("deleted", one->value);
  return std::holds_alternative<E::Synced>(event.variants) ? "synced" : "restarted";
}

wit::vector<wit::string> texts(const std::vector<std::string>& lines) {
  auto out = wit::vector<wit::string>::allocate(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) out.initialize(i, text(lines[i]));
  return out;
}

}  // namespace

api::Outcome api::Call(Request r) {
  const std::string_view verb = r.verb.get_view();
  if (verb == "get") return outcome(reading::Get(name_of(r)));
  if (verb == "page")
    return outcome(
        reading::ListPage(type_of(r), view(r.namespace_), selection_of(r), r.limit, r.token.get_view()));
  if (verb == "logs")
    return outcome(reading::Logs(r.namespace_ ? r.namespace_->get_view() : "", r.name.get_view(),
                                 {std::nullopt, false, 10, std::nullopt, false, r.limit}));
  if (verb == "discover") return discovered();
  if (verb == "version") return outcome(reading::ServerVersion());
  const std::span<const std::uint8_t> body(r.body.data(), r.body.size());
  if (verb == "create") return outcome(writing::Create(name_of(r), body, {r.dry_run, text("")}));
  if (verb == "update") return outcome(writing::Update(name_of(r), body, {r.dry_run, text("")}));
  if (verb == "patch")
    return outcome(
        writing::Patch(name_of(r), static_cast<writing::PatchKind>(r.kind), body, {r.dry_run, text("")}));
  if (verb == "delete")
    return outcome(writing::Delete(
        name_of(r), {r.dry_run, std::nullopt, std::nullopt, std::nullopt,
                     r.token.size() > 0 ? std::optional(text(r.token.get_view())) : std::nullopt}));
  return told("no such verb", text(verb));
}

std::uint32_t api::Open(Request r) {
  Opened one;
  if (r.verb.get_view() == "watch")
    one.watch.emplace(type_of(r), view(r.namespace_), selection_of(r));
  else
    one.listing.emplace(type_of(r), view(r.namespace_), selection_of(r));
  opened().push_back(std::move(one));
  return static_cast<std::uint32_t>(opened().size() - 1);
}

std::tuple<api::Outcome, wit::vector<wit::string>> api::Next(std::uint32_t number, std::uint32_t wait_ms) {
  Opened& one = opened()[number];
  std::vector<std::string> lines;
  Outcome result = fine(bytes(""));
  if (one.watch) {
    auto events = one.watch->Next(wait_ms);
    if (!events) return {failed(std::move(events.error())), texts({})};
    for (const watching::Event& event : events->get_const_view()) lines.push_back(line_of(event));
  } else {
    auto items = one.listing->Next();
    if (!items) return {failed(std::move(items.error())), texts({})};
    for (const types::Item& item : items->get_const_view()) lines.push_back(line_of("item", item));
  }
  return {std::move(result), texts(lines)};
}

std::tuple<api::Outcome, std::uint32_t, std::uint64_t> api::Count(std::uint32_t number) {
  std::uint32_t objects = 0;
  std::uint64_t size = 0;
  for (;;) {
    auto items = opened()[number].listing->Next();
    if (!items) return {failed(std::move(items.error())), objects, size};
    if (items->size() == 0) return {fine(bytes("")), objects, size};
    for (const types::Item& item : items->get_const_view()) {
      ++objects;
      size += item.object.size();
    }
  }
}

void api::DropAll() { opened().clear(); }

std::uint32_t api::Search(wit::vector<std::uint8_t> masked) {
  const auto* memory = reinterpret_cast<const volatile std::uint8_t*>(1);
  const std::size_t size = __builtin_wasm_memory_size(0) * 65536 - 1;
  std::uint32_t found = 0;
  for (std::size_t at = 0; at + masked.size() <= size; ++at) {
    std::size_t same = 0;
    while (same < masked.size() && (memory[at + same] ^ 0x5a) == masked[same]) ++same;
    found += same == masked.size() ? 1 : 0;
  }
  return found;
}
