// berth keygen: a key pair for signing.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "artifact/signature/key_file.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/signing.h"

namespace berth::cli {
namespace {

namespace signature = artifact::signature;

struct KeygenOptions {
  std::string prefix = "berth";
  std::string password_file;
  bool ed25519 = false;
  bool json = false;
};

Result<int> keygen(const KeygenOptions& options) {
  const auto algorithm = options.ed25519 ? signature::Algorithm::kEd25519 : signature::Algorithm::kEcdsaP256;
  const Secret password = BERTH_TRY(password_source(options.password_file, Ask::kTwice)());
  const signature::PrivateKey key = BERTH_TRY(signature::PrivateKey::generate(algorithm));
  const signature::KeyPairFiles files = BERTH_TRY(signature::write_key_pair(options.prefix, key, password));
  if (options.json) {
    print_text(nlohmann::ordered_json{{"private_key", files.private_key.string()},
                                      {"public_key", files.public_key.string()},
                                      {"algorithm", signature::algorithm_name(algorithm)},
                                      {"fingerprint", key.public_key().fingerprint()}}
                   .dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
               "\n");
    return kOk;
  }
  print_line(stdout, fmt::format("{}  signs; keep it and its password secret", files.private_key.string()));
  print_line(stdout,
             fmt::format("{}  verifies; give it to whoever runs your components", files.public_key.string()));
  return kOk;
}

}  // namespace

void add_keygen(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("keygen", "Make a key pair for signing");
  const auto options = std::make_shared<KeygenOptions>();
  command->add_option("-o,--output", options->prefix,
                      "Writes PREFIX.key and PREFIX.pub; by default berth.key, berth.pub");
  command->add_option(kPasswordFlag, options->password_file, kPasswordFlagHelp);
  command->add_flag("--ed25519", options->ed25519, "Ed25519 instead of ECDSA on P-256");
  command->add_flag("--json", options->json, "Print JSON");
  command->footer(
      "Example:\n  berth keygen --output release\nThe files are those of `cosign generate-key-pair`: each "
      "program reads the "
      "other's.");
  command->callback([&exit_code, options] {
    const Result<int> code = keygen(*options);
    if (!code) print_error(code.error());
    exit_code = code ? *code : berth::cli::exit_code(code.error().code());
  });
}

}  // namespace berth::cli
