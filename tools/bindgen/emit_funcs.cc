// FuncEmitter: methods, linking lines and callers.
#include "bindgen/emit_funcs.h"

#include <algorithm>

#include "bindgen/names.h"

namespace berth::bindgen {

namespace {

// "get" of "[method]bucket.get" and "[static]bucket.get"; the resource's name for a constructor.
std::string short_name(const Func& f) {
  const std::size_t bracket = f.name.find(']');
  const std::string rest = bracket == std::string::npos ? f.name : f.name.substr(bracket + 1);
  const std::size_t dot = rest.find('.');
  return dot == std::string::npos || bracket == std::string::npos ? rest : rest.substr(dot + 1);
}

std::string quoted(const std::string& s) { return "\"" + s + "\""; }

// Member names that generated classes use themselves.
const std::set<std::string> kInterfaceMembers = {"add_to_linker", "create", "check"};
const std::set<std::string> kResourceMembers = {"berth_wrap", "berth_guest_handle"};

}  // namespace

FuncEmitter::FuncEmitter(const Wit& wit, const CppTypes& cpp, const std::vector<std::string>& async)
    : wit_(wit), cpp_(cpp), async_(async) {}

bool FuncEmitter::is_async(const std::string& id, const Func& func) {
  const std::string path = id.substr(0, id.find('@'));
  const std::string brief = path.substr(path.find('/') == std::string::npos ? 0 : path.find('/') + 1);
  const std::size_t bracket = func.name.find(']');
  const std::string plain = bracket == std::string::npos ? func.name : func.name.substr(bracket + 1);
  bool found = false;
  for (const std::string& entry : async_) {
    const std::size_t hash = entry.find('#');
    const std::string iface = entry.substr(0, hash);
    if (iface != id && iface != path && iface != brief) continue;
    const std::string name = hash == std::string::npos ? std::string() : entry.substr(hash + 1);
    if (hash != std::string::npos && name != func.name && name != plain) continue;
    async_used_.insert(entry);
    found = true;
  }
  return found;
}

Result<void> FuncEmitter::unused_async() const {
  for (const std::string& entry : async_)
    if (!async_used_.contains(entry))
      return fail(Code::kInvalidArgument, "--async " + entry +
                                              ": the world has no such function; write iface#func, iface, or "
                                              "iface#resource.method, with the names of the WIT");
  return {};
}

const std::vector<Func>& FuncEmitter::funcs_of(int resource) const {
  const Type& t = wit_.types[static_cast<std::size_t>(resource)];
  return t.owner.kind == OwnerKind::kInterface ? wit_.interfaces[static_cast<std::size_t>(t.owner.id)].funcs
                                               : wit_.world.imports;
}
std::string FuncEmitter::id_of(int resource) const {
  const Type& t = wit_.types[static_cast<std::size_t>(resource)];
  return t.owner.kind == OwnerKind::kInterface ? interface_id(wit_, t.owner.id) : std::string();
}
bool FuncEmitter::exported(int resource) const {
  const Type& t = wit_.types[static_cast<std::size_t>(resource)];
  return t.owner.kind == OwnerKind::kInterface &&
         wit_.interfaces[static_cast<std::size_t>(t.owner.id)].exported;
}

std::vector<FuncEmitter::Named> FuncEmitter::free_funcs(const InterfaceText& interface) {
  Scope scope(kInterfaceMembers);
  std::vector<Named> out;
  for (const Func& f : *interface.funcs) {
    if (f.kind == FuncKind::kMethod) continue;
    std::string name = snake(short_name(f));
    if (f.kind != FuncKind::kFree) {
      const std::string resource = wit_.types[static_cast<std::size_t>(f.resource)].name;
      name =
          f.kind == FuncKind::kConstructor ? snake("new-" + resource) : snake(resource + "-" + short_name(f));
    }
    Named n{&f, interface.id, scope.claim(std::move(name)), "", is_async(interface.id, f)};
    out.push_back(std::move(n));
  }
  for (Named& n : out)
    if (!n.async) n.fibre_name = scope.claim(n.name + "_async");
  return out;
}

std::vector<FuncEmitter::Named> FuncEmitter::methods(int resource) {
  Scope scope(kResourceMembers);
  std::vector<Named> out;
  for (const Func& f : funcs_of(resource)) {
    if (f.kind != FuncKind::kMethod || f.resource != resource) continue;
    out.push_back({&f, id_of(resource), scope.claim(snake(short_name(f))), "", is_async(id_of(resource), f)});
  }
  for (Named& n : out)
    if (!n.async)
      n.fibre_name = snake(wit_.types[static_cast<std::size_t>(resource)].name) + "_" + n.name + "_async";
  return out;
}

std::string FuncEmitter::return_type(const Named& n) const {
  const std::string result = "::berth::Result<" + cpp_.result(n.func->result) + ">";
  return n.async ? "::berth::Task<" + result + ">" : result;
}

std::string FuncEmitter::parameters(const Named& n, bool async) const {
  std::string out;
  Scope scope;
  for (std::size_t i = n.func->kind == FuncKind::kMethod ? 1 : 0; i < n.func->params.size(); ++i) {
    const Field& p = n.func->params[i];
    out += (out.empty() ? "" : ", ") + (async ? cpp_.async_parameter(p.type) : cpp_.parameter(p.type)) + " " +
           scope.claim(snake(p.name));
  }
  return out;
}

std::string FuncEmitter::argument_types(const Func& func) const {
  std::string out;
  for (const Field& p : func.params) out += ", " + cpp_.argument(p.type);
  return out;
}

std::string FuncEmitter::call_type(const Func& func) const {
  return "::berth::abi::Call<" + cpp_.result(func.result) + argument_types(func) + ">";
}

std::string FuncEmitter::passed(const Func& func, bool async, const std::string& self) const {
  std::string out;
  Scope scope;
  for (std::size_t i = 0; i < func.params.size(); ++i) {
    const Field& p = func.params[i];
    if (i == 0 && func.kind == FuncKind::kMethod) {
      out += ", " + (async ? "&" + self : self);
      continue;
    }
    const std::string name = scope.claim(snake(p.name));
    const Type* t = cpp_.strip(p.type);
    if (t != nullptr && t->kind == Kind::kBorrow)
      out += ", " + (async ? "&" + name : name);
    else if (async || cpp_.contains_own(p.type))
      out += ", std::move(" + name + ")";
    else
      out += ", " + name;
  }
  return out;
}

void FuncEmitter::resource_class(Text& out, int resource) {
  const Type& t = wit_.types[static_cast<std::size_t>(resource)];
  const std::string name = pascal(t.name);
  const std::string path =
      t.owner.kind == OwnerKind::kInterface ? interface_path(wit_, t.owner.id) : std::string();
  out.docs(t.docs);
  out.line("class " + name + " : public ::berth::abi::Resource {\n public:");
  out.line("  static constexpr std::string_view kWitName = " + quoted(path + "#" + t.name) + ";");
  out.line(std::string("  static constexpr bool kGuest = ") + (exported(resource) ? "true" : "false") + ";");
  if (exported(resource))
    out.line("  [[nodiscard]] static std::unique_ptr<" + name +
             "> berth_wrap(::berth::abi::GuestHandle handle);");
  for (const Named& n : methods(resource)) {
    out.docs(n.func->docs, "  ");
    out.line("  [[nodiscard]] virtual " + return_type(n) + " " + n.name + "(" + parameters(n, n.async) +
             ") = 0;");
  }
  out.line("};\n");
}

void FuncEmitter::add_line(Text& out, const Func& func, const std::string& method) const {
  out.line("    BERTH_TRY((::berth::abi::Import<Get, &" + method + argument_types(func) +
           ">::add(\n        linker, kWitName, " + quoted(func.name) + ",\n        " +
           quoted(func_text(wit_, func)) + ", get)));");
}

void FuncEmitter::interface_class(Text& out, const InterfaceText& interface) {
  const std::vector<Named> funcs = free_funcs(interface);
  out.docs(interface.docs);
  if (!interface.docs.empty()) out.line("//");
  out.line(std::string("// ") +
           (interface.id.empty() ? "Functions at the root of the world" : "WIT interface " + interface.id) +
           ", " +
           (interface.imported && interface.exported ? "imported and exported"
            : interface.exported                     ? "exported"
                                                     : "imported") +
           ". An implementation's own rules say how it may be used across threads.");
  out.line("class " + interface.class_name + " {\n public:");
  out.line("  static constexpr std::string_view kWitName = " + quoted(interface.id) + ";");
  out.line("  virtual ~" + interface.class_name + "() = default;\n");
  for (const Named& n : funcs) {
    out.docs(n.func->docs, "  ");
    out.line("  [[nodiscard]] virtual " + return_type(n) + " " + n.name + "(" + parameters(n, n.async) +
             ") = 0;");
  }
  if (interface.imported) {
    out.line(
        "\n  // Offers this interface to components. get(InstanceState&) finds the implementation for an "
        "instance, or");
    out.line("  // nullptr; by default what the host gave it with InstanceState::provide.");
    out.line("  template <class Get = ::berth::abi::FromState<" + interface.class_name + ">>");
    out.line(
        "  [[nodiscard]] static ::berth::Result<void> add_to_linker(::berth::abi::Linker& linker, Get get = "
        "{}) {");
    for (const int r : interface.resources) {
      out.line("    BERTH_TRY(linker.add_resource(kWitName, " +
               quoted(wit_.types[static_cast<std::size_t>(r)].name) + "));");
      for (const Named& n : methods(r)) add_line(out, *n.func, cpp_.named(r) + "::" + n.name);
    }
    for (const Named& n : funcs) add_line(out, *n.func, interface.class_name + "::" + n.name);
    if (funcs.empty()) out.line("    (void)get;");
    out.line("    return {};\n  }");
  }
  out.line("};\n");
}

void FuncEmitter::caller(Text& out, const InterfaceText& interface, const std::string& space) {
  const std::string table = interface.class_name + "Table";
  const std::string name = interface.class_name + "Export";
  const std::vector<Named> funcs = free_funcs(interface);

  out.line("// The exports behind " + name + ", found and type-checked once for each Pre.\nstruct " + table +
           " {");
  std::string finds;
  for (std::size_t i = 0; i < interface.funcs->size(); ++i) {
    const Func& f = (*interface.funcs)[i];
    out.line("  ::berth::abi::Function f" + std::to_string(i) + ";  // " + f.name);
    finds += "    t.f" + std::to_string(i) + " = BERTH_TRY((" + call_type(f) + "::find(pre, " +
             interface.class_name + "::kWitName, " + quoted(f.name) + ",\n        " +
             quoted(func_text(wit_, f)) + ")));\n";
  }
  out.line("  [[nodiscard]] static ::berth::Result<" + table + "> create(const ::berth::abi::Pre& pre) {");
  out.line("    " + table + " t;\n" + finds + "    return t;\n  }\n};\n");

  for (const int r : interface.resources) handle_class(out, r, "::" + space + "::" + table);

  const auto index = [&](const Func& f) {
    return std::to_string(static_cast<std::size_t>(&f - interface.funcs->data()));
  };
  out.line("// Calls a guest's " + (interface.id.empty() ? "root functions" : interface.id) +
           ". Valid as long as the instance.");
  out.line("// One thread at a time: that of its instance.");
  out.line("class " + name + " final : public " + interface.class_name + " {\n public:");
  out.line("  // Whether the component has these exports with these types.");
  out.line("  [[nodiscard]] static ::berth::Result<void> check(const ::berth::abi::Pre& pre) {");
  out.line("    if (auto t = pre.bind<" + table +
           ">(); !t) return ::berth::fail(std::move(t).error());\n    return {};\n  }");
  out.line("  [[nodiscard]] static ::berth::Result<" + name + "> create(::berth::abi::Instance& instance) {");
  out.line("    return " + name + "(instance, *BERTH_TRY(instance.pre().bind<" + table + ">()));\n  }\n");
  for (const Named& n : funcs) {
    const std::string call = call_type(*n.func);
    const std::string head = "*instance_, table_->f" + index(*n.func);
    out.line("  [[nodiscard]] " + return_type(n) + " " + n.name + "(" + parameters(n, n.async) +
             ") override {");
    out.line("    return " + call + (n.async ? "::run_async(" : "::run(") + head +
             passed(*n.func, n.async, "") + ");\n  }");
    if (n.async) continue;
    Named fibre = n;
    fibre.async = true;
    out.line("  [[nodiscard]] " + return_type(fibre) + " " + n.fibre_name + "(" + parameters(n, true) +
             ") {");
    out.line("    return " + call + "::run_async(" + head + passed(*n.func, true, "") + ");\n  }");
  }
  for (const int r : interface.resources) {
    for (const Named& n : methods(r)) {
      if (n.async) continue;
      Named fibre = n;
      fibre.async = true;
      const std::string rest = parameters(n, true);
      out.line("  [[nodiscard]] " + return_type(fibre) + " " + n.fibre_name + "(" + cpp_.named(r) + "& self" +
               (rest.empty() ? "" : ", " + rest) + ") {");
      out.line("    return " + call_type(*n.func) + "::run_async(*instance_, table_->f" + index(*n.func) +
               passed(*n.func, true, "self") + ");\n  }");
    }
  }
  out.line("\n private:\n  " + name + "(::berth::abi::Instance& instance, const " + table +
           "& table) : instance_(&instance), table_(&table) {}");
  out.line("  ::berth::abi::Instance* instance_;\n  const " + table + "* table_;\n};\n");
}

void FuncEmitter::handle_class(Text& out, int resource, const std::string& table) {
  const Type& t = wit_.types[static_cast<std::size_t>(resource)];
  const std::string name = pascal(t.name);
  const std::string base = cpp_.named(resource);
  const std::vector<Func>& all = funcs_of(resource);
  out.line("// The host's handle to a guest's " + t.name + "; dropping it drops the guest's object.");
  out.line("// One thread at a time: that of its instance.");
  out.line("class " + name + "Handle final : public " + base + " {\n public:");
  out.line("  explicit " + name + "Handle(::berth::abi::GuestHandle handle) : object_(std::move(handle)) {}");
  out.line(
      "  [[nodiscard]] ::berth::abi::GuestHandle* berth_guest_handle() override { return object_.handle(); "
      "}");
  for (const Named& n : methods(resource)) {
    const std::string index = std::to_string(static_cast<std::size_t>(n.func - all.data()));
    const std::string attempt = n.async ? "BERTH_CO_TRY" : "BERTH_TRY";
    out.line("  [[nodiscard]] " + return_type(n) + " " + n.name + "(" + parameters(n, n.async) +
             ") override {");
    out.line("    ::berth::abi::Instance* berth_instance = " + attempt + "(object_.instance());");
    out.line("    const " + table + "* berth_table = " + attempt + "(berth_instance->pre().bind<" + table +
             ">());");
    out.line(std::string("    ") + (n.async ? "co_return co_await " : "return ") + call_type(*n.func) +
             (n.async ? "::run_async(" : "::run(") + "*berth_instance, berth_table->f" + index +
             passed(*n.func, n.async, n.async ? "static_cast<" + base + "&>(*this)" : "*this") + ");\n  }");
  }
  out.line("\n private:\n  ::berth::abi::GuestObject object_;\n};");
  out.space("");
  out.space(cpp_.space_of(t));
  out.line("inline std::unique_ptr<" + name + "> " + name +
           "::berth_wrap(::berth::abi::GuestHandle handle) {");
  out.line("  return std::make_unique<::" + table.substr(2, table.rfind("::") - 2) + "::" + name +
           "Handle>(std::move(handle));\n}\n");
  out.space(table.substr(2, table.rfind("::") - 2));
}

}  // namespace berth::bindgen
