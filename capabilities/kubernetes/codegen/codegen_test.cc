// Names, reading of schemas, and what is written. That the result compiles and reads real objects is seen in
// tests/kubernetes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "capabilities/kubernetes/codegen/limits.h"
#include "capabilities/kubernetes/codegen/names.h"
#include "capabilities/kubernetes/codegen/schema.h"

namespace berth::kubernetes::codegen {
namespace {

using testing::HasSubstr;

TEST(Names, MethodsFollowTheWordsOfTheField) {
  EXPECT_EQ(cpp_method("clusterID"), "cluster_id");
  EXPECT_EQ(cpp_method("podIPs"), "pod_ips");
  EXPECT_EQ(cpp_method("podIPsPerNode"), "pod_ips_per_node");
  EXPECT_EQ(cpp_method("HTTPGetAction"), "http_get_action");
  EXPECT_EQ(cpp_method("$ref"), "ref");
  EXPECT_EQ(cpp_method("x-kubernetes-map-type"), "x_kubernetes_map_type");
  EXPECT_EQ(cpp_method("namespace"), "namespace_");
  EXPECT_EQ(cpp_method("at"), "at_");
  EXPECT_EQ(cpp_method("0day"), "field_0day");
  EXPECT_EQ(cpp_method("\"; system(\""), "system");
  EXPECT_EQ(go_method("text"), "Text_");
  EXPECT_EQ(go_method("lastTransitionTime"), "LastTransitionTime");
}

TEST(Names, PluralsTakeTheCapitalsOfTheKind) {
  EXPECT_EQ(plural_of_kind("ClusterOperator", "clusteroperators"), "ClusterOperators");
  EXPECT_EQ(plural_of_kind("NetworkPolicy", "networkpolicies"), "NetworkPolicies");
  EXPECT_EQ(singular("policies"), "policy");
  EXPECT_EQ(singular("addresses"), "address");
  EXPECT_EQ(singular("status"), "statusItem");
}

// Without printing the whole.
bool has(const std::string& text, std::string_view line) { return text.find(line) != text.npos; }

std::string crd(std::string_view properties) {
  return std::string(R"(apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
spec:
  group: example.org
  names: { kind: Ship, plural: ships }
  versions:
    - name: v1
      served: true
      schema:
        openAPIV3Schema:
          type: object
          properties: )") +
         std::string(properties) + "\n";
}

Result<Schema> read(std::string_view text) {
  SchemaReader reader;
  if (auto added = reader.add_crds(text, "ships.yaml"); !added) return std::unexpected(added.error());
  return std::move(reader).take();
}

TEST(Crds, EveryTypeIsReadInBothLanguages) {
  const auto schema = read(crd(R"({
    metadata: {type: object},
    spec: {type: object, description: "What it \"is\".\nMore.", properties: {
      cargoTons: {type: integer}, fast: {type: boolean}, draft: {type: number},
      port: {x-kubernetes-int-or-string: true},
      crew: {type: array, items: {type: object, properties: {name: {type: string}}}},
      routes: {type: object, additionalProperties: {type: array, items: {type: string}}}}}})"));
  ASSERT_TRUE(schema) << schema.error().to_string();
  const std::string cpp = write_cpp(*schema, "world_cpp.h");
  for (const std::string_view line :
       {"#include \"world_cpp.h\"", "class Ship : public Object {", "// What it \"is\".\n",
        "std::int64_t cargo_tons() const", "double draft() const", "View port() const",
        "List<ShipSpecCrewItem> crew() const", "Map<List<std::string>> routes() const",
        "Kind<Ship> ships() const { return {\"example.org\", \"v1\", \"ships\"}; }"})
    EXPECT_TRUE(has(cpp, line)) << line;
  EXPECT_FALSE(has(cpp, "More."));
  const std::string go = write_go(*schema);
  for (const std::string_view line :
       {"type Ship struct{ Object }",
        "func (o ShipSpec) CargoTons() int64 { return o.At(\"cargoTons\").AsInt() }",
        "func (o ShipSpec) Crew() List[ShipSpecCrewItem]", "func (o ShipSpec) Routes() Map[List[string]]",
        "func Ships() Kind[Ship] {"})
    EXPECT_TRUE(has(go, line)) << line;
}

TEST(Crds, TwoVersionsHaveTwoNames) {
  SchemaReader reader;
  std::string text = crd("{}");
  text += R"(    - name: v2beta1
      served: true
      schema: { openAPIV3Schema: { type: object } }
    - name: v0
      served: false
)";
  ASSERT_TRUE(reader.add_crds(text, "ships.yaml"));
  const std::string cpp = write_cpp(std::move(reader).take(), "");
  EXPECT_TRUE(has(cpp, "Kind<ShipV1> ships_v1()"));
  EXPECT_TRUE(has(cpp, "Kind<ShipV2beta1> ships_v2beta1()"));
}

TEST(Crds, AKindMayBeCalledWhatTheRuntimeIs) {
  std::string text = crd("{list: {type: object, properties: {a: {type: string}}}}");
  text.replace(text.find("kind: Ship"), 10, "kind: View");
  const auto schema = read(text);
  ASSERT_TRUE(schema) << schema.error().to_string();
  EXPECT_EQ(schema->kinds[0].object, "ShipsExampleOrgV1");
}

// What a strange file says gets into no code but as a name or a comment.
TEST(Crds, NothingOfAFileBecomesCode) {
  const std::string evil = "x\"}; } int evil() { return 1; } //";
  for (const std::string_view where : {"group: example.org", "plural: ships", "name: v1"}) {
    std::string text = crd("{}");
    const auto at = text.find(where);
    text.replace(at, where.size(), std::string(where.substr(0, where.find(' ') + 1)) + "'" + evil + "'");
    const auto schema = read(text);
    ASSERT_FALSE(schema) << where;
    EXPECT_EQ(schema.error().code(), Code::kInvalidArgument);
  }
  std::string wide;
  for (int i = 0; i < 60; ++i) wide += "\xE8\x88\xB9";  // no space to cut it at
  const auto schema =
      read(crd("{'a\"; evil()': {type: string, description: \"one\\nint evil();\"}, b: {type: string, "
               "description: " +
               wide + "}}"));
  ASSERT_TRUE(schema) << schema.error().to_string();
  for (const std::string& code : {write_cpp(*schema, ""), write_go(*schema)}) {
    EXPECT_FALSE(has(code, "int evil();"));
    EXPECT_TRUE(has(code, "At(\"a\\\"; evil()\")") || has(code, "at(\"a\\\"; evil()\")"));
    EXPECT_TRUE(has(code, "\xE8\x88\xB9 ...\n"));
  }
}

TEST(Crds, SeveralDocumentsAndOtherObjects) {
  const auto schema = read("---\napiVersion: v1\nkind: Namespace\n---\n" + crd("{}") + "---\n");
  ASSERT_TRUE(schema) << schema.error().to_string();
  EXPECT_EQ(schema->kinds.size(), 1u);
}

TEST(Crds, WhatCannotBeReadIsSaid) {
  std::string deep = "{a: {type: string}}";
  for (int i = 0; i < 20; ++i) deep = "{a: {type: object, properties: " + deep + "}}";
  const std::pair<std::string, std::string> cases[] = {
      {"", "ships.yaml holds no CustomResourceDefinition"},
      {"kind: Namespace\n", "ships.yaml holds no CustomResourceDefinition"},
      {"kind: [", "ships.yaml:"},
      {"kind: CustomResourceDefinition\n", "without spec.group"},
      {"kind: CustomResourceDefinition\nspec: {group: a, names: {kind: A, plural: as}, versions: [{name: "
       "v1}]}\n",
       "without a name or without schema.openAPIV3Schema"},
      {crd(deep), "more than 32 deep"},  // the manifest's own bound on YAML
      {std::string(kMaxSchemaBytes + 1, ' '), "MiB"},
  };
  for (const auto& [text, message] : cases) {
    const auto schema = read(text);
    ASSERT_FALSE(schema) << text.substr(0, 200);
    EXPECT_THAT(schema.error().to_string(), HasSubstr(message));
  }
}

TEST(OpenApi, ReferencesAreFollowedOnce) {
  const std::string document = R"({"paths": {"/apis/apps/v1/namespaces/{namespace}/ships/{name}": {"get": {
      "x-kubernetes-group-version-kind": {"group": "apps", "kind": "Ship", "version": "v1"},
      "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/io.x.apps.v1.Ship"}}}}}}}},
    "components": {"schemas": {
      "io.x.apps.v1.Ship": {"properties": {
        "metadata": {"allOf": [{"$ref": "#/components/schemas/io.x.meta.v1.ObjectMeta"}]},
        "spec": {"allOf": [{"$ref": "#/components/schemas/io.x.apps.v1.ShipSpec"}], "default": {}}}},
      "io.x.meta.v1.ObjectMeta": {"properties": {"name": {"type": "string"}}},
      "io.x.apps.v1.ShipSpec": {"properties": {
        "built": {"allOf": [{"$ref": "#/components/schemas/io.x.Time"}]},
        "size": {"$ref": "#/components/schemas/io.x.resource.Quantity"},
        "port": {"$ref": "#/components/schemas/io.x.IntOrString"},
        "inner": {"type": "array", "items": {"$ref": "#/components/schemas/io.x.apps.v1.ShipSpec"}},
        "template": {"$ref": "#/components/schemas/io.x.meta.v1.ObjectMeta"}}},
      "io.x.Time": {"type": "string", "format": "date-time"},
      "io.x.resource.Quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
      "io.x.IntOrString": {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]}}}})";
  SchemaReader reader;
  const auto added = reader.add_openapi(document, {"ships", "apps", ""}, "the server");
  ASSERT_TRUE(added) << added.error().to_string();
  const std::string cpp = write_cpp(std::move(reader).take(), "");
  for (const std::string_view line :
       {"std::string built() const", "std::string size() const", "View port() const",
        "List<ShipSpec> inner() const", "Metadata template_() const", "Kind<Ship> ships()"})
    EXPECT_TRUE(has(cpp, line)) << line;
  EXPECT_FALSE(has(cpp, "class ObjectMeta"));

  SchemaReader other;
  const auto none = other.add_openapi(document, {"boats", "apps", ""}, "the server");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), Code::kNotFound);
  EXPECT_THAT(none.error().message(), HasSubstr("the server describes no boats.apps"));
  for (const std::string_view bad : {"", "[]", "{", "{\"paths\": []}", "{\"paths\": {\"/ships/{name}\": 1}}"})
    EXPECT_FALSE(other.add_openapi(bad, {"ships", "apps", ""}, "the server")) << bad;
}

TEST(Wanted, NamesAResource) {
  const auto wanted = Wanted::parse("deployments.apps/v1");
  ASSERT_TRUE(wanted);
  EXPECT_EQ(wanted->plural, "deployments");
  EXPECT_EQ(wanted->group, "apps");
  EXPECT_EQ(wanted->version, "v1");
  EXPECT_EQ(Wanted::parse("clusteroperators.config.openshift.io")->group, "config.openshift.io");
  for (const std::string_view bad : {"", "/", "pods/", "Pods", "pods?", "a b", "../x"})
    EXPECT_FALSE(Wanted::parse(bad)) << bad;
}

}  // namespace
}  // namespace berth::kubernetes::codegen
