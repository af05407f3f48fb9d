// FuncEmitter: classes with functions: resources, interfaces, and the callers of exports.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "bindgen/cpp_types.h"
#include "bindgen/text.h"
#include "bindgen/wit.h"

namespace berth::bindgen {

// One abstract class: of an interface, or of a side of the world's root (id "").
struct InterfaceText {
  std::string class_name;
  std::string id;
  std::string docs;
  const std::vector<Func>* funcs = nullptr;
  std::vector<int> resources;
  bool imported = false;
  bool exported = false;
};

class FuncEmitter {
 public:
  FuncEmitter(const Wit& wit, const CppTypes& cpp, const std::vector<std::string>& async);

  // The abstract class of one resource.
  void resource_class(Text& out, int type);
  void interface_class(Text& out, const InterfaceText& interface);
  // Table of exports, guest ends of resources, and the class that calls.
  void caller(Text& out, const InterfaceText& interface, const std::string& space);

  // kInvalidArgument naming an entry of `async` that matched no function.
  [[nodiscard]] Result<void> unused_async() const;

 private:
  // A function with its C++ names.
  struct Named {
    const Func* func;
    std::string id;          // of its interface
    std::string name;        // of the C++ method
    std::string fibre_name;  // of the fibre variant on the caller; empty when the method is asynchronous
    bool async = false;
  };
  [[nodiscard]] bool is_async(const std::string& id, const Func& func);
  [[nodiscard]] std::vector<Named> free_funcs(const InterfaceText& interface);
  [[nodiscard]] std::vector<Named> methods(int resource);
  [[nodiscard]] const std::vector<Func>& funcs_of(int resource) const;
  [[nodiscard]] std::string id_of(int resource) const;
  [[nodiscard]] bool exported(int resource) const;
  [[nodiscard]] std::string return_type(const Named& named) const;
  // "std::string_view key, ..." without self.
  [[nodiscard]] std::string parameters(const Named& named, bool async) const;
  // "::berth::abi::Call<R, Ps...>" and "Ps..." with self.
  [[nodiscard]] std::string call_type(const Func& func) const;
  [[nodiscard]] std::string argument_types(const Func& func) const;
  // What a caller passes on: ", key, std::move(value)".
  [[nodiscard]] std::string passed(const Func& func, bool async, const std::string& self) const;
  void add_line(Text& out, const Func& func, const std::string& method) const;
  void handle_class(Text& out, int resource, const std::string& table);

  const Wit& wit_;
  const CppTypes& cpp_;
  std::vector<std::string> async_;
  std::set<std::string> async_used_;
};

}  // namespace berth::bindgen
