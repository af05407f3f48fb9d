// CppTypes: spellings.
#include "bindgen/cpp_types.h"

#include <algorithm>
#include <map>

namespace berth::bindgen {

namespace {

std::string primitive(const std::string& name) {
  static const std::map<std::string, std::string> kNames = {
      {"bool", "bool"},          {"s8", "std::int8_t"},   {"u8", "std::uint8_t"},   {"s16", "std::int16_t"},
      {"u16", "std::uint16_t"},  {"s32", "std::int32_t"}, {"u32", "std::uint32_t"}, {"s64", "std::int64_t"},
      {"u64", "std::uint64_t"},  {"f32", "float"},        {"f64", "double"},        {"char", "char32_t"},
      {"string", "std::string"},
  };
  return kNames.at(name);
}

}  // namespace

CppTypes::CppTypes(const Wit& wit, std::string root) : wit_(wit), root_(std::move(root)) {}

bool CppTypes::versions_clash(int interface) const {
  const auto path = [&](int i) {
    const std::string& p =
        wit_.packages[static_cast<std::size_t>(wit_.interfaces[static_cast<std::size_t>(i)].package)];
    return p.substr(0, p.find('@'));
  };
  const int package = wit_.interfaces[static_cast<std::size_t>(interface)].package;
  return std::ranges::any_of(wit_.world.interfaces, [&](int other) {
    const int p = wit_.interfaces[static_cast<std::size_t>(other)].package;
    return p >= 0 && p != package && path(other) == path(interface);
  });
}

std::string CppTypes::package_space(int interface) const {
  const Interface& i = wit_.interfaces[static_cast<std::size_t>(interface)];
  if (i.package < 0) return root_;
  const std::string& package = wit_.packages[static_cast<std::size_t>(i.package)];
  const std::size_t colon = package.find(':');
  const std::size_t at = package.find('@');
  std::string name = snake(package.substr(colon + 1, at - colon - 1));
  if (at != std::string::npos && versions_clash(interface))
    for (const char c : package.substr(at))
      name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return root_ + "::" + snake(package.substr(0, colon)) + "::" + name;
}

std::string CppTypes::type_space(int interface) const {
  return package_space(interface) + "::" + snake(wit_.interfaces[static_cast<std::size_t>(interface)].name);
}

std::string CppTypes::space_of(const Type& type) const {
  return type.owner.kind == OwnerKind::kInterface ? type_space(type.owner.id) : root_;
}

std::string CppTypes::interface_class(int interface) const {
  return "::" + package_space(interface) +
         "::" + pascal(wit_.interfaces[static_cast<std::size_t>(interface)].name);
}

std::string CppTypes::named(int type) const {
  const Type& t = wit_.types[static_cast<std::size_t>(type)];
  return "::" + space_of(t) + "::" + pascal(t.name);
}

const Type* CppTypes::strip(const TypeRef& type) const {
  TypeRef ref = type;
  while (ref.id >= 0) {
    const Type& t = wit_.types[static_cast<std::size_t>(ref.id)];
    if (t.kind != Kind::kAlias) return &t;
    ref = t.first;
  }
  return nullptr;
}

std::string CppTypes::owned(const TypeRef& type) const {
  if (type.id < 0) return primitive(type.primitive);
  const Type& t = wit_.types[static_cast<std::size_t>(type.id)];
  switch (t.kind) {
    // Aliases are spelled out: one to a resource would hide that a handle is meant.
    case Kind::kAlias: return owned(t.first);
    case Kind::kResource: return "std::unique_ptr<" + named(type.id) + ">";
    case Kind::kOwn: return "std::unique_ptr<" + named(resolve_alias(wit_, t.first.id)) + ">";
    case Kind::kBorrow: return named(resolve_alias(wit_, t.first.id)) + "*";
    case Kind::kRecord:
    case Kind::kVariant:
    case Kind::kEnum:
    case Kind::kFlags: return named(type.id);
    case Kind::kTuple: {
      std::string out;
      for (const Field& f : t.fields) out += (out.empty() ? "" : ", ") + owned(f.type);
      return "std::tuple<" + out + ">";
    }
    case Kind::kList: return "std::vector<" + owned(t.first) + ">";
    case Kind::kOption: return "std::optional<" + owned(t.first) + ">";
    case Kind::kResult:
      return "std::expected<" + result(t.first) + ", " +
             (t.second.none() ? "std::monostate" : owned(t.second)) + ">";
  }
  return {};
}

bool CppTypes::contains_own(const TypeRef& type) const {
  const Type* t = strip(type);
  if (t == nullptr) return false;
  if (t->kind == Kind::kOwn || t->kind == Kind::kResource) return true;
  if (t->kind == Kind::kBorrow) return false;
  return std::ranges::any_of(t->fields, [&](const Field& f) { return contains_own(f.type); }) ||
         contains_own(t->first) || contains_own(t->second);
}

std::string CppTypes::parameter(const TypeRef& type) const {
  const Type* t = strip(type);
  if (t == nullptr) {
    const std::string name = owned(type);
    return name == "std::string" ? "std::string_view" : name;
  }
  const std::string name = owned(type);
  if (t->kind == Kind::kBorrow) return name.substr(0, name.size() - 1) + "&";
  if (contains_own(type) || t->kind == Kind::kEnum || t->kind == Kind::kFlags) return name;
  if (t->kind == Kind::kList && name != "std::vector<bool>") {
    const std::string element = owned(t->first);
    return element.ends_with('*') ? "std::span<" + element + " const>" : "std::span<const " + element + ">";
  }
  return "const " + name + "&";
}

std::string CppTypes::async_parameter(const TypeRef& type) const {
  const Type* t = strip(type);
  const std::string name = owned(type);
  return t != nullptr && t->kind == Kind::kBorrow ? name.substr(0, name.size() - 1) + "&" : name;
}

std::string enum_bits(std::size_t cases) {
  return cases <= 256 ? "std::uint8_t" : cases <= 65'536 ? "std::uint16_t" : "std::uint32_t";
}

std::string flag_bits(std::size_t flags) {
  return flags <= 8 ? "std::uint8_t" : flags <= 16 ? "std::uint16_t" : "std::uint32_t";
}

}  // namespace berth::bindgen
