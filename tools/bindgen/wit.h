// The resolved WIT a world is made of, as plain structs (from wasm-tools' JSON).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace berth::bindgen {

// A use of a type: nothing, a primitive by its WIT name, or Wit::types[id].
struct TypeRef {
  std::string primitive;
  int id = -1;
  [[nodiscard]] bool none() const { return id < 0 && primitive.empty(); }
};

// A record field, a variant case, an enum case, a flag, a tuple element, a parameter.
struct Field {
  std::string name;
  TypeRef type;
  std::string docs;
};

enum class Kind {
  kRecord,
  kVariant,
  kEnum,
  kFlags,
  kTuple,
  kList,
  kOption,
  kResult,
  kOwn,
  kBorrow,
  kResource,
  kAlias
};

enum class OwnerKind { kNone, kInterface, kWorld };
struct Owner {
  OwnerKind kind = OwnerKind::kNone;
  int id = -1;
};

struct Type {
  std::string name;  // empty: anonymous
  Kind kind = Kind::kAlias;
  std::vector<Field> fields;  // record, variant, enum, flags, tuple
  TypeRef first;              // element, ok, resource of a handle, target of an alias
  TypeRef second;             // error
  Owner owner;
  std::string docs;
};

enum class FuncKind { kFree, kMethod, kStatic, kConstructor };
struct Func {
  std::string name;  // as in the binary: "get", "[method]bucket.get"
  FuncKind kind = FuncKind::kFree;
  int resource = -1;
  std::vector<Field> params;  // with self for a method
  TypeRef result;
  std::string docs;
};

struct Interface {
  std::string name;  // "store"; for one written inside the world, its name there
  int package = -1;  // -1: written inside the world
  std::vector<int> types;
  std::vector<Func> funcs;
  std::string docs;
  bool imported = false;  // by the world
  bool exported = false;
};

struct World {
  std::string name;
  int package = -1;
  std::vector<int> interfaces;  // used by the world, dependencies first
  std::vector<int> types;       // defined or used in the world itself
  std::vector<Func> imports;    // functions at the root
  std::vector<Func> exports;
};

struct Wit {
  std::vector<Type> types;  // dependencies first
  std::vector<Interface> interfaces;
  std::vector<std::string> packages;  // "ns:pkg@1.0.0"
  World world;
};

// Reads what `wasm-tools component wit --json` printed and picks `world` ("name" or
// "ns:pkg/name"). kNotFound lists the worlds there are; kInvalidArgument names what is not supported
// (streams, futures, asynchronous functions of WIT 0.3) and where.
[[nodiscard]] Result<Wit> read_wit(std::string_view json, std::string_view world);

// "ns:pkg/iface@1.0.0"; the plain name for an interface written inside the world.
[[nodiscard]] std::string interface_id(const Wit& wit, int interface);
// "ns:pkg/iface", as structural types name interfaces.
[[nodiscard]] std::string interface_path(const Wit& wit, int interface);

// The type behind aliases.
[[nodiscard]] int resolve_alias(const Wit& wit, int type);

// Structural text, as berth_engine.h defines it.
[[nodiscard]] std::string type_text(const Wit& wit, const TypeRef& type);
[[nodiscard]] std::string func_text(const Wit& wit, const Func& func);

}  // namespace berth::bindgen
