// berth kube bindings: typed clients for guests, from CRDs, saved OpenAPI documents or a running API server.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "capabilities/kubernetes/codegen/limits.h"
#include "capabilities/kubernetes/codegen/schema.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/kube.h"
#include "cli/kube_client.h"
#include "cli/output.h"
#include "telemetry/metrics.h"

namespace berth::cli {
namespace {

using kubernetes::codegen::Schema;
using kubernetes::codegen::SchemaReader;
using kubernetes::codegen::Wanted;
using nlohmann::literals::operator""_json_pointer;

struct KubeBindingsOptions {
  std::string language = "cpp";
  std::vector<std::string> crds;
  std::vector<std::string> documents;
  std::vector<std::string> resources;
  kubernetes::ClusterChoice cluster;
  std::string include;
  std::string output = "-";
};

Result<std::string> read_file(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) return fail(Code::kNotFound, fmt::format("{}: {}", path, error.message()));
  if (size > kubernetes::codegen::kMaxSchemaBytes)
    return fail(Code::kResourceExhausted,
                fmt::format("{} has more than {} MiB", path, kubernetes::codegen::kMaxSchemaBytes >> 20));
  std::ifstream file(path, std::ios::binary);
  std::string text(size, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(size)))
    return fail(Code::kUnavailable, path + " cannot be read");
  return text;
}

using Documents = std::vector<std::pair<std::string, std::string>>;  // file and text

// The first document that describes it.
Result<void> add_from_files(SchemaReader& reader, const Wanted& wanted, const Documents& documents) {
  for (const auto& [file, text] : documents) {
    auto added = reader.add_openapi(text, wanted, file);
    if (added || added.error().code() != Code::kNotFound) return added;
  }
  return fail(Code::kNotFound, fmt::format("none of the documents describes {}", wanted.to_string()));
}

// The document of its group and version, as the API server has it; without a version, of the one that the
// server prefers.
Result<void> add_from_server(SchemaReader& reader, Wanted wanted, KubeClient& server) {
  const auto get = [&](const std::string& path) {
    return server.get(path, kubernetes::codegen::kMaxSchemaBytes);
  };
  if (wanted.version.empty() && wanted.group.empty()) wanted.version = "v1";
  if (wanted.version.empty()) {
    const auto group = BERTH_TRY(get("/apis/" + wanted.group));
    const auto json = nlohmann::json::parse(group.value_or(""), nullptr, false);
    if (const auto at = "/preferredVersion/version"_json_pointer;
        json.is_object() && json.contains(at) && json[at].is_string())
      wanted.version = json[at];
  }
  const std::string path = wanted.group.empty()
                               ? "/openapi/v3/api/" + wanted.version
                               : fmt::format("/openapi/v3/apis/{}/{}", wanted.group, wanted.version);
  const auto document = BERTH_TRY(get(path));
  if (!document)
    return fail(Code::kNotFound, fmt::format("{} serves no {}", server.server(), wanted.to_string()));
  return reader.add_openapi(*document, wanted, server.server());
}

Result<Schema> read_schema(const KubeBindingsOptions& options) {
  SchemaReader reader;
  for (const std::string& file : options.crds) {
    const std::string text = BERTH_TRY(read_file(file));
    BERTH_TRY(reader.add_crds(text, file));
  }
  Documents documents;
  for (const std::string& file : options.documents) documents.emplace_back(file, BERTH_TRY(read_file(file)));
  telemetry::Metrics metrics;
  std::unique_ptr<KubeClient> server;
  for (const std::string& resource : options.resources) {
    const Wanted wanted = BERTH_TRY(Wanted::parse(resource));
    if (!documents.empty()) {
      BERTH_TRY(add_from_files(reader, wanted, documents));
      continue;
    }
    if (!server) server = BERTH_TRY(KubeClient::open(options.cluster, metrics));
    BERTH_TRY(add_from_server(reader, wanted, *server));
  }
  return std::move(reader).take();
}

Result<int> bindings(const KubeBindingsOptions& options) {
  const Schema schema = BERTH_TRY(read_schema(options));
  const std::string text = options.language == "go" ? write_go(schema) : write_cpp(schema, options.include);
  if (options.output == "-") {
    print_text(text);
    return kOk;
  }
  std::ofstream file(options.output, std::ios::binary);
  file << text;
  if (!file.flush()) return fail(Code::kUnavailable, options.output + " cannot be written");
  return kOk;
}

}  // namespace

void add_kube_bindings(CLI::App& kube, int& exit_code) {
  CLI::App* command = kube.add_subcommand("bindings", "Write a typed client for guests, in one file");
  const auto options = std::make_shared<KubeBindingsOptions>();
  command->add_option("--lang", options->language, "cpp or go")
      ->check(CLI::IsMember({"cpp", "go"}))
      ->capture_default_str();
  command->add_option("--crd", options->crds, "All kinds of a file with CustomResourceDefinitions")
      ->type_name("FILE");
  command
      ->add_option("--openapi", options->documents,
                   "A saved OpenAPI v3 document, as /openapi/v3/apis/apps/v1 gives it")
      ->type_name("FILE");
  command->add_option("--resource", options->resources, "PLURAL, PLURAL.GROUP or PLURAL.GROUP/VERSION")
      ->type_name("R");
  command
      ->add_option("--kubeconfig", options->cluster.kubeconfig,
                   "Without --openapi: the API server that is asked")
      ->type_name("FILE");
  command->add_option("--context", options->cluster.context, "Of the kubeconfig; its current one otherwise");
  command->add_option("--include", options->include, "C++: wit-bindgen's header of your world")
      ->type_name("HEADER");
  command->add_option("-o,--output", options->output, "Where to; - is standard output")
      ->type_name("FILE")
      ->capture_default_str();
  command->footer(
      "Without --crd and --resource it is the runtime alone, which reads any kind as JSON.\n"
      "Examples:\n"
      "  berth kube bindings --resource pods --resource deployments.apps --lang go -o kube.go\n"
      "  berth kube bindings --crd applications/gather/crds/clusteroperators.yaml --include gatherer_cpp.h "
      "-o kube.h");
  command->callback([&exit_code, options] {
    const auto code = bindings(*options);
    if (!code) print_error(code.error());
    exit_code = code ? *code : cli::exit_code(code.error().code());
  });
}

}  // namespace berth::cli
