// Wit: reading wasm-tools' JSON.
#include "bindgen/wit.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace berth::bindgen {

namespace {

using Json = nlohmann::ordered_json;

std::unexpected<Error> unsupported(std::string_view where, std::string_view what) {
  return fail(Code::kInvalidArgument,
              std::string(where) + ": " + std::string(what) +
                  " is not supported by berth-bindgen; berth runs WIT 0.2 components");
}
std::unexpected<Error> malformed(std::string_view where) {
  return fail(Code::kInternal, "wasm-tools printed JSON that is not understood, at " + std::string(where));
}

// "" where there is none.
std::string text(const Json& j, const char* key) {
  const auto it = j.find(key);
  return it != j.end() && it->is_string() ? it->get<std::string>() : std::string();
}
std::string docs_of(const Json& j) {
  const auto it = j.find("docs");
  return it != j.end() && it->is_object() ? text(*it, "contents") : std::string();
}

Result<TypeRef> read_ref(const Json& j, std::string_view where) {
  if (j.is_null()) return TypeRef{};
  if (j.is_number_integer()) return TypeRef{"", j.get<int>()};
  if (!j.is_string()) return malformed(where);
  auto name = j.get<std::string>();
  if (name == "error-context") return unsupported(where, "error-context");
  return TypeRef{std::move(name), -1};
}

Result<std::vector<Field>> read_fields(const Json& list, std::string_view where) {
  std::vector<Field> out;
  for (const Json& j : list) {
    Field f;
    if (j.is_object()) {
      f.name = text(j, "name");
      f.docs = docs_of(j);
      if (const auto it = j.find("type"); it != j.end()) f.type = BERTH_TRY(read_ref(*it, where));
    } else {
      f.type = BERTH_TRY(read_ref(j, where));
    }
    out.push_back(std::move(f));
  }
  return out;
}

// The first use of a type that has no name of its own is unknown here, so errors about streams name
// the type's number; read_func improves on that.
Result<void> read_kind(const Json& kind, std::string_view where, Type& out) {
  if (kind.is_string()) {
    if (kind == "resource") {
      out.kind = Kind::kResource;
      return {};
    }
    return unsupported(where, "the type \"" + kind.get<std::string>() + "\"");
  }
  if (!kind.is_object() || kind.empty()) return malformed(where);
  const std::string& name = kind.begin().key();
  const Json& body = kind.begin().value();
  const auto fields = [&](Kind k, const char* key) -> Result<void> {
    out.kind = k;
    if (!body.contains(key)) return malformed(where);
    out.fields = BERTH_TRY(read_fields(body[key], where));
    return {};
  };
  const auto one = [&](Kind k) -> Result<void> {
    out.kind = k;
    out.first = BERTH_TRY(read_ref(body, where));
    return {};
  };
  if (name == "record") return fields(Kind::kRecord, "fields");
  if (name == "variant") return fields(Kind::kVariant, "cases");
  if (name == "enum") return fields(Kind::kEnum, "cases");
  if (name == "flags") {
    BERTH_TRY(fields(Kind::kFlags, "flags"));
    if (out.fields.size() > 32) return unsupported(where, "a flags type with more than 32 flags");
    return {};
  }
  if (name == "tuple") return fields(Kind::kTuple, "types");
  if (name == "list") return one(Kind::kList);
  if (name == "option") return one(Kind::kOption);
  if (name == "type") return one(Kind::kAlias);
  if (name == "result") {
    out.kind = Kind::kResult;
    out.first = BERTH_TRY(read_ref(body.value("ok", Json()), where));
    out.second = BERTH_TRY(read_ref(body.value("err", Json()), where));
    return {};
  }
  if (name == "handle" && body.is_object() && !body.empty()) {
    out.kind = body.begin().key() == "own" ? Kind::kOwn : Kind::kBorrow;
    out.first = BERTH_TRY(read_ref(body.begin().value(), where));
    return {};
  }
  return unsupported(where,
                     name == "fixed-length-list" ? "a list of fixed length" : "the type \"" + name + "\"");
}

Result<Func> read_func(const Json& j, const std::string& scope) {
  Func f;
  f.name = text(j, "name");
  f.docs = docs_of(j);
  const std::string where = "function " + (scope.empty() ? f.name : scope + "#" + f.name);
  const Json kind = j.value("kind", Json());
  std::string kind_name = kind.is_object() && !kind.empty() ? kind.begin().key()
                          : kind.is_string()                ? kind.get<std::string>()
                                                            : "";
  if (kind_name.starts_with("async")) return unsupported(where, "an \"async func\"");
  if (kind_name == "method")
    f.kind = FuncKind::kMethod;
  else if (kind_name == "static")
    f.kind = FuncKind::kStatic;
  else if (kind_name == "constructor")
    f.kind = FuncKind::kConstructor;
  else if (kind_name != "freestanding")
    return unsupported(where, "the kind \"" + kind_name + "\"");
  if (kind.is_object()) f.resource = kind.begin().value().get<int>();
  f.params = BERTH_TRY(read_fields(j.value("params", Json::array()), where));
  f.result = BERTH_TRY(read_ref(j.value("result", Json()), where));
  return f;
}

// Name and error of the types that cannot be read; only an error when the world uses them.
using Unreadable = std::vector<std::pair<int, Error>>;

const Error* find_unreadable(const Wit& wit, const Unreadable& bad, const TypeRef& ref) {
  if (ref.id < 0) return nullptr;
  for (const auto& [id, error] : bad)
    if (id == ref.id) return &error;
  const Type& t = wit.types[static_cast<std::size_t>(ref.id)];
  for (const Field& f : t.fields)
    if (const Error* e = find_unreadable(wit, bad, f.type)) return e;
  if (const Error* e = find_unreadable(wit, bad, t.first)) return e;
  return find_unreadable(wit, bad, t.second);
}

Result<void> check_func(const Wit& wit, const Unreadable& bad, const std::string& scope, const Func& f) {
  const auto check = [&](const TypeRef& ref) -> Result<void> {
    if (const Error* e = find_unreadable(wit, bad, ref))
      return fail(Error(*e).context("function " + (scope.empty() ? f.name : scope + "#" + f.name)));
    return {};
  };
  for (const Field& p : f.params) BERTH_TRY(check(p.type));
  return check(f.result);
}

Result<std::size_t> pick_world(const Json& j, const Wit& wit, std::string_view wanted) {
  std::vector<std::size_t> found;
  std::string known;
  std::size_t i = 0;
  for (const Json& w : j["worlds"]) {
    const std::string name = text(w, "name");
    std::string package = wit.packages.at(w.value("package", Json(0)).get<std::size_t>());
    package = package.substr(0, package.find('@'));
    const std::string full = package + "/" + name;
    if (wanted == name || wanted == full) found.push_back(i);
    known += (known.empty() ? "" : ", ") + full;
    ++i;
  }
  if (found.size() == 1) return found[0];
  if (found.empty())
    return fail(Code::kNotFound, "no world \"" + std::string(wanted) + "\"; there are: " + known);
  return fail(Code::kInvalidArgument,
              "several worlds are called \"" + std::string(wanted) + "\"; write one of: " + known);
}

Result<void> read_world(const Json& w, Wit& wit) {
  World& world = wit.world;
  world.name = text(w, "name");
  world.package = w.value("package", Json(-1)).get<int>();
  for (const char* side : {"imports", "exports"}) {
    const bool imports = std::string_view(side) == "imports";
    for (const auto& [key, item] : w[side].items()) {
      if (item.contains("interface")) {
        const int id = item["interface"]["id"].get<int>();
        Interface& i = wit.interfaces.at(static_cast<std::size_t>(id));
        if (i.name.empty()) i.name = key, i.package = -1;
        (imports ? i.imported : i.exported) = true;
        if (std::ranges::find(world.interfaces, id) == world.interfaces.end()) world.interfaces.push_back(id);
      } else if (item.contains("function")) {
        (imports ? world.imports : world.exports).push_back(BERTH_TRY(read_func(item["function"], "")));
      } else if (item.contains("type")) {
        world.types.push_back(item["type"].get<int>());
      }
    }
  }
  std::ranges::sort(world.interfaces);
  return {};
}

Result<Wit> read(const Json& j, std::string_view world) {
  Wit wit;
  for (const char* key : {"worlds", "interfaces", "types", "packages"})
    if (!j.contains(key) || !j[key].is_array()) return malformed(key);
  for (const Json& p : j["packages"]) wit.packages.push_back(text(p, "name"));
  const Json& w = j["worlds"][BERTH_TRY(pick_world(j, wit, world))];

  Unreadable bad;
  for (const Json& t : j["types"]) {
    const int id = static_cast<int>(wit.types.size());
    Type type;
    type.name = text(t, "name");
    type.docs = docs_of(t);
    if (const auto it = t.find("owner"); it != t.end() && it->is_object() && !it->empty()) {
      type.owner.kind = it->begin().key() == "interface" ? OwnerKind::kInterface : OwnerKind::kWorld;
      type.owner.id = it->begin().value().get<int>();
    }
    const std::string where = type.name.empty() ? "a nested type" : "type " + type.name;
    if (auto r = read_kind(t.value("kind", Json()), where, type); !r)
      bad.emplace_back(id, std::move(r).error());
    wit.types.push_back(std::move(type));
  }

  // Functions are read only for interfaces the world uses: others may be of WIT 0.3.
  for (const Json& i : j["interfaces"]) {
    Interface interface;
    interface.name = text(i, "name");
    interface.docs = docs_of(i);
    if (i.contains("package") && i["package"].is_number_integer())
      interface.package = i["package"].get<int>();
    for (const auto& [name, id] : i.value("types", Json::object()).items())
      interface.types.push_back(id.get<int>());
    wit.interfaces.push_back(std::move(interface));
  }
  BERTH_TRY(read_world(w, wit));
  for (const int id : wit.world.interfaces) {
    Interface& interface = wit.interfaces[static_cast<std::size_t>(id)];
    const std::string scope = interface_id(wit, id);
    for (const auto& [name, f] : j["interfaces"][static_cast<std::size_t>(id)]["functions"].items()) {
      interface.funcs.push_back(BERTH_TRY(read_func(f, scope)));
      BERTH_TRY(check_func(wit, bad, scope, interface.funcs.back()));
    }
    for (const int t : interface.types)
      if (const Error* e = find_unreadable(wit, bad, TypeRef{"", t}))
        return fail(Error(*e).context("interface " + scope));
  }
  for (const auto* funcs : {&wit.world.imports, &wit.world.exports})
    for (const Func& f : *funcs) BERTH_TRY(check_func(wit, bad, "", f));
  return wit;
}

}  // namespace

