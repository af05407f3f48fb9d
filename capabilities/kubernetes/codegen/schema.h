// Schema: the kinds that a client is generated for, as an OpenAPI v3 document or a CRD describes them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace berth::kubernetes::codegen {

// What a field holds. Plain value.
struct Type {
  enum class Kind : std::uint8_t { kAny, kString, kBoolean, kInteger, kNumber, kStruct, kList, kMap };
  Kind kind = Kind::kAny;
  std::string name;           // of a struct
  std::vector<Type> element;  // of a list or map: one
};

struct Field {
  std::string json;  // as in the object
  Type type;
  std::string text;  // for a comment: one line, perhaps empty
};

struct Struct {
  std::string name;  // PascalCase, unique
  std::string text;
  std::vector<Field> fields;
};

// One kind of object.
struct Kind {
  std::string group;  // "": core
  std::string version;
  std::string plural;
  std::string object;    // the struct
  std::string accessor;  // what the client calls all of them: "ClusterOperators"
};

struct Schema {
  std::vector<Kind> kinds;
  std::vector<Struct> structs;
};

// "plural", "plural.group" or "plural.group/version". Plain value.
struct Wanted {
  std::string plural;
  std::string group;
  std::string version;  // empty: the one stored or served
  [[nodiscard]] static Result<Wanted> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
};

// Adds kinds. One thread at a time.
class SchemaReader {
 public:
  // Every served version, or the wanted ones, of a file with CustomResourceDefinitions (YAML or JSON, several
  // documents; other objects in it are passed over). `file` is for errors. kInvalidArgument: not readable,
  // or without a schema.
  [[nodiscard]] Result<void> add_crds(std::string_view text, const std::string& file);
  // The wanted kind out of an OpenAPI v3 document of its group and version. kNotFound: not in it.
  [[nodiscard]] Result<void> add_openapi(std::string_view json, const Wanted& wanted,
                                         const std::string& origin);

  [[nodiscard]] Schema take() && { return std::move(schema_); }

 private:
  class Types;
  Schema schema_;
  // Name -> what it stands for. The runtime's own first.
  std::map<std::string, std::string> names_ = {
      {"Client", ""}, {"Error", ""},   {"Kind", ""},   {"List", ""}, {"Map", ""},    {"Metadata", ""},
      {"Object", ""}, {"Objects", ""}, {"Result", ""}, {"View", ""}, {"ViewOf", ""}, {"Where", ""},
  };
};

// A client in one file: the runtime and the kinds. `include` is wit-bindgen's header ("gatherer_cpp.h").
[[nodiscard]] std::string write_cpp(const Schema& schema, const std::string& include);
[[nodiscard]] std::string write_go(const Schema& schema);

}  // namespace berth::kubernetes::codegen
