// CppTypes: how each WIT type is spelled in C++.
#pragma once

#include <string>
#include <vector>

#include "bindgen/names.h"
#include "bindgen/wit.h"

namespace berth::bindgen {

// Names and spellings of one world. Immutable after construction.
class CppTypes {
 public:
  CppTypes(const Wit& wit, std::string root);

  // "wit::store::wasi::keyvalue", where an interface's class is.
  [[nodiscard]] std::string package_space(int interface) const;
  // "wit::store::wasi::keyvalue::store", where its types are.
  [[nodiscard]] std::string type_space(int interface) const;
  // Namespace of a named type.
  [[nodiscard]] std::string space_of(const Type& type) const;
  [[nodiscard]] const std::string& root() const { return root_; }
  // "::wit::store::wasi::keyvalue::Store".
  [[nodiscard]] std::string interface_class(int interface) const;

  // Fully qualified name of a named type, and the owning spelling of any type.
  [[nodiscard]] std::string named(int type) const;
  [[nodiscard]] std::string owned(const TypeRef& type) const;
  // As the template arguments of Import and Call name a parameter (R* for a borrow).
  [[nodiscard]] std::string argument(const TypeRef& type) const { return owned(type); }
  // A parameter of a synchronous, and of an asynchronous function.
  [[nodiscard]] std::string parameter(const TypeRef& type) const;
  [[nodiscard]] std::string async_parameter(const TypeRef& type) const;
  // A result; "void" without.
  [[nodiscard]] std::string result(const TypeRef& type) const { return type.none() ? "void" : owned(type); }

  [[nodiscard]] bool contains_own(const TypeRef& type) const;
  // The type behind aliases; nullptr for a primitive.
  [[nodiscard]] const Type* strip(const TypeRef& type) const;

 private:
  [[nodiscard]] bool versions_clash(int interface) const;

  const Wit& wit_;
  std::string root_;
};

// Underlying type of an enum or a discriminant with this many cases, and of flags.
[[nodiscard]] std::string enum_bits(std::size_t cases);
[[nodiscard]] std::string flag_bits(std::size_t flags);

}  // namespace berth::bindgen