Result<Wit> read_wit(std::string_view json, std::string_view world) {
  const Json j = Json::parse(json, nullptr, false);
  if (!j.is_object()) return malformed("the start");
  try {
    return read(j, world);
  } catch (const std::exception& e) {  // nlohmann's and at()'s
    return malformed(e.what());
  }
}

std::string interface_id(const Wit& wit, int interface) {
  const Interface& i = wit.interfaces[static_cast<std::size_t>(interface)];
  if (i.package < 0) return i.name;
  const std::string& package = wit.packages[static_cast<std::size_t>(i.package)];
  const std::size_t at = package.find('@');
  if (at == std::string::npos) return package + "/" + i.name;
  return package.substr(0, at) + "/" + i.name + package.substr(at);
}

std::string interface_path(const Wit& wit, int interface) {
  const std::string id = interface_id(wit, interface);
  return id.substr(0, id.find('@'));
}

int resolve_alias(const Wit& wit, int type) {
  const Type* t = &wit.types[static_cast<std::size_t>(type)];
  while (t->kind == Kind::kAlias && t->first.id >= 0) {
    type = t->first.id;
    t = &wit.types[static_cast<std::size_t>(type)];
  }
  return type;
}

namespace {

std::string names(const std::vector<Field>& fields) {
  std::string out;
  for (const Field& f : fields) out += (out.empty() ? "" : ", ") + f.name;
  return out;
}

std::string resource_text(const Wit& wit, int type) {
  const Type& t = wit.types[static_cast<std::size_t>(resolve_alias(wit, type))];
  return (t.owner.kind == OwnerKind::kInterface ? interface_path(wit, t.owner.id) : std::string()) + "#" +
         t.name;
}

}  // namespace

