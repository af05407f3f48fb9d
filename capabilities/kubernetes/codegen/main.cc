// berth-kube-bindings: clients from files, for builds that come before the program `berth`.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "capabilities/kubernetes/codegen/schema.h"

namespace berth::kubernetes::codegen {
namespace {

Result<std::string> generate(const std::vector<std::string>& files, const std::string& language,
                             const std::string& include) {
  SchemaReader reader;
  for (const std::string& file : files) {
    std::ifstream in(file, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    if (!in) return fail(Code::kNotFound, file + " cannot be read");
    BERTH_TRY(reader.add_crds(text.str(), file));
  }
  const Schema schema = std::move(reader).take();
  return language == "go" ? write_go(schema) : write_cpp(schema, include);
}

}  // namespace
}  // namespace berth::kubernetes::codegen

int main(int argc, char** argv) {
  CLI::App app("Typed clients for guests, from CustomResourceDefinitions");
  std::vector<std::string> files;
  std::string language = "cpp", include, out;
  app.add_option("--crd", files, "a file with CustomResourceDefinitions");
  app.add_option("--lang", language)->check(CLI::IsMember({"cpp", "go"}));
  app.add_option("--include", include, "wit-bindgen's header");
  app.add_option("-o", out)->required();
  CLI11_PARSE(app, argc, argv);
  const auto text = berth::kubernetes::codegen::generate(files, language, include);
  if (!text) {
    std::cerr << "berth-kube-bindings: " << text.error().to_string() << '\n';
    return 1;
  }
  std::ofstream file(out, std::ios::binary);
  file << *text;
  if (!file.flush()) {
    std::cerr << "berth-kube-bindings: " << out << " cannot be written\n";
    return 1;
  }
  return 0;
}
