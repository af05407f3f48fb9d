// berth sign: a signature beside a manifest in a registry, or beside a file.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "artifact/file_source.h"
#include "artifact/reference.h"
#include "artifact/signature/attached.h"
#include "artifact/signature/detached.h"
#include "artifact/signature/key_file.h"
#include "artifact/signature/limits.h"
#include "artifact/signature/small_file.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/registry_flags.h"
#include "cli/signing.h"

namespace berth::cli {
namespace {

namespace signature = artifact::signature;
struct SignOptions {
  std::string target;
  std::string key;
  std::string password_file;
  std::string attach = "both";
  bool add = false;
  bool json = false;
  RegistryFlags registry;
};

signature::Places places_of(const std::string& attach) {
  if (attach == "both") return signature::Places::kBoth;
  return attach == "tag" ? signature::Places::kTag : signature::Places::kReferrers;
}

void print_signed(const SignOptions& options, const std::string& what, const artifact::Digest& digest,
                  const signature::PublicKey& key, signature::Signed done) {
  if (options.json) {
    print_text(nlohmann::ordered_json{{"target", what},
                                      {"digest", digest.to_string()},
                                      {"key", key.fingerprint()},
                                      {"signed", done == signature::Signed::kNow ? "now" : "before"}}
                   .dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
               "\n");
    return;
  }
  print_line(
      stdout,
      fmt::format("{} {}",
                  done == signature::Signed::kNow ? "signed" : "was signed by this key before:", what));
}

Result<int> sign_in_registry(const SignOptions& options, net::IoContext& io, const std::stop_token& stop) {
  const artifact::OciReference reference = BERTH_TRY(artifact::parse_oci_reference(options.target));
  // First what needs no network, and may wait for a person.
  const signature::PrivateKey key =
      BERTH_TRY(signature::read_private_key(options.key, password_source(options.password_file, Ask::kOnce)));
  const OpenRegistry registry = BERTH_TRY(OpenRegistry::open(io, reference, options.registry));
  const auto repository = registry.repository(reference);
  // The document, not only what a header says its digest is: a signature vouches for it.
  const auto document = BERTH_TRY(repository.manifest(reference.tag_or_digest(), stop));
  const signature::Signed done =
      BERTH_TRY(signature::attach(repository, document.descriptor, key, places_of(options.attach), stop));
  const artifact::Digest& digest = document.descriptor.digest;
  print_signed(options, fmt::format("oci://{}@{}", repository.shown(), digest.to_string()), digest,
               key.public_key(), done);
  return kOk;
}

Result<int> sign_file(const SignOptions& options) {
  const std::string path = BERTH_TRY(file_of(options.target));
  const artifact::Artifact content = BERTH_TRY(artifact::read_artifact(path));
  if (content.bytes.empty())
    return fail(Code::kInvalidArgument, fmt::format("{} is empty: there is nothing to vouch for", path));
  const signature::PrivateKey key =
      BERTH_TRY(signature::read_private_key(options.key, password_source(options.password_file, Ask::kOnce)));
  const std::string beside = path + std::string(signature::kDetachedSuffix);
  std::vector<signature::Bytes> all;
  if (options.add) {
    const std::string text = BERTH_TRY(signature::read_whole(beside, signature::max_detached_bytes()));
    for (signature::Signature& found : BERTH_TRY(signature::parse_detached(text, beside))) {
      if (!found.problem.empty()) {
        return fail(Code::kInvalidArgument,
                    fmt::format("{}: {}; sign without --add to write it anew", found.origin, found.problem));
      }
      // A key signs once: its signature of an older content is of no more use either, but nobody can tell.
      if (!key.public_key().verifies(content.bytes, found.value)) all.push_back(std::move(found.value));
    }
  }
  all.push_back(BERTH_TRY(key.sign(content.bytes)));
  if (all.size() > signature::kMaxSignatures) {
    return fail(Code::kResourceExhausted,
                fmt::format("{} holds {} signatures already", beside, all.size() - 1));
  }
  BERTH_TRY(signature::replace_whole(beside, signature::to_detached(all)));
  print_signed(options, fmt::format("{} in {}", path, beside), content.digest, key.public_key(),
               signature::Signed::kNow);
  return kOk;
}

}  // namespace

void add_sign(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("sign", "Sign a component in a registry or in a file");
  const auto options = std::make_shared<SignOptions>();
  command->add_option("TARGET", options->target, "oci://host/name:tag, oci://host/name@sha256:..., or a file")
      ->required();
  command->add_option("--key", options->key, "The private key, as berth keygen, cosign or openssl write it")
      ->required();
  command->add_option(kPasswordFlag, options->password_file, kPasswordFlagHelp);
  command
      ->add_option("--attach", options->attach,
                   "Registry: as \"tag\" (which cosign reads), as \"referrer\" (OCI 1.1), or \"both\"")
      ->check(CLI::IsMember({"tag", "referrer", "both"}))
      ->option_text("WHERE");
  command->add_flag("--add", options->add, "File: keep the signatures that are in FILE.sig, by other keys");
  command->add_flag("--json", options->json, "Print JSON");
  add_registry_flags(*command, options->registry, "registry-");
  command->footer(
      "Example:\n  berth sign --key release.key oci://127.0.0.1:5000/gather/core:v1\n  berth sign --key "
      "release.key store.wasm\n"
      "A signature is of the digest that the tag has now; move the tag, and sign again. `cosign verify` and\n"
      "`cosign verify-blob` accept it.");
  command->callback([&exit_code, options] {
    exit_code = run_with_registry([&](auto& io, const auto& stop) -> Result<int> {
      return is_in_registry(options->target) ? sign_in_registry(*options, io, stop) : sign_file(*options);
    });
  });
}

}  // namespace berth::cli