std::string type_text(const Wit& wit, const TypeRef& ref) {
  if (ref.id < 0) return ref.primitive;
  const Type& t = wit.types[static_cast<std::size_t>(ref.id)];
  std::string out;
  switch (t.kind) {
    case Kind::kAlias: return type_text(wit, t.first);
    case Kind::kRecord:
      for (const Field& f : t.fields)
        out += (out.empty() ? "" : ", ") + f.name + ": " + type_text(wit, f.type);
      return "record{" + out + "}";
    case Kind::kVariant:
      for (const Field& f : t.fields)
        out += (out.empty() ? "" : ", ") + f.name + (f.type.none() ? "" : "(" + type_text(wit, f.type) + ")");
      return "variant{" + out + "}";
    case Kind::kEnum: return "enum{" + names(t.fields) + "}";
    case Kind::kFlags: return "flags{" + names(t.fields) + "}";
    case Kind::kTuple:
      for (const Field& f : t.fields) out += (out.empty() ? "" : ", ") + type_text(wit, f.type);
      return "tuple<" + out + ">";
    case Kind::kList: return "list<" + type_text(wit, t.first) + ">";
    case Kind::kOption: return "option<" + type_text(wit, t.first) + ">";
    case Kind::kResult:
      if (t.second.none()) return t.first.none() ? "result" : "result<" + type_text(wit, t.first) + ">";
      return "result<" + (t.first.none() ? "_" : type_text(wit, t.first)) + ", " + type_text(wit, t.second) +
             ">";
    case Kind::kOwn: return "own<" + resource_text(wit, t.first.id) + ">";
    case Kind::kBorrow: return "borrow<" + resource_text(wit, t.first.id) + ">";
    // A resource named as a type is an own handle.
    case Kind::kResource: return "own<" + resource_text(wit, ref.id) + ">";
  }
  return out;
}

std::string func_text(const Wit& wit, const Func& func) {
  std::string out = "func(";
  for (const Field& p : func.params)
    out += (out.ends_with('(') ? "" : ", ") + p.name + ": " + type_text(wit, p.type);
  out += ")";
  if (!func.result.none()) out += " -> " + type_text(wit, func.result);
  return out;
}

}  // namespace berth::bindgen
