// Schema: reading OpenAPI v3 documents and CRDs.
#include "capabilities/kubernetes/codegen/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "capabilities/kubernetes/codegen/limits.h"
#include "capabilities/kubernetes/codegen/names.h"
#include "manifest/problems.h"
#include "manifest/yaml.h"

namespace berth::kubernetes::codegen {
namespace {

using Json = nlohmann::json;
using manifest::Value;

// Only texts, maps, lists and true matter in a schema.
Json to_json(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull: return nullptr;
    case Value::Kind::kScalar:
      if (!value.quoted() && (value.text() == "true" || value.text() == "false"))
        return value.text() == "true";
      return value.text();
    case Value::Kind::kList: {
      Json out = Json::array();
      for (const Value& item : value.items()) out.push_back(to_json(item));
      return out;
    }
    case Value::Kind::kMap: {
      Json out = Json::object();
      for (const Value::Entry& entry : value.entries()) out[entry.key] = to_json(entry.value);
      return out;
    }
  }
  return nullptr;
}

const Json& at(const Json& json, std::string_view key) {
  static const Json kNone;
  if (!json.is_object()) return kNone;
  const auto found = json.find(key);
  return found == json.end() ? kNone : *found;
}

// As the API has plurals, groups and versions. They stand as they are in what is generated, so nothing else
// may get there.
bool is_name(std::string_view name) {
  return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == name.npos;
}

std::string text_at(const Json& json, std::string_view key) {
  const Json& value = at(json, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

// For a comment: the first line, cut.
std::string one_line(std::string text) {
  if (const auto end = text.find_first_of("\r\n"); end != text.npos) text.resize(end);
  std::erase_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (text.size() > kMaxCommentBytes) {
    std::size_t end = text.rfind(' ', kMaxCommentBytes);
    if (end == text.npos) end = kMaxCommentBytes;
    // Not within a character: a source that is not UTF-8 is none for Go.
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    text.resize(end);
    text += " ...";
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\\')) text.pop_back();
  return text;
}

// Documents of a YAML stream; a JSON file is one.
std::vector<std::string_view> documents(std::string_view text) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  for (std::size_t line = 0; line < text.size();) {
    const std::size_t end = std::min(text.find('\n', line), text.size());
    if (text.substr(line, 3) == "---" && text.find_first_not_of(" \r", line + 3) >= end) {
      out.push_back(text.substr(begin, line - begin));
      begin = std::min(end + 1, text.size());
    }
    line = end + 1;
  }
  out.push_back(text.substr(begin));
  std::erase_if(
      out, [](std::string_view document) { return document.find_first_not_of(" \t\r\n") == document.npos; });
  return out;
}

}  // namespace

Result<Wanted> Wanted::parse(std::string_view text) {
  Wanted out;
  if (const auto slash = text.find('/'); slash != text.npos) {
    out.version = text.substr(slash + 1);
    text = text.substr(0, slash);
    if (out.version.empty()) text = {};
  }
  const auto dot = text.find('.');
  out.plural = text.substr(0, dot);
  if (dot != text.npos) out.group = text.substr(dot + 1);
  if (!is_name(out.plural) || (!out.group.empty() && !is_name(out.group)) ||
      (!out.version.empty() && !is_name(out.version)))
    return fail(Code::kInvalidArgument, fmt::format("{} names no resource: write PLURAL, PLURAL.GROUP or "
                                                    "PLURAL.GROUP/VERSION, such as deployments.apps/v1",
                                                    manifest::shown(text)));
  return out;
}

std::string Wanted::to_string() const {
  return plural + (group.empty() ? "" : "." + group) + (version.empty() ? "" : "/" + version);
}

// Turns schemas into structs, each once.
class SchemaReader::Types {
 public:
  Types(SchemaReader& reader, const Json& components) : reader_(reader), components_(components) {}

  // The struct of an object whose schema is `schema`.
  Result<std::string> object(std::string name, const Json& schema, std::string_view identity, bool top) {
    name = BERTH_TRY(reserve(std::move(name), identity, top));
    if (!known_) BERTH_TRY(fill(name, schema, 0, top));
    return name;
  }

 private:
  // A free name for what `identity` is; known_ says whether it stands there already.
  Result<std::string> reserve(std::string name, std::string_view identity, bool top) {
    known_ = false;
    for (int n = 2;; ++n) {
      const auto [at, fresh] = reader_.names_.emplace(name, identity);
      if (fresh) break;
      if (at->second == identity) {
        known_ = true;
        return name;
      }
      if (top && n == 2)
        name = type_name(identity);
      else
        name = name + std::to_string(n);
    }
    if (reader_.names_.size() > kMaxStructs)
      return fail(Code::kResourceExhausted, fmt::format("more than {} types; name fewer kinds", kMaxStructs));
    return name;
  }

  Result<void> fill(const std::string& name, const Json& schema, std::size_t depth, bool top) {
    if (depth > kMaxSchemaDepth)
      return fail(Code::kResourceExhausted,
                  fmt::format("a schema is nested deeper than {}", kMaxSchemaDepth));
    const std::size_t index = reader_.schema_.structs.size();
    reader_.schema_.structs.push_back(
        {.name = name, .text = one_line(text_at(schema, "description")), .fields = {}});
    std::vector<Field> fields;
    const Json& properties = at(schema, "properties");
    if (properties.is_object()) {
      for (const auto& [key, value] : properties.items()) {
        // The runtime has them for every object.
        if (top && key == "metadata") continue;
        if (key.empty() || key.size() > kMaxFieldNameBytes) continue;
        Field field{.json = key, .type = {}, .text = one_line(text_at(value, "description"))};
        field.type = BERTH_TRY(type_of(value, name, key, depth + 1));
        fields.push_back(std::move(field));
      }
    }
    reader_.schema_.structs[index].fields = std::move(fields);
    return {};
  }

  Result<Type> type_of(const Json& schema, const std::string& owner, const std::string& field,
                       std::size_t depth) {
    if (depth > kMaxSchemaDepth)
      return fail(Code::kResourceExhausted,
                  fmt::format("a schema is nested deeper than {}", kMaxSchemaDepth));
    if (const std::string ref = text_at(schema, "$ref"); !ref.empty()) return referred(ref, depth);
    // OpenAPI v3 puts a reference with a default or a description into an allOf of one.
    if (const Json& all = at(schema, "allOf");
        all.is_array() && all.size() == 1 && at(all[0], "$ref").is_string())
      return referred(text_at(all[0], "$ref"), depth);
    const std::string type = text_at(schema, "type");
    if (at(schema, "x-kubernetes-int-or-string") == true || text_at(schema, "format") == "int-or-string")
      return Type{};
    if (type == "string") return Type{.kind = Type::Kind::kString, .name = {}, .element = {}};
    if (type == "boolean") return Type{.kind = Type::Kind::kBoolean, .name = {}, .element = {}};
    if (type == "integer") return Type{.kind = Type::Kind::kInteger, .name = {}, .element = {}};
    if (type == "number") return Type{.kind = Type::Kind::kNumber, .name = {}, .element = {}};
    if (type == "array")
      return Type{.kind = Type::Kind::kList,
                  .name = {},
                  .element = {BERTH_TRY(type_of(at(schema, "items"), owner, singular(field), depth + 1))}};
    if (const Json& values = at(schema, "additionalProperties"); values.is_object() && !values.empty())
      return Type{.kind = Type::Kind::kMap,
                  .name = {},
                  .element = {BERTH_TRY(type_of(values, owner, singular(field), depth + 1))}};
    if (const Json& properties = at(schema, "properties"); properties.is_object() && !properties.empty()) {
      std::string name = owner + type_name(field);
      const std::string identity = owner + "/" + field;
      name = BERTH_TRY(reserve(std::move(name), identity, false));
      if (!known_) BERTH_TRY(fill(name, schema, depth, false));
      return Type{.kind = Type::Kind::kStruct, .name = std::move(name), .element = {}};
    }
    return Type{};
  }

  Result<Type> referred(const std::string& ref, std::size_t depth) {
    constexpr std::string_view kPrefix = "#/components/schemas/";
    const std::string id = ref.starts_with(kPrefix) ? ref.substr(kPrefix.size()) : std::string();
    const Json& schema = at(components_, id);
    if (!schema.is_object())
      return fail(Code::kInvalidArgument, fmt::format("{} leads nowhere", manifest::shown(ref)));
    // Times and quantities are texts in disguise; numbers that may be texts are read as they stand.
    if (const Json& properties = at(schema, "properties"); !properties.is_object() || properties.empty()) {
      if (at(schema, "$ref").is_string() || at(schema, "allOf").is_array()) return Type{};
      if (at(schema, "oneOf").is_array() && !id.ends_with(".Quantity")) return Type{};
      if (id.ends_with(".Quantity")) return Type{.kind = Type::Kind::kString, .name = {}, .element = {}};
      return type_of(schema, type_name(id), "value", depth + 1);
    }
    if (id.ends_with("meta.v1.ObjectMeta"))
      return Type{.kind = Type::Kind::kStruct, .name = "Metadata", .element = {}};
    const auto dot = id.rfind('.');
    std::string name = BERTH_TRY(reserve(type_name(dot == id.npos ? id : id.substr(dot + 1)), id, true));
    if (!known_) BERTH_TRY(fill(name, schema, depth, false));
    return Type{.kind = Type::Kind::kStruct, .name = std::move(name), .element = {}};
  }

  SchemaReader& reader_;
  const Json& components_;
  bool known_ = false;
};

Result<void> SchemaReader::add_crds(std::string_view text, const std::string& file) {
  if (text.size() > kMaxSchemaBytes)
    return fail(Code::kResourceExhausted,
                fmt::format("{} has more than {} MiB", file, kMaxSchemaBytes >> 20));
  bool any = false;
  for (const std::string_view document : documents(text)) {
    manifest::Problems problems(file);
    const auto value = manifest::parse_yaml(document, problems);
    if (!value || !problems.empty()) return fail(problems.to_error());
    const Json crd = to_json(*value);
    if (text_at(crd, "kind") != "CustomResourceDefinition") continue;
    const Json& spec = at(crd, "spec");
    const std::string group = text_at(spec, "group");
    const std::string kind = text_at(at(spec, "names"), "kind");
    const std::string plural = text_at(at(spec, "names"), "plural");
    if (!is_name(group) || kind.empty() || !is_name(plural))
      return fail(Code::kInvalidArgument, fmt::format("{}: a CustomResourceDefinition without spec.group, "
                                                      "spec.names.kind or spec.names.plural",
                                                      file));
    if (const Json& versions = at(spec, "versions"); versions.is_array()) {
      for (const Json& version : versions) {
        if (at(version, "served") == false) continue;
        const std::string name = text_at(version, "name");
        const Json& schema = at(at(version, "schema"), "openAPIV3Schema");
        if (!is_name(name) || !schema.is_object())
          return fail(Code::kInvalidArgument, fmt::format("{}: {}.{} has a version without a name or without "
                                                          "schema.openAPIV3Schema",
                                                          file, plural, group));
        const std::string identity = fmt::format("{}.{}/{}", plural, group, name);
        const bool several =
            std::ranges::count_if(versions, [](const Json& v) { return at(v, "served") != false; }) > 1;
        auto object = Types(*this, {}).object(type_name(kind) + (several ? type_name(name) : ""), schema,
                                              identity, true);
        if (!object) return fail(std::move(object).error().context(fmt::format("{}: {}", file, identity)));
        schema_.kinds.push_back({group, name, plural, *std::move(object),
                                 plural_of_kind(kind, plural) + (several ? type_name(name) : "")});
        any = true;
      }
    }
  }
  if (!any)
    return fail(Code::kInvalidArgument,
                fmt::format("{} holds no CustomResourceDefinition that is served", file));
  return {};
}

Result<void> SchemaReader::add_openapi(std::string_view text, const Wanted& wanted,
                                       const std::string& origin) {
  if (text.size() > kMaxSchemaBytes)
    return fail(Code::kResourceExhausted,
                fmt::format("{} has more than {} MiB", origin, kMaxSchemaBytes >> 20));
  const Json document = Json::parse(text, nullptr, false);
  if (!document.is_object()) return fail(Code::kInvalidArgument, fmt::format("{} is no JSON object", origin));
  const Json& components = at(at(document, "components"), "schemas");
  const Json& paths = at(document, "paths");
  if (paths.is_object()) {
    // What GET …/PLURAL/{name} answers with.
    const std::string end = fmt::format("/{}/{{name}}", wanted.plural);
    for (const auto& [path, item] : paths.items()) {
      if (!path.ends_with(end) || path.find("/watch/") != path.npos) continue;
      const Json& get = at(item, "get");
      const Json& kind = at(get, "x-kubernetes-group-version-kind");
      const std::string version = text_at(kind, "version");
      if (!is_name(version) || text_at(kind, "group") != wanted.group ||
          (!wanted.version.empty() && version != wanted.version))
        continue;
      const Json& schema =
          at(at(at(at(at(get, "responses"), "200"), "content"), "application/json"), "schema");
      const std::string ref = text_at(schema, "$ref");
      const std::string id =
          ref.substr(std::min(ref.size(), std::string_view("#/components/schemas/").size()));
      if (!at(components, id).is_object()) continue;
      auto object =
          Types(*this, components).object(type_name(text_at(kind, "kind")), at(components, id), id, true);
      if (!object) return fail(std::move(object).error().context(wanted.to_string()));
      std::string accessor = plural_of_kind(text_at(kind, "kind"), wanted.plural);
      const bool taken =
          std::ranges::any_of(schema_.kinds, [&](const Kind& k) { return k.accessor == accessor; });
      if (taken) accessor += type_name(wanted.group) + type_name(version);
      schema_.kinds.push_back(
          {wanted.group, version, wanted.plural, *std::move(object), std::move(accessor)});
      return {};
    }
  }
  return fail(Code::kNotFound, fmt::format("{} describes no {}", origin, wanted.to_string()));
}

}  // namespace berth::kubernetes::codegen
